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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_result_is_the_speaking_attempt_with_its_metrics),
        CASE(a_result_whose_seal_is_broken_is_none),
        CASE(code_tells_changes_apart_by_their_hash),
        CASE(predictions_come_back_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
