/* Everything the store knows about one run, as JSON for `promptgrid show`. */
#include "results/store.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a column becomes a JSON value; SQL NULL is null. */
enum shape { TEXT, INT, REAL, BOOL, JSON, LABELS, PROSE };

struct column {
    const char *key;
    enum shape shape;
};

static json_t *column_json(struct sqlite3_stmt *q, int at, enum shape shape)
{
    size_t size;
    const void *data;
    char *text;
    json_t *value = NULL;
    if (store__null(q, at))
        return json_null();
    switch (shape) {
    case TEXT:
        value = json_string(store__text(q, at));
        break;
    case INT:
        value = json_integer(store__int(q, at));
        break;
    case REAL:
        value = json_real(store__real(q, at));
        break;
    case BOOL:
        value = json_boolean(store__int(q, at) != 0);
        break;
    case JSON:
        value = json_loads(store__text(q, at), JSON_DECODE_ANY, NULL);
        break;
    case PROSE:
        text = store__prose(q, at);
        value = json_string(text);
        free(text);
        break;
    case LABELS: // the column before holds the count
        data = store__blob(q, at, &size);
        value = store__unpack(data, size, (size_t)store__int(q, at - 1));
        break;
    }
    return value ? value : json_null(); // damaged text: shown as absent
}

/* The rows of a query about `run` as an array of objects. */
static int rows_json(struct store *s, const char *sql, const char *run,
                     const struct column *columns, json_t **out, struct err *e)
{
    struct sqlite3_stmt *q;
    *out = json_array();
    int rc = store__query(s, &q, e, sql, "t", run);
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1) {
            json_t *row = json_object();
            for (int c = 0; columns[c].key; c++)
                json_object_set_new(row, columns[c].key, column_json(q, c, columns[c].shape));
            json_array_append_new(*out, row);
        }
    return rc;
}

/* Parts of the answer. Those of results speak of the attempt that speaks for the run. */
#define SPEAKING " AND n = (SELECT attempt FROM runs WHERE run = ?1) "
static const struct part {
    const char *key, *sql;
    struct column columns[20];
} parts[] = {
    {"attempts",
     "SELECT a.n, a.state, a.class, a.reason, a.started, a.finished, "
     "round(coalesce(a.seconds, max(0, julianday(a.finished) - julianday(a.started)) * 86400), 3), "
     "a.memory, a.bytes, v.git_commit, v.dirty, "
     "v.diff, v.runner_sha256, v.build, m.facts, a.command, a.log, a.runner "
     "FROM attempt a JOIN revision v ON v.id = a.revision JOIN machine m ON m.id = a.machine "
     "WHERE a.run = ?1 ORDER BY a.n",
     {{"n", INT},
      {"state", TEXT},
      {"class", TEXT},
      {"reason", TEXT},
      {"started", TEXT},
      {"finished", TEXT},
      {"seconds", REAL},
      {"memory", INT},
      {"bytes", INT},
      {"commit", TEXT},
      {"dirty", BOOL},
      {"diff", PROSE},
      {"runner_sha256", TEXT},
      {"build", TEXT},
      {"machine", JSON},
      {"command", TEXT},
      {"log", TEXT},
      {"runner", JSON}}},
    {"metrics",
     "SELECT split, name, value FROM metric WHERE run = ?1" SPEAKING "ORDER BY split, name",
     {{"split", TEXT}, {"name", TEXT}, {"value", REAL}}},
    {"curve",
     "SELECT epoch, loss, lr, accuracy, singular, effective_rank, nuclear, energy, "
     "singular_change, effective_rank_change, nuclear_change, energy_change, base, new, test "
     "FROM curve WHERE run = ?1" SPEAKING "ORDER BY epoch",
     {{"epoch", INT},
      {"loss", REAL},
      {"lr", REAL},
      {"accuracy", REAL},
      {"singular", JSON},
      {"effective_rank", REAL},
      {"nuclear", REAL},
      {"energy", JSON},
      {"singular_change", JSON},
      {"effective_rank_change", REAL},
      {"nuclear_change", REAL},
      {"energy_change", JSON},
      {"base", REAL},
      {"new", REAL},
      {"test", REAL}}},
    {"predictions",
     "SELECT split, count, labels FROM prediction WHERE run = ?1" SPEAKING "ORDER BY split",
     {{"split", TEXT}, {"count", INT}, {"labels", LABELS}}},
    {"artifacts",
     "SELECT kind, path, sha256 FROM artifact WHERE run = ?1" SPEAKING "ORDER BY kind",
     {{"kind", TEXT}, {"path", TEXT}, {"sha256", TEXT}}},
};

/* The one run whose id starts with `prefix`. */
static int resolve(struct store *s, const char *prefix, char run[HASH_HEX], struct err *e)
{
    size_t digits = strspn(prefix, "0123456789abcdef");
    if (prefix[digits] || digits < 4 || digits >= HASH_HEX)
        return err_set(e, ERR_USAGE,
                       "'%s' is not the start of a run's id: expected 4 to 64 digits 0-9, a-f",
                       prefix);
    struct sqlite3_stmt *q;
    struct str names = STR_INIT;
    size_t n = 0;
    // 'g' sorts after every hex digit
    int rc = store__query(
        s, &q, e, "SELECT id FROM run WHERE id >= ?1 AND id < ?1 || 'g' ORDER BY id LIMIT 4", "t",
        prefix);
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1) {
            if (n++ == 0)
                snprintf(run, HASH_HEX, "%s", store__text(q, 0));
            if (n < 4)
                str_addf(&names, "%s'%.12s'", n > 1 ? ", " : "", store__text(q, 0));
        }
    if (rc == 0 && n == 0)
        rc = err_set(e, ERR_MISSING, "no run's id starts with '%s' in '%s'", prefix, s->path);
    if (rc == 0 && n > 1)
        rc = err_set(e, ERR_RANGE, "'%s' is the start of several runs: %s%s; give more digits",
                     prefix, names.data, n > 3 ? ", ..." : "");
    str_release(&names);
    return rc;
}

int store_show(struct store *s, const char *prefix, json_t **out, struct err *e)
{
    static const struct column head[] = {{"spec", JSON}, {"state", TEXT}, {0}};
    char run[HASH_HEX] = "";
    json_t *value = NULL, *rows = NULL;
    *out = NULL;
    int rc = resolve(s, prefix, run, e);
    if (rc < 0)
        return rc;
    rc = rows_json(s,
                   "SELECT r.spec, u.state FROM run r LEFT JOIN runs u ON u.run = r.id "
                   "WHERE r.id = ?1",
                   run, head, &rows, e);
    if (rc < 0)
        goto out;
    value = json_object();
    json_object_set_new(value, "run", json_string(run));
    json_object_update(value, json_array_get(rows, 0));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        json_t *part;
        rc = rows_json(s, parts[i].sql, run, parts[i].columns, &part, e);
        json_object_set_new(value, parts[i].key, part);
        if (rc < 0)
            goto out;
    }
    // The answer stands or falls with the seal of what it shows.
    double unused;
    rc = store_metric(s, run, "", "", &unused, e);
    if (rc >= 0)
        rc = store__details_hold(s, run, e);
    json_object_set_new(value, "sealed", json_boolean(rc >= 0));
    rc = rc == ERR_CORRUPT ? 0 : rc;
out:
    json_decref(rows);
    if (rc < 0)
        json_decref(value);
    else
        *out = value;
    return rc;
}
