/* Does a store hold? Reads only: see store_check.h. */
#include "results/store_check.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/store_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_LINES = 20, COUNT_LIMIT = 1 << 27 };

static void found(struct store_check *c, enum store_flaw flaw, const char *run, const char *text)
{
    c->found(c->arg, flaw, run, text);
}

/* ---- the file ---- */

/* The rows of a PRAGMA that says "ok", or nothing, when all is well. */
static int check_file(struct store *s, struct store_check *c, enum store_flaw flaw, const char *sql,
                      const char *format, bool *whole, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e, sql, "");
    for (int i = 0; rc == 0 && (rc = store__step(s, q, e)) == 1; rc = 0) {
        if (str_eq(store__text(q, 0), "ok") || i++ >= FILE_LINES)
            continue;
        char *visible = str_visible(store__text(q, 0)), *text = str_format(format, visible);
        found(c, flaw, "", text);
        *whole = false;
        free(text);
        free(visible);
    }
    return rc;
}

struct shape {
    struct store_check *c;
    bool whole;
};

static void wrong_table(void *arg, const char *name)
{
    struct shape *shape = arg;
    char *visible = str_visible(name);
    char *text =
        str_format("the database is damaged: its %s is not as promptgrid makes it", visible);
    found(shape->c, STORE_FLAW_FILE, "", text);
    shape->whole = false;
    free(text);
    free(visible);
}

static int check_tables(struct store *s, struct store_check *c, bool *whole, struct err *e)
{
    struct shape shape = {c, true};
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e, "PRAGMA user_version", "");
    if (rc < 0 || (rc = store__step(s, q, e)) < 0)
        return rc;
    long version = store__int(q, 0);
    store__end(q);
    rc = store__tables_check(s, version, wrong_table, &shape, e);
    *whole = shape.whole;
    return rc;
}

/* ---- runs ---- */

static void wrong_column(void *arg, const char *run, const char *text)
{
    found(arg, STORE_FLAW_COLUMN, run, text);
}

/* 1: it does not hold, which was told. */
static int check_run(struct store *s, struct store_check *c, const char *run, const char *text,
                     size_t size, struct err *e)
{
    char id[HASH_HEX];
    hash_bytes(id, text, size);
    json_t *spec = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    int rc = 1;
    if (!str_eq(id, run))
        found(c, STORE_FLAW_SPEC, run, "its spec is not what its id says");
    else if (!json_is_object(spec))
        found(c, STORE_FLAW_SPEC, run, "its spec is no object of JSON");
    else
        rc = store__columns_check(s, run, spec, wrong_column, c, e);
    json_decref(spec);
    return rc;
}

static int check_runs(struct store *s, struct store_check *c, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e, "SELECT id, spec FROM run ORDER BY id", "");
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1) {
            size_t size;
            const void *text = store__blob(q, 1, &size);
            rc = check_run(s, c, store__text(q, 0), text ? text : "", size, e);
            if (rc < 0) {
                store__end(q);
                return rc;
            }
            c->runs += rc == 0;
        }
    return rc;
}

/* ---- seals ---- */

/* The attempt whose metrics are being read. */
struct sealing {
    char run[HASH_HEX], want[HASH_HEX];
    long n;
    bool any;
    struct str lines;
};

static int end_seal(struct store *s, struct store_check *c, struct sealing *a, struct err *e)
{
    char seal[HASH_HEX];
    int rc = 0;
    if (!a->any)
        return 0;
    store__seal(a->run, &a->lines, seal);
    if (!str_eq(seal, a->want))
        found(c, STORE_FLAW_SEAL, a->run, "its results do not match their seal");
    else if (!a->lines.size && (rc = store__needs_metrics(s, a->run, e)) == 1)
        found(c, STORE_FLAW_SEAL, a->run, "it is done without a result");
    else
        c->sealed++;
    str_clear(&a->lines);
    return rc < 0 ? rc : 0;
}

static int check_seals(struct store *s, struct store_check *c, struct err *e)
{
    struct sqlite3_stmt *q;
    struct sealing a = {.lines = STR_INIT};
    int rc = store__query(s, &q, e,
                          "SELECT a.run, a.n, a.seal, m.split, m.name, m.value "
                          "FROM attempt a LEFT JOIN metric m ON m.run = a.run AND m.n = a.n "
                          "WHERE a.state = 'done' ORDER BY a.run, a.n, m.split, m.name",
                          "");
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1) {
            if (!a.any || !str_eq(a.run, store__text(q, 0)) || a.n != store__int(q, 1)) {
                if ((rc = end_seal(s, c, &a, e)) < 0) {
                    store__end(q);
                    goto out;
                }
                a.any = true;
                a.n = store__int(q, 1);
                snprintf(a.run, sizeof a.run, "%s", store__text(q, 0));
                snprintf(a.want, sizeof a.want, "%s", store__text(q, 2));
            }
            if (!store__null(q, 3))
                store__seal_line(&a.lines, store__text(q, 3), store__text(q, 4), store__real(q, 5));
        }
    if (rc == 0)
        rc = end_seal(s, c, &a, e);
out:
    str_release(&a.lines);
    return rc;
}

static int check_predictions(struct store *s, struct store_check *c, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e, "SELECT run, count, labels FROM prediction", "");
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1) {
            long count = store__int(q, 1);
            size_t size;
            const void *data = store__blob(q, 2, &size);
            json_t *labels = count < 0 || count > COUNT_LIMIT || !data
                                 ? NULL
                                 : store__unpack(data, size, (size_t)count);
            if (!labels)
                found(c, STORE_FLAW_SEAL, store__text(q, 0), "its predictions are damaged");
            json_decref(labels);
        }
    return rc;
}

/* Curves, predictions and hashes of files against their seal; releases before it made none. */
static int check_details(struct store *s, struct store_check *c, struct err *e)
{
    struct sqlite3_stmt *q;
    char seal[HASH_HEX];
    int rc = store__query(s, &q, e,
                          "SELECT 1 FROM pragma_table_info('attempt') WHERE name = 'details'", "");
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc != 1)
        return rc;
    store__end(q);
    rc = store__query(s, &q, e,
                      "SELECT run, n, details FROM attempt "
                      "WHERE state = 'done' AND details IS NOT NULL ORDER BY run, n",
                      "");
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1) {
            rc = store__details(s, store__text(q, 0), store__int(q, 1), seal, e);
            if (rc < 0) {
                store__end(q);
                return rc;
            }
            if (!str_eq(seal, store__text(q, 2)))
                found(c, STORE_FLAW_SEAL, store__text(q, 0),
                      "its curve, predictions or files' hashes do not match their seal");
        }
    return rc;
}

/* ---- rows ---- */

static int check_rows(struct store *s, struct store_check *c, struct err *e)
{
#define STRAYS(table)                                                                              \
    "SELECT DISTINCT '" table "', t.run FROM " table " t WHERE NOT EXISTS (SELECT 1 FROM attempt " \
    "a WHERE a.run = t.run AND a.n = t.n AND a.state = 'done')"
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e,
                          STRAYS("metric") " UNION ALL " STRAYS("curve") " UNION ALL " STRAYS(
                              "prediction") " UNION ALL " STRAYS("artifact"),
                          "");
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1) {
            char *text =
                str_format("it has rows in '%s' of an attempt that is not done", store__text(q, 0));
            found(c, STORE_FLAW_ROWS, store__text(q, 1), text);
            free(text);
        }
    return rc;
#undef STRAYS
}

int store_check(struct store *s, struct store_check *c, struct err *e)
{
    static int (*const parts[])(struct store * s, struct store_check * c, struct err * e) = {
        check_runs, check_seals, check_predictions, check_details, check_rows};
    bool whole = true;
    int rc = check_file(s, c, STORE_FLAW_FILE, "PRAGMA integrity_check",
                        "the database is damaged: %s", &whole, e);
    if (rc == 0 && whole)
        rc = check_file(s, c, STORE_FLAW_ROWS, "PRAGMA foreign_key_check",
                        "a row of '%s' belongs to nothing", &(bool){true}, e);
    if (rc == 0 && whole)
        rc = check_tables(s, c, &whole, e);
    // What is left of a damaged file says nothing more, and may say anything.
    for (size_t i = 0; rc == 0 && whole && i < sizeof parts / sizeof parts[0]; i++)
        rc = parts[i](s, c, e);
    if (rc != ERR_CORRUPT)
        return rc;
    found(c, STORE_FLAW_FILE, "", e->text);
    e->code = 0;
    return 0;
}

int store_each(struct store *s, int (*each)(void *arg, const struct store_made *m, struct err *e),
               void *arg, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(
        s, &q, e,
        "SELECT r.id, r.spec, d.n IS NOT NULL, f.kind, f.path, f.sha256 FROM run r "
        "LEFT JOIN (SELECT run, max(n) AS n FROM attempt WHERE state = 'done' GROUP BY run) d "
        "ON d.run = r.id LEFT JOIN artifact f ON f.run = r.id AND f.n = d.n ORDER BY r.id",
        "");
    if (rc < 0)
        return rc;
    while ((rc = store__step(s, q, e)) == 1) {
        json_t *spec = json_loads(store__text(q, 1), JSON_REJECT_DUPLICATES, NULL);
        struct store_made made = {store__text(q, 0),     spec,
                                  store__int(q, 2) != 0, store__text(q, 3),
                                  store__text(q, 4),     store__text(q, 5)};
        rc = json_is_object(spec) ? each(arg, &made, e) : 0; // otherwise store_check has said so
        json_decref(spec);
        if (rc < 0) {
            store__end(q);
            return rc;
        }
    }
    return rc;
}
