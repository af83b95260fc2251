/* Making a store hold again, keeping what verifies: see store_check.h. */
#include "results/store_check.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "results/store_internal.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- mending ---- */

#define OF_RUN(table) "DELETE FROM " table " WHERE run = ?1"

static int remove_results(struct store *s, const char *run, struct err *e)
{
    int rc;
    if ((rc = store__exec(s, e, OF_RUN("metric"), "t", run)) < 0 ||
        (rc = store__exec(s, e, OF_RUN("curve"), "t", run)) < 0 ||
        (rc = store__exec(s, e, OF_RUN("prediction"), "t", run)) < 0)
        return rc;
    return store__exec(s, e, OF_RUN("artifact"), "t", run);
}

static int lose(struct store *s, const char *run, const char *reason, struct err *e)
{
    int rc = remove_results(s, run, e);
    if (rc < 0)
        return rc;
    return store__exec(s, e,
                       "UPDATE attempt SET state = 'lost', class = 'lost', reason = ?2, "
                       "seal = NULL, details = NULL WHERE run = ?1 AND state = 'done'",
                       "tt", run, reason);
}

int store_lose(struct store *s, const char *run, const char *reason, struct err *e)
{
    int rc = store__begin_write(s, e);
    return rc < 0 ? rc : store__finish(s, lose(s, run, reason, e), e);
}

static int remove_run(struct store *s, const char *run, struct err *e)
{
    int rc = remove_results(s, run, e);
    if (rc < 0 || (rc = store__exec(s, e, OF_RUN("attempt"), "t", run)) < 0)
        return rc;
    return store__exec(s, e, "DELETE FROM run WHERE id = ?1", "t", run);
}

/* Attempts keep their place where only the note on code or machine is gone. */
static const char without_owner[] =
    "DELETE FROM attempt WHERE run NOT IN (SELECT id FROM run);"
    "INSERT INTO revision (id, hash, git_commit, dirty, diff, runner_sha256, build)"
    "  SELECT DISTINCT revision, 'lost ' || revision, '', 1, '', '', 'lost with a damaged store'"
    "  FROM attempt WHERE revision NOT IN (SELECT id FROM revision);"
    "INSERT INTO machine (id, hash, facts)"
    "  SELECT DISTINCT machine, 'lost ' || machine, '{}'"
    "  FROM attempt WHERE machine NOT IN (SELECT id FROM machine);"
#define STRAYS(table)                                                                              \
    "DELETE FROM " table " WHERE NOT EXISTS (SELECT 1 FROM attempt a WHERE a.run = " table         \
    ".run AND a.n = " table ".n AND a.state = 'done');"
    STRAYS("metric") STRAYS("curve") STRAYS("prediction") STRAYS("artifact");

struct flaws {
    struct {
        enum store_flaw flaw;
        char *run, *text;
    } * items;
    size_t n, capacity;
};

static void keep_flaw(void *arg, enum store_flaw flaw, const char *run, const char *text)
{
    struct flaws *f = arg;
    MEM_PUSH(f->items, f->n, f->capacity).flaw = flaw;
    f->items[f->n - 1].run = mem_strdup(run);
    f->items[f->n - 1].text = mem_strdup(text);
}

static int mend(struct store *s, const struct flaws *f, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < f->n && rc == 0; i++)
        if (f->items[i].flaw == STORE_FLAW_SPEC)
            rc = remove_run(s, f->items[i].run, e);
        else if (f->items[i].flaw == STORE_FLAW_COLUMN)
            rc = store__columns_mend(s, f->items[i].run, e);
        else if (f->items[i].flaw == STORE_FLAW_SEAL)
            rc = lose(s, f->items[i].run, f->items[i].text, e);
    return rc ? rc : store__script(s, without_owner, e);
}

static int find_and_mend(struct store *s, struct err *e)
{
    struct flaws f = {0};
    struct store_check c = {.found = keep_flaw, .arg = &f};
    int rc = store_check(s, &c, e);
    for (size_t i = 0; i < f.n && rc == 0; i++)
        if (f.items[i].flaw == STORE_FLAW_FILE)
            rc = err_set(e, ERR_CORRUPT, "'%s': %s", store_path(s), f.items[i].text);
    if (rc == 0 && (rc = store__begin_write(s, e)) == 0)
        rc = store__finish(s, mend(s, &f, e), e);
    for (size_t i = 0; i < f.n; i++) {
        free(f.items[i].run);
        free(f.items[i].text);
    }
    free(f.items);
    return rc;
}

/* A row that belongs to nothing may be removed only after what belongs to it, so foreign keys are
 * proven at the end instead of at each step. */
static int mend_unbound(struct store *s, struct err *e)
{
    int rc = store__script(s, "PRAGMA foreign_keys = OFF", e);
    if (rc == 0)
        rc = find_and_mend(s, e);
    struct err ignored;
    store__script(s, "PRAGMA foreign_keys = ON", &ignored);
    return rc;
}

int store_mend(struct store *s, const char *copy, struct err *e)
{
    int rc = store__copy(s, copy, e);
    return rc < 0 ? rc : mend_unbound(s, e);
}

/* ---- rebuilding ---- */

static bool has_column(sqlite3 *db, const char *table, const char *column)
{
    return sqlite3_table_column_metadata(db, "main", table, column, NULL, NULL, NULL, NULL, NULL) ==
           SQLITE_OK;
}

/* Names of the columns that both have, with commas; "" when there is none. */
static void shared_columns(struct store *to, sqlite3 *from, const char *table, struct str *names,
                           struct str *marks)
{
    sqlite3_stmt *q;
    char *sql = str_format("SELECT * FROM %s LIMIT 0", table);
    if (sqlite3_prepare_v2(to->db, sql, -1, &q, NULL) == SQLITE_OK) {
        for (int i = 0; i < sqlite3_column_count(q); i++) {
            const char *name = sqlite3_column_name(q, i);
            if (!has_column(from, table, name))
                continue;
            str_addf(names, "%s%s", names->size ? ", " : "", name);
            str_add(marks, marks->size ? ", ?" : "?");
        }
        sqlite3_finalize(q);
    }
    free(sql);
}

/* Copy rows until the end or the first that cannot be read; true at the end. A row that its new
 * table refuses is passed over. */
static bool copy_rows(sqlite3_stmt *from, sqlite3_stmt *to)
{
    int rc, n = sqlite3_column_count(from);
    while ((rc = sqlite3_step(from)) == SQLITE_ROW) {
        for (int i = 0; i < n; i++)
            sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
        sqlite3_step(to);
        sqlite3_reset(to);
    }
    return rc == SQLITE_DONE;
}

/* From the first row on, and if that breaks off, from the last one back: what lies on damaged pages
 * between them is gone. */
static void rescue_table(struct store *to, sqlite3 *from, const char *table)
{
    static const char *const orders[] = {"ASC", "DESC"};
    struct str names = STR_INIT, marks = STR_INIT;
    sqlite3_stmt *in = NULL;
    shared_columns(to, from, table, &names, &marks);
    char *sql =
        str_format("INSERT OR IGNORE INTO %s (%s) VALUES (%s)", table, names.data, marks.data);
    bool end = !names.size || sqlite3_prepare_v2(to->db, sql, -1, &in, NULL) != SQLITE_OK;
    for (int i = 0; i < 2 && !end; i++) {
        sqlite3_stmt *out;
        char *query = str_format("SELECT %s FROM %s NOT INDEXED ORDER BY rowid %s", names.data,
                                 table, orders[i]);
        if (sqlite3_prepare_v2(from, query, -1, &out, NULL) == SQLITE_OK)
            end = copy_rows(out, in);
        sqlite3_finalize(out);
        free(query);
    }
    sqlite3_finalize(in);
    free(sql);
    str_release(&names);
    str_release(&marks);
}

static int rescue(struct store *to, const char *path, struct err *e)
{
    static const char *const tables[] = {"revision", "machine", "run",        "attempt",
                                         "metric",   "curve",   "prediction", "artifact"};
    sqlite3 *from = NULL;
    int rc = store__script(to, "PRAGMA foreign_keys = OFF", e);
    if (rc < 0)
        return rc;
    if (sqlite3_open_v2(path, &from, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        !has_column(from, "run", "spec")) {
        rc =
            err_set(e, ERR_CORRUPT,
                    "nothing of '%s' can be read (%s); restore it from a copy, or move it away and "
                    "run again",
                    path, sqlite3_errmsg(from));
    } else if ((rc = store__begin_write(to, e)) == 0) {
        for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
            rescue_table(to, from, tables[i]);
        rc = store__finish(to, 0, e);
    }
    sqlite3_close(from);
    return rc ? rc : mend_unbound(to, e);
}

static int count_rebuilt(struct store *s, struct store_rebuilt *out, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e,
                          "SELECT (SELECT count(*) FROM run), (SELECT count(DISTINCT run) FROM "
                          "attempt WHERE state = 'done')",
                          "");
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc < 0)
        return rc;
    *out = (struct store_rebuilt){(size_t)store__int(q, 0), (size_t)store__int(q, 1)};
    store__end(q);
    // One file, nothing beside it: it is about to be renamed.
    return store__script(s, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE", e);
}

static int rename_beside(const char *from, const char *to, const char *ending, struct err *e)
{
    char *a = str_format("%s%s", from, ending), *b = str_format("%s%s", to, ending);
    int rc = sys_rename(a, b) < 0 && errno != ENOENT ? err_sys(e, "cannot rename '%s'", a) : 0;
    free(a);
    free(b);
    return rc;
}

/* There is a store under this name at every moment. */
static int replace(const char *path, const char *fresh, const char *aside, struct err *e)
{
    int rc = link(path, aside) < 0 ? err_sys(e, "cannot keep '%s' as '%s'", path, aside) : 0;
    if (rc == 0)
        rc = rename_beside(path, aside, "-wal", e);
    if (rc == 0)
        rc = rename_beside(path, aside, "-shm", e);
    return rc ? rc : rename_beside(fresh, path, "", e);
}

/* The "-wal" of another database must never lie beside a new one. */
static void remove_all(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char *name = str_format("%s%s", path, endings[i]);
        unlink(name);
        free(name);
    }
}

int store_rebuild(const char *path, const char *aside, struct store_rebuilt *out, struct err *e)
{
    struct store held = {.path = (char *)path, .lock = -1}, *to = NULL;
    char *fresh = str_format("%s.rebuilt", path), *lock = str_format("%s.lock", fresh);
    remove_all(fresh); // of an earlier try that was killed
    int rc = store__lock(&held, e);
    if (rc == 0)
        rc = store_open(&to, fresh, STORE_WRITE, e);
    if (rc == 0)
        rc = rescue(to, path, e);
    if (rc == 0)
        rc = count_rebuilt(to, out, e);
    store_close(to);
    unlink(lock);
    if (rc == 0)
        rc = replace(path, fresh, aside, e);
    if (rc < 0)
        remove_all(fresh);
    if (held.lock >= 0)
        close(held.lock);
    free(lock);
    free(fresh);
    return rc;
}
