/* A store in a folder of its own, with code, machine and runs that the tests need. */
#ifndef PROMPTGRID_TESTS_STORE_FIXTURE_H
#define PROMPTGRID_TESTS_STORE_FIXTURE_H

#include "t.h"

#include "core/base/str.h"
#include "results/store.h"

#include <sqlite3.h>

/* 64 digits from a small number. */
static inline const char *fixture_run(int number)
{
    static char text[4][65];
    static int turn;
    char *out = text[turn++ % 4];
    snprintf(out, 65, "%08x%056d", (unsigned)number * 2654435761u, number);
    return out;
}

static inline json_t *fixture_spec(const char *dataset, const char *method, int shots, int seed)
{
    json_t *spec = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:{s:i, s:i}}", "job",
                             "train", "protocol", "base-to-new", "backbone", "pocket", "dataset",
                             dataset, "method", method, "shots", shots, "seed", seed, "views",
                             "none", "precision", "fp32", "params", "epochs", 50, "rank", 2);
    assert_non_null(spec);
    return spec;
}

/* Revision and machine; both are row 1 of a new store. */
static inline void fixture_origin(struct store *s)
{
    struct err e = {0};
    json_t *facts = json_pack("{s:s}", "cpu", "a CPU");
    struct store_revision r = {"0123456789abcdef0123456789abcdef01234567", true, "diff\n", "ff",
                               "cc"};
    assert_int_equal(store_revision(s, &r, &e), 1);
    assert_int_equal(store_machine(s, facts, &e), 1);
    json_decref(facts);
}

/* A run that is done, with one accuracy a split; a split of NULL is left out. Returns the result of
 * the last call. */
static inline int fixture_done(struct store *s, const char *run, json_t *spec, const char *split1,
                               double value1, const char *split2, double value2, struct err *e)
{
    int n;
    json_t *events = json_array();
    json_array_append_new(events, json_pack("{s:s, s:{s:s}, s:s, s:i}", "event", "start", "runner",
                                            "version", "1", "device", "cpu", "threads", 1));
    json_t *epoch =
        json_pack("{s:s, s:i, s:f, s:f, s:f, s:[f, f], s:f, s:f, s:[f, f]}", "event", "epoch",
                  "epoch", 0, "loss", 1.5, "lr", 1e-5, "accuracy", 64.0, "singular", 3.0, 1.0,
                  "effective_rank", 1.75, "nuclear", 4.0, "energy", 0.9, 1.0);
    json_t *change = json_pack("{s:[f], s:f, s:f, s:[f], s:f, s:f}", "singular_change", 0.5,
                               "effective_rank_change", 1.0, "nuclear_change", 0.5, "energy_change",
                               1.0, "base", 70.5, "new", 60.25);
    json_object_update(epoch, change);
    json_array_append_new(events, epoch);
    json_decref(change);
    if (split1)
        json_array_append_new(events, json_pack("{s:s, s:s, s:s, s:f}", "event", "metric", "split",
                                                split1, "name", "accuracy", "value", value1));
    if (split2)
        json_array_append_new(events, json_pack("{s:s, s:s, s:s, s:f}", "event", "metric", "split",
                                                split2, "name", "accuracy", "value", value2));
    json_array_append_new(events, json_pack("{s:s, s:s, s:[i, i, i]}", "event", "prediction",
                                            "split", "base", "labels", 2, 0, 70000));
    json_array_append_new(events, json_pack("{s:s, s:s, s:s, s:s}", "event", "artifact", "kind",
                                            "prompt", "path", "prompts/x.safetensors", "sha256",
                                            "00000000000000000000000000000000"
                                            "00000000000000000000000000000001"));
    int rc = store_run(s, run, spec, e);
    if (rc == 0)
        rc = store_begin(s, run, 1, 1, "promptgrid-runner run x.json", "logs/x.log", &n, e);
    if (rc == 0)
        rc = store_done(s, run, n, events, e);
    json_decref(events);
    json_decref(spec);
    return rc;
}

/* A statement by another program. */
static inline void fixture_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    sqlite3_close(db);
}

/* The first value of a query, as text. */
static inline void assert_sql(const char *path, const char *sql, const char *want)
{
    sqlite3 *db;
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(q, 0), want);
    sqlite3_finalize(q);
    sqlite3_close(db);
}

static inline int fixture_setup(void **state)
{
    *state = t_folder();
    return 0;
}

static inline int fixture_teardown(void **state)
{
    char *command = str_format("chmod -R u+w '%s'; rm -rf '%s'", (char *)*state, (char *)*state);
    int rc = system(command);
    free(command);
    free(*state);
    return rc;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

#endif
