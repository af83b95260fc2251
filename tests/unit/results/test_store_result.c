/* What tables and comparisons read of a run. */
#include "store_fixture.h"

#include "core/base/fs.h"

struct opened {
    struct store *s;
    char *path;
};

static void open_store(struct opened *o, const char *folder)
{
    struct err e = {0};
    o->path = fs_join(folder, "promptgrid.sqlite");
    assert_ok(store_open(&o->s, o->path, STORE_WRITE, &e), &e);
    fixture_origin(o->s);
}

static void close_store(struct opened *o)
{
    store_close(o->s);
    free(o->path);
}

static void a_result_is_the_speaking_attempt_with_its_metrics(void **state)
{
    struct opened o;
    struct err e = {0};
    struct store_result r;
    const char *run = fixture_run(1);
    int n;
    open_store(&o, *state);
    assert_ok(store_result(o.s, run, &r, &e), &e);
    assert_string_equal(r.state, "");
    assert_int_equal(r.revision, 0);
    store_result_release(&r);

    json_t *spec = fixture_spec("A", "coop", 16, 1);
    assert_ok(store_run(o.s, run, spec, &e), &e);
    assert_ok(store_begin(o.s, run, 1, 1, "x", "x", &n, &e), &e);
    assert_ok(store_failed(o.s, run, n, "failed", "numeric", "loss is NaN", &e), &e);
    json_decref(spec);
    assert_ok(store_result(o.s, run, &r, &e), &e);
    assert_string_equal(r.state, "failed");
    assert_string_equal(r.class_, "numeric");
    assert_string_equal(r.reason, "loss is NaN");
    assert_int_equal(r.n, 0);
    store_result_release(&r);

    assert_ok(fixture_done(o.s, run, fixture_spec("A", "coop", 16, 1), "base", 61.5, "new", 40, &e),
              &e);
    assert_ok(store_result(o.s, run, &r, &e), &e);
    assert_string_equal(r.state, "done");
    assert_null(r.reason);
    assert_int_equal(r.revision, 1);
    assert_int_equal(r.n, 2);
    assert_string_equal(r.metrics[0].split, "base");
    assert_string_equal(r.metrics[0].name, "accuracy");
    assert_true(r.metrics[0].value == 61.5);
    assert_string_equal(r.metrics[1].split, "new");
    store_result_release(&r);
    close_store(&o);
}

static void a_result_whose_seal_is_broken_is_none(void **state)
{
    struct opened o;
    struct err e = {0};
    struct store_result r;
    open_store(&o, *state);
    assert_ok(fixture_done(o.s, fixture_run(1), fixture_spec("A", "coop", 16, 1), "base", 61.5,
                           NULL, 0, &e),
              &e);
    fixture_sql(o.path, "UPDATE metric SET value = 62");
    assert_int_equal(store_result(o.s, fixture_run(1), &r, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "do not match their seal"));
    assert_int_equal(r.n, 0);
    close_store(&o);
}

static void code_tells_changes_apart_by_their_hash(void **state)
{
    struct opened o;
    struct err e = {0};
    struct store_code code;
    char want[HASH_HEX];
    open_store(&o, *state);
    assert_ok(store_code(o.s, 1, &code, &e), &e);
    assert_string_equal(code.commit, "0123456789abcdef0123456789abcdef01234567");
    assert_true(code.dirty);
    hash_bytes(want, "diff\n", 5);
    assert_string_equal(code.diff, want);
    assert_string_equal(code.runner, "ff");
    assert_int_equal(store_code(o.s, 7, &code, &e), ERR_CORRUPT);
    close_store(&o);
}

static void predictions_come_back_in_order(void **state)
{
    struct opened o;
    struct err e = {0};
    int *labels;
    size_t n;
    open_store(&o, *state);
    assert_ok(fixture_done(o.s, fixture_run(1), fixture_spec("A", "coop", 16, 1), "base", 61.5,
                           NULL, 0, &e),
              &e);
    assert_int_equal(store_predictions(o.s, fixture_run(1), "base", &labels, &n, &e), 1);
    assert_int_equal(n, 3);
    assert_int_equal(labels[0], 2);
    assert_int_equal(labels[2], 70000);
    free(labels);
    assert_int_equal(store_predictions(o.s, fixture_run(1), "new", &labels, &n, &e), 0);
    assert_int_equal(store_predictions(o.s, fixture_run(2), "base", &labels, &n, &e), 0);
    assert_null(labels);
    fixture_sql(o.path, "UPDATE prediction SET labels = x'00'");
    assert_int_equal(store_predictions(o.s, fixture_run(1), "base", &labels, &n, &e), ERR_CORRUPT);
    close_store(&o);
}

/* Attempts of run `number` in these states, one after the other: d, f(ailed), c(ancelled), r. */
static void try_run(struct store *s, int number, const char *states)
{
    struct err e = {0};
    int n;
    for (; *states; states++) {
        json_t *spec = fixture_spec("A", "coop", 16, number);
        if (*states == 'd') {
            assert_ok(fixture_done(s, fixture_run(number), spec, "new", 50 + number, "base",
                                   number / 3.0, &e),
                      &e);
            continue;
        }
        assert_ok(store_run(s, fixture_run(number), spec, &e), &e);
        assert_ok(store_begin(s, fixture_run(number), 1, 1, "x", "x", &n, &e), &e);
        if (*states != 'r')
            assert_ok(store_failed(s, fixture_run(number), n,
                                   *states == 'f' ? "failed" : "cancelled", "numeric",
                                   "loss is NaN", &e),
                      &e);
        json_decref(spec);
    }
}

/* State and result as text, or the error. */
static char *told(struct store *s, int number)
{
    struct err e = {0};
    struct store_state now;
    struct store_result r;
    struct str out = STR_INIT;
    assert_ok(store_state(s, fixture_run(number), &now, &e), &e);
    str_addf(&out, "%s %s %s %d %.17g %s;", now.state, now.class_, now.reason ? now.reason : "-",
             now.attempts, now.seconds, now.commit);
    store_state_release(&now);
    if (store_result(s, fixture_run(number), &r, &e) < 0) {
        str_addf(&out, " %s", e.text);
    } else {
        str_addf(&out, " %s %s %s %ld %.17g %s", r.state, r.class_, r.reason ? r.reason : "-",
                 r.revision, r.seconds, r.device);
        for (size_t i = 0; i < r.n; i++)
            str_addf(&out, " %s/%s=%.17g", r.metrics[i].split, r.metrics[i].name,
                     r.metrics[i].value);
        store_result_release(&r);
    }
    return str_detach(&out);
}

static void runs_read_in_one_pass_are_as_one_by_one(void **state)
{
    static const char *const lives[] = {"d", "fd", "df", "ff", "fc", "fr", "dd", "d", "fdfd"};
    enum { RUNS = sizeof lives / sizeof lives[0] + 1 }; // and one that was never tried
    struct opened o;
    struct err e = {0};
    char *alone[RUNS];
    open_store(&o, *state);
    for (int i = 0; i < RUNS - 1; i++)
        try_run(o.s, i, lives[i]);
    char *sql = str_format("UPDATE attempt SET seconds = 7.25 WHERE run = '%s';"
                           "UPDATE metric SET value = 1 WHERE run = '%s' AND split = 'new';"
                           "INSERT INTO metric VALUES ('%s', 1, 'test', 'accuracy', 5)",
                           fixture_run(1), fixture_run(7), fixture_run(3)); // a failed attempt's
    fixture_sql(o.path, sql);
    free(sql);
    for (int i = 0; i < RUNS; i++)
        alone[i] = told(o.s, i);
    assert_non_null(strstr(alone[1], "done  - 2 7.25 0123456789abcdef"));
    assert_non_null(
        strstr(alone[1], " 7.25 cpu base/accuracy=0.33333333333333331 new/accuracy=51"));
    assert_non_null(strstr(alone[7], "do not match their seal"));
    assert_ok(store_snapshot(o.s, RUNS, &e), &e);
    for (int i = 0; i < RUNS; i++) {
        char *together = told(o.s, i);
        assert_string_equal(together, alone[i]);
        free(together);
        free(alone[i]);
    }
    store_snapshot_end(o.s);
    close_store(&o);
}

static void a_snapshot_does_not_see_what_is_written_meanwhile(void **state)
{
    struct opened o;
    struct err e = {0};
    struct store *reader;
    open_store(&o, *state);
    try_run(o.s, 1, "d");
    assert_ok(store_open(&reader, o.path, STORE_READ, &e), &e);
    for (size_t many = 0; many <= 100; many += 100) {
        int number = many ? 3 : 2;
        assert_ok(store_snapshot(reader, many, &e), &e);
        char *before = told(reader, number);
        try_run(o.s, number, "d");
        assert_ok(store_snapshot(reader, 100, &e), &e); // within the first
        char *after = told(reader, number);
        assert_string_equal(before, after);
        store_snapshot_end(reader);
        free(after);
        store_snapshot_end(reader);
        after = told(reader, number);
        assert_string_not_equal(before, after);
        free(before);
        free(after);
    }
    assert_ok(store_snapshot(reader, 100, &e), &e);
    store_close(reader); // with all that it has read
    close_store(&o);
}

static void the_time_of_a_run_is_that_of_the_clock_that_never_jumps(void **state)
{
    struct opened o;
    struct err e = {0};
    struct store_result r;
    open_store(&o, *state);
    try_run(o.s, 1, "d");
    fixture_sql(o.path, "UPDATE attempt SET seconds = 2.5, started = '2024-01-01T00:00:00.000Z', "
                        "finished = '2024-01-01T01:00:00.000Z'");
    assert_ok(store_result(o.s, fixture_run(1), &r, &e), &e);
    assert_true(r.seconds == 2.5);
    store_result_release(&r);
    close_store(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_result_is_the_speaking_attempt_with_its_metrics),
        CASE(a_result_whose_seal_is_broken_is_none),
        CASE(code_tells_changes_apart_by_their_hash),
        CASE(predictions_come_back_in_order),
        CASE(runs_read_in_one_pass_are_as_one_by_one),
        CASE(a_snapshot_does_not_see_what_is_written_meanwhile),
        CASE(the_time_of_a_run_is_that_of_the_clock_that_never_jumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
