/* Merging stores: see store_merge.h. The other store is copied beside ours, brought up to date and
 * attached, so that one transaction of plain SQL does the work. */
#include "results/store_merge.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/store_check.h"
#include "results/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- before ---- */

static int check_other(const struct store *s, const char *other, struct err *e)
{
    struct stat ours, theirs;
    if (stat(other, &theirs) < 0)
        return err_set(e, ERR_MISSING, "'%s' is not there", other);
    if (S_ISDIR(theirs.st_mode))
        return err_set(e, ERR_USAGE, "'%s' is a folder; name the 'promptgrid.sqlite' in it", other);
    if (stat(store_path(s), &ours) == 0 && ours.st_ino == theirs.st_ino &&
        ours.st_dev == theirs.st_dev)
        return err_set(e, ERR_USAGE, "'%s' is the store of this workspace", other);
    char *lock = str_format("%s.lock", other);
    int fd = open(lock, O_RDONLY | O_CLOEXEC), rc = 0;
    if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        rc = err_set(e, ERR_BUSY, "'%s' is being written; wait until its scheduler ends or stop it",
                     other);
    if (fd >= 0)
        close(fd);
    free(lock);
    return rc;
}

/* Keeps the first finding. */
static void keep_first(void *arg, enum store_flaw flaw, const char *run, const char *text)
{
    char **first = arg;
    (void)flaw;
    if (!*first)
        *first = *run ? str_format("run %.12s: %s", run, text) : mem_strdup(text);
}

static int must_hold(struct store *s, const char *name, struct err *e)
{
    char *first = NULL;
    struct store_check c = {.found = keep_first, .arg = &first};
    int rc = store_check(s, &c, e);
    if (rc == 0 && first)
        rc = err_set(e, ERR_CORRUPT,
                     "'%s' does not hold: %s; 'promptgrid check' tells all, 'promptgrid repair' "
                     "keeps what verifies",
                     name, first);
    free(first);
    return rc;
}

/* Nobody writes the store, so whoever ran these is gone. Its end is not known: the start stands for
 * it, which is the same wherever this is said. */
static const char end_running[] =
    "UPDATE attempt SET state = 'lost', class = 'lost', finished = started,"
    " reason = 'the scheduler ended before the run did' WHERE state = 'running'";

static int prepare(struct store *s, const char *name, struct err *e)
{
    int rc = must_hold(s, name, e);
    return rc ? rc : store__script(s, end_running, e);
}

static int copy_other(const char *other, const char *copy, struct err *e)
{
    struct store *from;
    int rc = store_open(&from, other, STORE_LOOK, e);
    if (rc == 0)
        rc = store__copy(from, copy, e);
    store_close(from);
    if (rc == 0)
        rc = store_open(&from, copy, STORE_WRITE, e); // brings it up to date
    if (rc < 0)
        return rc;
    rc = prepare(from, other, e);
    store_close(from);
    return rc;
}

static void remove_copy(const char *copy)
{
    static const char *const endings[] = {"",        "-wal",    "-shm",    ".lock",
                                          ".v1.bak", ".v2.bak", ".v3.bak", ".v4.bak",
                                          ".v5.bak", ".v6.bak", ".v7.bak"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char *name = str_format("%s%s", copy, endings[i]);
        unlink(name);
        free(name);
    }
}

/* ---- columns ---- */

/* Names of the table's columns with commas, but for those in `but` (between spaces); each as
 * `format` has it. Yours to free(). */
static int columns(struct store *s, const char *table, const char *but, const char *format,
                   const char *between, char **out, struct err *e)
{
    struct sqlite3_stmt *q;
    struct str names = STR_INIT;
    int rc =
        store__query(s, &q, e, "SELECT name FROM pragma_table_info(?1) ORDER BY cid", "t", table);
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1) {
            char *word = str_format(" %s ", store__text(q, 0));
            if (!strstr(but, word)) {
                char *part = str_format(format, store__text(q, 0));
                str_addf(&names, "%s%s", names.size ? between : "", part);
                free(part);
            }
            free(word);
        }
    *out = str_detach(&names);
    return rc;
}

static int run_formatted(struct store *s, struct err *e, char *sql)
{
    int rc = store__script(s, sql, e);
    free(sql);
    return rc;
}

/* ---- rows without attempts ---- */

static int add_missing(struct store *s, const char *table, const char *key, struct err *e)
{
    char *names;
    int rc = columns(s, table, str_eq(key, "hash") ? " id " : "  ", "%s", ", ", &names, e);
    if (rc == 0)
        rc = run_formatted(s, e,
                           str_format("INSERT OR IGNORE INTO main.%s (%s) SELECT %s FROM other.%s "
                                      "ORDER BY %s",
                                      table, names, names, table, key));
    free(names);
    return rc;
}

/* ---- attempts ---- */

static const char make_merging[] =
    "DROP TABLE IF EXISTS temp.merging;"
    "CREATE TEMP TABLE merging (run TEXT, ours INTEGER, n INTEGER, state TEXT, started TEXT,"
    " seal TEXT, files TEXT, key TEXT, to_n INTEGER);"
    "CREATE INDEX temp.merging_key ON merging (run, key);";

/* `key` is all that an attempt says, so the same text is the same attempt. */
static int list_attempts(struct store *s, const char *schema, struct err *e)
{
    char *key;
    int rc =
        columns(s, "attempt", " run n revision machine ", "quote(a.%s)", " || ',' || ", &key, e);
    if (rc == 0)
        rc = run_formatted(
            s, e,
            str_format(
                "INSERT INTO temp.merging (run, ours, n, state, started, seal, files, key) "
                "SELECT a.run, %d, a.n, a.state, a.started, a.seal, "
                "coalesce((SELECT group_concat(x) FROM (SELECT kind || sha256 AS x "
                "FROM %s.artifact f WHERE f.run = a.run AND f.n = a.n ORDER BY kind)), ''), "
                "%s || ',' || v.hash || ',' || m.hash FROM %s.attempt a "
                "JOIN %s.revision v ON v.id = a.revision JOIN %s.machine m ON m.id = a.machine "
                "WHERE a.run IN (SELECT run FROM other.attempt)",
                str_eq(schema, "main"), schema, key, schema, schema, schema));
    free(key);
    return rc;
}

/* What is said twice goes, ours first; then the rest is numbered. A row that is dropped has no
 * to_n.
 */
static const char order_attempts[] =
    "DELETE FROM temp.merging AS t WHERE NOT ours AND EXISTS (SELECT 1 FROM temp.merging o"
    " WHERE o.run = t.run AND o.key = t.key AND o.ours);"
    "CREATE TEMP TABLE kept AS SELECT rowid AS id,"
    " row_number() OVER (PARTITION BY run ORDER BY started, key) AS n FROM temp.merging t"
    " WHERE state <> 'done' OR NOT EXISTS (SELECT 1 FROM temp.merging o WHERE o.run = t.run"
    "  AND o.state = 'done' AND o.seal = t.seal AND o.files = t.files"
    "  AND (o.started, o.key) < (t.started, t.key));"
    "UPDATE temp.merging SET to_n = (SELECT n FROM temp.kept k WHERE k.id = merging.rowid);"
    "DROP TABLE temp.kept;";

static const char *const children[] = {"metric", "curve", "prediction", "artifact"};
enum { CHILDREN = sizeof children / sizeof children[0] };

/* Ours that stay get their number, by way of negative ones, so that no two ever have the same. */
static int renumber(struct store *s, const char *table, struct err *e)
{
    return run_formatted(
        s, e,
        str_format("DELETE FROM main.%s AS t WHERE EXISTS (SELECT 1 FROM temp.merging m WHERE "
                   "m.ours AND m.run = t.run AND m.n = t.n AND m.to_n IS NULL);"
                   "UPDATE main.%s AS t SET n = -m.to_n FROM temp.merging m WHERE m.ours "
                   "AND m.run = t.run AND m.n = t.n AND m.to_n <> t.n;"
                   "UPDATE main.%s SET n = -n WHERE n < 0;",
                   table, table, table));
}

static int add_attempts(struct store *s, struct err *e)
{
    char *names, *values = NULL;
    int rc = columns(s, "attempt", " run n revision machine ", "%s", ", ", &names, e);
    if (rc == 0)
        rc = columns(s, "attempt", " run n revision machine ", "a.%s", ", ", &values, e);
    if (rc == 0)
        rc = run_formatted(s, e,
                           str_format("INSERT INTO main.attempt (run, n, revision, machine, %s) "
                                      "SELECT a.run, t.to_n, v.id, m.id, %s FROM temp.merging t "
                                      "JOIN other.attempt a ON a.run = t.run AND a.n = t.n "
                                      "JOIN other.revision w ON w.id = a.revision "
                                      "JOIN main.revision v ON v.hash = w.hash "
                                      "JOIN other.machine x ON x.id = a.machine "
                                      "JOIN main.machine m ON m.hash = x.hash "
                                      "WHERE NOT t.ours AND t.to_n IS NOT NULL",
                                      names, values));
    free(values);
    free(names);
    return rc;
}

static int add_children(struct store *s, const char *table, struct err *e)
{
    char *names, *values = NULL;
    int rc = columns(s, table, " run n ", "%s", ", ", &names, e);
    if (rc == 0)
        rc = columns(s, table, " run n ", "c.%s", ", ", &values, e);
    if (rc == 0)
        rc = run_formatted(
            s, e,
            str_format("INSERT INTO main.%s (run, n, %s) SELECT t.run, t.to_n, %s FROM "
                       "temp.merging t JOIN other.%s c ON c.run = t.run AND c.n = t.n "
                       "WHERE NOT t.ours AND t.to_n IS NOT NULL",
                       table, names, values, table));
    free(values);
    free(names);
    return rc;
}

static int merge_rows(struct store *s, struct err *e)
{
    int rc;
    if ((rc = store__script(s, "PRAGMA defer_foreign_keys = ON", e)) < 0 ||
        (rc = add_missing(s, "revision", "hash", e)) < 0 ||
        (rc = add_missing(s, "machine", "hash", e)) < 0 ||
        (rc = add_missing(s, "run", "id", e)) < 0 || (rc = store__script(s, make_merging, e)) < 0 ||
        (rc = list_attempts(s, "main", e)) < 0 || (rc = list_attempts(s, "other", e)) < 0)
        return rc;
    return store__script(s, order_attempts, e);
}

static int merge_attempts(struct store *s, struct err *e)
{
    int rc = 0;
    for (int i = 0; i < CHILDREN && rc == 0; i++)
        rc = renumber(s, children[i], e);
    if (rc == 0)
        rc = renumber(s, "attempt", e);
    if (rc == 0)
        rc = add_attempts(s, e);
    for (int i = 0; i < CHILDREN && rc == 0; i++)
        rc = add_children(s, children[i], e);
    return rc;
}

/* ---- what came of it ---- */

static int count(struct store *s, const char *sql, size_t *n, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e, sql, "");
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc != 1)
        return rc;
    *n = (size_t)store__int(q, 0);
    store__end(q);
    return 0;
}

/* Results of the run that was `run` last, or a new object. */
static json_t *results_of(json_t *conflicts, const char *run, const char *spec)
{
    json_t *last = json_array_get(conflicts, json_array_size(conflicts) - 1);
    if (!last || !str_eq(json_string_value(json_object_get(last, "run")), run)) {
        json_t *parsed = json_loads(spec, 0, NULL);
        last = json_pack("{s:s, s:o, s:[]}", "run", run, "spec", parsed ? parsed : json_null(),
                         "results");
        json_array_append_new(conflicts, last);
    }
    return json_object_get(last, "results");
}

static int list_conflicts(struct store *s, json_t *conflicts, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(
        s, &q, e,
        "SELECT a.run, r.spec, a.n, v.git_commit, m.split, m.name, m.value FROM attempt a "
        "JOIN run r ON r.id = a.run JOIN revision v ON v.id = a.revision "
        "LEFT JOIN metric m ON m.run = a.run AND m.n = a.n "
        "WHERE a.state = 'done' AND a.run IN (SELECT run FROM temp.merging WHERE state = 'done' "
        "GROUP BY run HAVING count(DISTINCT seal) > 1) ORDER BY a.run, a.n, m.split, m.name",
        "");
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1) {
            json_t *results = results_of(conflicts, store__text(q, 0), store__text(q, 1));
            json_t *last = json_array_get(results, json_array_size(results) - 1);
            if (!last || json_integer_value(json_object_get(last, "attempt")) != store__int(q, 2)) {
                last = json_pack("{s:I, s:s, s:{}}", "attempt", (json_int_t)store__int(q, 2),
                                 "commit", store__text(q, 3), "metrics");
                json_array_append_new(results, last);
            }
            char *name = str_format("%s %s", store__text(q, 4), store__text(q, 5));
            json_object_set_new(json_object_get(last, "metrics"), name,
                                json_real(store__real(q, 6)));
            free(name);
        }
    return rc;
}

static int merge(struct store *s, struct store_merged *out, struct err *e)
{
    int rc;
    if ((rc = count(s, "SELECT count(*) FROM other.run WHERE id NOT IN (SELECT id FROM main.run)",
                    &out->runs, e)) < 0 ||
        (rc = merge_rows(s, e)) < 0 || (rc = merge_attempts(s, e)) < 0 ||
        (rc = count(s, "SELECT count(*) FROM temp.merging WHERE NOT ours AND to_n IS NOT NULL",
                    &out->attempts, e)) < 0 ||
        (rc =
             count(s,
                   "SELECT count(*) FROM (SELECT run, seal FROM other.attempt WHERE state = 'done' "
                   "INTERSECT SELECT run, seal FROM temp.merging WHERE ours AND state = 'done')",
                   &out->equal, e)) < 0)
        return rc;
    return list_conflicts(s, out->conflicts, e);
}

int store_merge(struct store *s, const char *other, struct store_merged *out, struct err *e)
{
    char *copy = str_format("%s.merge", store_path(s));
    *out = (struct store_merged){.conflicts = json_array()};
    remove_copy(copy); // of an earlier try that was killed
    int rc;
    if ((rc = check_other(s, other, e)) < 0 || (rc = prepare(s, store_path(s), e)) < 0 ||
        (rc = copy_other(other, copy, e)) < 0 ||
        (rc = store__exec(s, e, "ATTACH ?1 AS other", "t", copy)) < 0)
        goto out;
    if ((rc = store__begin_write(s, e)) == 0)
        rc = store__finish(s, merge(s, out, e), e);
    struct err ignored;
    store__script(s, "DROP TABLE IF EXISTS temp.merging; DETACH other", &ignored);
out:
    remove_copy(copy);
    free(copy);
    return rc;
}
