/*
 * The columns of table `run` that repeat the spec, for SQL by eye and for estimates: one list of
 * what each is made of, by which rows are written, compared with their spec and written again.
 */
#include "results/store_internal.h"

#include "core/base/str.h"
#include "core/proto/spec.h"

#include <stdlib.h>

/* X(column, its value, a new reference): in the first version, and those that came with the third.
 */
#define FIRST(X)                                                                                   \
    X(family, family_of(spec))                                                                     \
    X(params, params_of(spec))                                                                     \
    X(job, value_of(spec, "job"))                                                                  \
    X(protocol, value_of(spec, "protocol"))                                                        \
    X(backbone, value_of(spec, "backbone"))                                                        \
    X(dataset, value_of(spec, "dataset"))                                                          \
    X(part, value_of(spec, "part"))                                                                \
    X(method, value_of(spec, "method"))                                                            \
    X(shots, value_of(spec, "shots"))                                                              \
    X(seed, value_of(spec, "seed"))                                                                \
    X(views, value_of(spec, "views"))                                                              \
    X(precision, value_of(spec, "precision"))
#define THIRD(X)                                                                                   \
    X(trained, value_of(spec, "train"))                                                            \
    X(source, value_of(spec, "source"))
#define ALL(X) FIRST(X) THIRD(X)

static json_t *value_of(const json_t *spec, const char *key)
{
    json_t *value = json_object_get(spec, key);
    return value ? json_incref(value) : json_null();
}

static json_t *params_of(const json_t *spec)
{
    const json_t *params = json_object_get(spec, "params");
    char *text = params ? spec_text(params) : NULL;
    json_t *value = text ? json_string(text) : json_null();
    free(text);
    return value;
}

static json_t *family_of(const json_t *spec)
{
    char family[HASH_HEX];
    store__family(spec, family);
    return json_string(family);
}

/* In the order of the list. */
static json_t *first_values(const json_t *spec)
{
    json_t *values = json_array();
#define PUSH(column, value) json_array_append_new(values, value);
    FIRST(PUSH)
    return values;
}

static json_t *all_values(const json_t *spec)
{
    json_t *values = first_values(spec);
    THIRD(PUSH)
#undef PUSH
    return values;
}

#define NAME(column, value) ", " #column
#define MARK(column, value) ", ?"

int store__columns_insert(struct store *s, const char *run, const json_t *spec, struct err *e)
{
    char *text = spec_text(spec);
    json_t *values = all_values(spec);
    int rc =
        store__exec(s, e,
                    "INSERT OR IGNORE INTO run (id, spec" ALL(NAME) ") "
                                                                    "VALUES (?, ?" ALL(MARK) ")",
                    "tta", run, text, values);
    json_decref(values);
    free(text);
    return rc;
}

int store__columns_mend(struct store *s, const char *run, struct err *e)
{
    struct sqlite3_stmt *q;
    json_t *spec = NULL;
    int rc = store__query(s, &q, e, "SELECT spec FROM run WHERE id = ?1", "t", run);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc == 1) {
        spec = json_loads(store__text(q, 0), 0, NULL);
        store__end(q);
    }
    if (rc < 0 || !spec)
        return rc < 0 ? rc : 0;
    json_t *values = all_values(spec);
    rc = store__exec(s, e, "UPDATE run SET (id" ALL(NAME) ") = (?1" ALL(MARK) ") WHERE id = ?1",
                     "ta", run, values);
    json_decref(values);
    json_decref(spec);
    return rc;
}

/* ---- comparing ---- */

/* SQLite compares, as it knows what it made of each value. No row when all are as they should be;
 * else of each column: name, 1 when it is right, what it is, what it should be. */
#define OURS(column, value) ", r." #column
#define WANTED(column, value) ", w." #column
#define SHOWN(column, value)                                                                       \
    ", '" #column "', r." #column " IS w." #column ", substr(quote(r." #column                     \
    "), 1, 1000), substr(quote(w." #column "), 1, 1000)"
#define COMPARE(columns)                                                                           \
    "WITH w (id" columns(NAME) ") AS (VALUES (?" columns(                                          \
        MARK) ")) "                                                                                \
              "SELECT r.id" columns(SHOWN) " FROM w JOIN run r ON r.id = w.id "                    \
                                           "WHERE (r.id" columns(OURS) ") IS NOT (w.id" columns(   \
                                               WANTED) ")"
#define COUNT(column, value) +1

/* Has the table what came with the third version? */
static int has_all(struct store *s, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc =
        store__query(s, &q, e, "SELECT 1 FROM pragma_table_info('run') WHERE name = 'source'", "");
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc == 1)
        store__end(q);
    return rc;
}

int store__columns_check(struct store *s, const char *run, const json_t *spec,
                         void (*wrong)(void *arg, const char *run, const char *text), void *arg,
                         struct err *e)
{
    static const char first[] = COMPARE(FIRST), all[] = COMPARE(ALL);
    struct sqlite3_stmt *q;
    int whole = has_all(s, e);
    if (whole < 0)
        return whole;
    json_t *values = whole ? all_values(spec) : first_values(spec);
    int rc = store__query(s, &q, e, whole ? all : first, "ta", run, values);
    json_decref(values);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc != 1)
        return rc;
    for (int c = 0; c < (whole ? 0 ALL(COUNT) : 0 FIRST(COUNT)); c++) {
        if (store__int(q, 4 * c + 2))
            continue;
        char *text = str_format("'%s' is %s, its spec says %s", store__text(q, 4 * c + 1),
                                store__text(q, 4 * c + 3), store__text(q, 4 * c + 4));
        char *visible = str_visible(text);
        wrong(arg, run, visible);
        free(visible);
        free(text);
    }
    store__end(q);
    return 1;
}

/* ---- the job ---- */

int store__needs_metrics(struct store *s, const char *run, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e,
                          "SELECT 1 FROM run WHERE id = ?1 AND CASE WHEN json_valid(spec) "
                          "THEN json_extract(spec, '$.job') END IS NOT 'encode'",
                          "t", run);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc == 1)
        store__end(q);
    return rc;
}
