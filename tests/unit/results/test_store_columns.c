/* Columns that repeat the spec: one that says something else is found, told and written again, and
 * no number stands in a wrong place meanwhile. */
#include "store_fixture.h"

#include "core/base/fs.h"
#include "core/proto/spec.h"
#include "results/store_check.h"
#include "results/store_imported.h"
#include "results/store_internal.h"

enum { RUNS = 3 };

static char ids[RUNS][HASH_HEX];

static void add_run(struct store *s, json_t *spec, const char *split, double value,
                    char id[HASH_HEX])
{
    struct err e = {0};
    spec_id(spec, id);
    assert_ok(fixture_done(s, id, spec, split, value, NULL, 0, &e), &e);
}

/* A training run, one of its evaluations, and a bank without a metric. */
static char *make_store(void **state)
{
    struct err e = {0};
    char *path = fs_join(*state, "promptgrid.sqlite");
    struct store *s;
    assert_ok(store_open(&s, path, STORE_WRITE, &e), &e);
    fixture_origin(s);
    add_run(s, fixture_spec("flowers", "rlp", 16, 1), "base", 50, ids[0]);
    json_t *eval = fixture_spec("pets", "rlp", 16, 1);
    json_object_set_new(eval, "job", json_string("eval"));
    json_object_set_new(eval, "train", json_string(ids[0]));
    json_object_set_new(eval, "source", json_string("flowers"));
    add_run(s, eval, "base", 51, ids[1]);
    add_run(s,
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "job", "encode", "backbone", "pocket",
                      "dataset", "flowers", "part", "test", "views", "none", "precision", "fp32"),
            NULL, 0, ids[2]);
    store_close(s);
    return path;
}

struct told {
    int n;
    enum store_flaw flaw;
    char run[HASH_HEX], text[2048];
};

static void tell(void *arg, enum store_flaw flaw, const char *run, const char *text)
{
    struct told *t = arg;
    t->n++;
    t->flaw = flaw;
    snprintf(t->run, sizeof t->run, "%s", run);
    snprintf(t->text, sizeof t->text, "%s", text);
}

static struct told check(const char *path, size_t *runs)
{
    struct err e = {0};
    struct store *s;
    struct told told = {0};
    struct store_check c = {.found = tell, .arg = &told};
    assert_ok(store_open(&s, path, STORE_LOOK, &e), &e);
    assert_ok(store_check(s, &c, &e), &e);
    store_close(s);
    if (runs)
        *runs = c.runs;
    return told;
}

static void mend(const char *path)
{
    struct err e = {0};
    struct store *s;
    char *copy = str_format("%s.before", path);
    assert_ok(store_open(&s, path, STORE_WRITE, &e), &e);
    assert_ok(store_mend(s, copy, &e), &e);
    store_close(s);
    assert_int_equal(unlink(copy), 0);
    free(copy);
}

static char *first_value(const char *path, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    char *text = str_format("%s", (const char *)sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
    sqlite3_close(db);
    return text;
}

/* Everything that a run's row and its results hold. */
static char *whole(const char *path)
{
    return first_value(
        path, "SELECT (SELECT group_concat(json_array(id, spec, family, job, protocol, backbone, "
              "dataset, part, method, shots, seed, views, precision, params, trained, source)) "
              "FROM (SELECT * FROM run ORDER BY id)) || (SELECT group_concat(run || value || seal) "
              "FROM (SELECT * FROM metric JOIN attempt USING (run, n) ORDER BY run))");
}

static void right_columns_are_no_finding(void **state)
{
    size_t runs;
    char *path = make_store(state);
    assert_int_equal(check(path, &runs).n, 0);
    assert_int_equal(runs, RUNS);
    free(path);
}

static const struct {
    const char *column, *found;
} changes[] = {
    {"family", "'x'"},        {"params", "'{\"epochs\":50}'"},
    {"job", "'encode'"},      {"protocol", "'few-shot'"},
    {"backbone", "NULL"},     {"dataset", "'pets'"},
    {"part", "''"},           {"method", "'coop'"},
    {"shots", "1"},           {"seed", "'one'"},
    {"views", "X'6E6F6E65'"}, // "none", but no text
    {"precision", "'FP32'"},  {"trained", "'x'"},
    {"source", "'pets'"},
};
enum { CHANGES = sizeof changes / sizeof changes[0] };

static void every_column_that_differs_is_told_and_written_again(void **state)
{
    char *path = make_store(state), *before = whole(path), want[512];
    char *count = str_format("%d", CHANGES);
    assert_sql(path,
               "SELECT count(*) FROM pragma_table_info('run') WHERE name NOT IN ('id', "
               "'spec')",
               count); // none is left out
    free(count);
    for (int i = 0; i < CHANGES; i++) {
        char *ask =
                 str_format("SELECT quote(%s) FROM run WHERE id = '%s'", changes[i].column, ids[0]),
             *change = str_format("UPDATE run SET %s = %s WHERE id = '%s'", changes[i].column,
                                  changes[i].found, ids[0]);
        char *right = first_value(path, ask);
        fixture_sql(path, change);
        size_t runs;
        struct told told = check(path, &runs);
        snprintf(want, sizeof want, "'%s' is %s, its spec says %s", changes[i].column,
                 changes[i].found, right);
        assert_int_equal(told.n, 1);
        assert_int_equal(told.flaw, STORE_FLAW_COLUMN);
        assert_string_equal(told.run, ids[0]);
        assert_string_equal(told.text, want);
        assert_int_equal(runs, RUNS - 1);
        mend(path);
        char *after = whole(path);
        assert_string_equal(after, before);
        assert_int_equal(check(path, NULL).n, 0);
        free(after);
        free(right);
        free(change);
        free(ask);
    }
    free(before);
    free(path);
}

static void several_at_once_are_several_findings(void **state)
{
    char *path = make_store(state), *before = whole(path);
    fixture_sql(path, "UPDATE run SET job = 'train', shots = 4, source = NULL");
    struct told told = check(path, NULL);
    assert_int_equal(told.n, 1 + 3 + 2); // train: shots; eval: all; encode: job and shots
    mend(path);
    char *after = whole(path);
    assert_string_equal(after, before);
    free(after);
    free(before);
    free(path);
}

/* Whether a run needs a metric is its spec's word: no result is taken back for a wrong column. */
static void a_wrong_job_takes_no_result_back(void **state)
{
    char *path = make_store(state);
    fixture_sql(path, "UPDATE run SET job = 'train' WHERE job = 'encode'");
    struct told told = check(path, NULL);
    assert_int_equal(told.n, 1);
    assert_string_equal(told.text, "'job' is 'train', its spec says 'encode'");
    mend(path);
    assert_sql(path, "SELECT count(*) FROM attempt WHERE state = 'done'", "3");
    free(path);
}

static void a_training_without_a_metric_is_refused_whatever_the_column_says(void **state)
{
    struct err e = {0};
    struct store *s;
    char *path = make_store(state), id[HASH_HEX];
    json_t *spec = fixture_spec("pets", "coop", 1, 1), *none = json_array();
    int n;
    spec_id(spec, id);
    assert_ok(store_open(&s, path, STORE_WRITE, &e), &e);
    assert_ok(store_run(s, id, spec, &e), &e);
    assert_ok(store_begin(s, id, 1, 1, "command", "log", &n, &e), &e);
    fixture_sql(path, "UPDATE run SET job = 'encode'");
    assert_int_equal(store_done(s, id, n, none, &e), ERR_CORRUPT);
    store_close(s);
    json_decref(none);
    json_decref(spec);
    free(path);
}

static void what_is_no_object_is_no_spec(void **state)
{
    char *path = make_store(state), id[HASH_HEX];
    hash_bytes(id, "[1]", 3);
    char *sql = str_format("INSERT INTO run (id, spec, family) VALUES ('%s', '[1]', '')", id);
    fixture_sql(path, sql);
    struct told told = check(path, NULL);
    assert_int_equal(told.n, 1);
    assert_int_equal(told.flaw, STORE_FLAW_SPEC);
    assert_string_equal(told.text, "its spec is no object of JSON");
    free(sql);
    free(path);
}

/* Odd values in columns are data: shown, not obeyed. */
static void odd_text_is_told_as_it_is(void **state)
{
    char *path = make_store(state);
    fixture_sql(path, "UPDATE run SET dataset = 'o''x' || char(27) || x'ff' WHERE source NOT NULL");
    struct told told = check(path, NULL);
    assert_string_equal(told.text, "'dataset' is 'o''x\\x1b\\xff', its spec says 'pets'");
    fixture_sql(path, "UPDATE run SET dataset = replace(hex(zeroblob(5000)), '00', 'ab') "
                      "WHERE source NOT NULL");
    assert_int_equal(strlen(check(path, NULL).text),
                     1000 + strlen("'dataset' is , its spec says 'pets'"));
    free(path);
}

/* A store of a version that has not all columns is compared in those that it has. */
static void older_stores_are_compared_too(void **state)
{
    char *path = fs_join(*state, "old.sqlite"), id[HASH_HEX];
    json_t *spec = fixture_spec("pets", "coop", 1, 1);
    spec_id(spec, id);
    for (int version = 1; version < STORE_VERSION; version++) {
        struct err e = {0};
        struct store *s;
        char *now = fs_join(*state, "now.sqlite");
        for (int v = 0; v < version; v++)
            fixture_sql(path, store__migrations[v]);
        char *stamp = str_format("PRAGMA application_id = %d; PRAGMA user_version = %d;"
                                 "ATTACH '%s' AS now;",
                                 STORE_APPLICATION, version, now),
             *copy = str_format("%sINSERT INTO run (id, spec, family, job, protocol, backbone, "
                                "dataset, method, shots, seed, views, precision, params) "
                                "SELECT id, spec, family, job, protocol, backbone, dataset, "
                                "method, shots, seed, views, precision, params FROM now.run",
                                stamp);
        assert_ok(store_open(&s, now, STORE_WRITE, &e), &e);
        assert_ok(store_run(s, id, spec, &e), &e);
        store_close(s);
        fixture_sql(path, copy);
        size_t runs;
        assert_int_equal(check(path, &runs).n, 0);
        assert_int_equal(runs, 1);
        fixture_sql(path, "UPDATE run SET precision = 'bf16'");
        assert_string_equal(check(path, NULL).text, "'precision' is 'bf16', its spec says 'fp32'");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(unlink(now), 0);
        free(copy);
        free(stamp);
        free(now);
    }
    json_decref(spec);
    free(path);
}

/* Tables find imported runs by what their specs say. */
static void imported_runs_are_found_by_their_spec(void **state)
{
    struct err e = {0};
    struct store *s;
    char *path = make_store(state), id[HASH_HEX];
    json_t *spec = fixture_spec("pets", "CoOp", 1, 1), *found;
    json_object_set_new(spec, "job", json_string("imported"));
    assert_ok(store_open(&s, path, STORE_WRITE, &e), &e);
    add_run(s, spec, "base", 60, id);
    fixture_sql(path, "UPDATE run SET job = CASE job WHEN 'imported' THEN 'train' ELSE 'imported' "
                      "END");
    assert_ok(store_imported(s, &found, &e), &e);
    assert_int_equal(json_array_size(found), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(found, 0), "run")), id);
    json_decref(found);

    fixture_sql(path, "UPDATE run SET spec = replace(spec, 'pets', 'dogs') WHERE job = 'train'");
    assert_int_equal(store_imported(s, &found, &e), ERR_CORRUPT);
    char *want = str_format("the spec of run '%.12s' in '%s' is not what its id says: it was "
                            "changed after it was recorded; 'promptgrid check' tells all, "
                            "'promptgrid repair' keeps what verifies",
                            id, path);
    assert_text(&e, want);
    assert_null(found);
    store_close(s);
    free(want);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(right_columns_are_no_finding),
        CASE(every_column_that_differs_is_told_and_written_again),
        CASE(several_at_once_are_several_findings),
        CASE(a_wrong_job_takes_no_result_back),
        CASE(a_training_without_a_metric_is_refused_whatever_the_column_says),
        CASE(what_is_no_object_is_no_spec),
        CASE(odd_text_is_told_as_it_is),
        CASE(older_stores_are_compared_too),
        CASE(imported_runs_are_found_by_their_spec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
