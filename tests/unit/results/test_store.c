#include "store_fixture.h"

#include "core/base/fs.h"
#include "core/proto/spec.h"
#include "results/store_internal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

static struct store *open_store(const char *path, enum store_mode mode)
{
    struct err e = {0};
    struct store *s;
    assert_ok(store_open(&s, path, mode, &e), &e);
    return s;
}

static char *store_in(void **state)
{
    return fs_join(*state, "promptgrid.sqlite");
}

static void a_done_run_survives_closing_and_reopening(void **state)
{
    struct err e = {0};
    char *path = store_in(state), *artifact, *log, sha256[HASH_HEX];
    double value = 0;
    struct store_state now;
    struct store *s = open_store(path, STORE_WRITE);
    fixture_origin(s);
    assert_ok(fixture_done(s, fixture_run(1), fixture_spec("flowers", "rlp", 16, 1), "base",
                           64.523809523809518, "new", 61.4, &e),
              &e);
    store_close(s);

    s = open_store(path, STORE_READ);
    assert_int_equal(store_metric(s, fixture_run(1), "base", "accuracy", &value, &e), 1);
    assert_true(value == 64.523809523809518);
    assert_int_equal(store_metric(s, fixture_run(1), "new", "accuracy", &value, &e), 1);
    assert_true(value == 61.4);
    assert_int_equal(store_metric(s, fixture_run(1), "test", "accuracy", &value, &e), 0);
    assert_int_equal(store_metric(s, fixture_run(2), "base", "accuracy", &value, &e), 0);

    assert_ok(store_state(s, fixture_run(1), &now, &e), &e);
    assert_string_equal(now.state, "done");
    assert_string_equal(now.commit, "0123456789abcdef0123456789abcdef01234567");
    assert_null(now.reason);
    assert_int_equal(now.attempts, 1);
    store_state_release(&now);
    assert_ok(store_log(s, fixture_run(1), &log, &e), &e);
    assert_string_equal(log, "logs/x.log");
    free(log);
    assert_ok(store_log(s, fixture_run(2), &log, &e), &e);
    assert_null(log);

    assert_ok(store_state(s, fixture_run(2), &now, &e), &e);
    assert_string_equal(now.state, "");
    assert_int_equal(now.attempts, 0);
    store_state_release(&now);

    assert_int_equal(store_artifact(s, fixture_run(1), "prompt", &artifact, sha256, &e), 1);
    assert_string_equal(artifact, "prompts/x.safetensors");
    assert_int_equal(sha256[63], '1');
    free(artifact);
    assert_int_equal(store_artifact(s, fixture_run(1), "bank", &artifact, sha256, &e), 0);
    store_close(s);
    free(path);
}

static void views_speak_plainly_to_sqlite3(void **state)
{
    struct err e = {0};
    char *path = store_in(state);
    struct store *s = open_store(path, STORE_WRITE);
    fixture_origin(s);
    fixture_origin(s); // the same content is the same row
    assert_ok(fixture_done(s, fixture_run(1), fixture_spec("flowers", "rlp", 16, 3), "base", 64.5,
                           "new", 61.25, &e),
              &e);
    store_close(s);
    assert_sql(path,
               "SELECT group_concat(dataset || ' ' || method || ' ' || rank || ' ' || shots || ' ' "
               "|| seed || ' ' || split || ' ' || value, '; ') FROM results",
               "flowers rlp 2 16 3 base 64.5; flowers rlp 2 16 3 new 61.25");
    assert_sql(path, "SELECT state || ' ' || attempts FROM runs", "done 1");
    assert_sql(path, "PRAGMA journal_mode", "wal");
    char *version = str_format("%d", STORE_VERSION);
    assert_sql(path, "PRAGMA user_version", version);
    free(version);
    assert_sql(path, "PRAGMA integrity_check", "ok");
    free(path);
}

static void an_evaluation_is_joined_to_its_training_run(void **state)
{
    struct err e = {0};
    char *path = store_in(state), family[2][HASH_HEX];
    struct store *s = open_store(path, STORE_WRITE);
    json_t *eval = fixture_spec("land", "rlp", 16, 1);
    int n;
    fixture_origin(s);
    assert_ok(fixture_done(s, fixture_run(1), fixture_spec("flowers", "rlp", 16, 1), "test", 64.5,
                           NULL, 0, &e),
              &e);
    json_object_set_new(eval, "job", json_string("eval"));
    json_object_set_new(eval, "train", json_string(fixture_run(1)));
    json_object_set_new(eval, "source", json_string("flowers"));
    assert_ok(fixture_done(s, fixture_run(2), json_copy(eval), "test", 30.5, NULL, 0, &e), &e);
    assert_sql(path,
               "SELECT e.source || ' ' || t.value || ' -> ' || e.dataset || ' ' || e.value "
               "FROM results e JOIN results t ON t.run = e.trained",
               "flowers 64.5 -> land 30.5");
    assert_sql(path, "SELECT count(*) FROM runs WHERE trained IS NULL AND source IS NULL", "1");

    // Runs that differ in the seed only have training runs of their own.
    store__family(eval, family[0]);
    json_object_set_new(eval, "seed", json_integer(2));
    json_object_set_new(eval, "train", json_string(fixture_run(3)));
    store__family(eval, family[1]);
    assert_string_equal(family[0], family[1]);

    // An evaluation must not end without a metric.
    json_t *events = json_pack("[{s:s}]", "event", "done");
    assert_ok(store_run(s, fixture_run(4), eval, &e), &e);
    assert_ok(store_begin(s, fixture_run(4), 1, 1, "x", "y", &n, &e), &e);
    assert_int_equal(store_done(s, fixture_run(4), n, events, &e), ERR_CORRUPT);
    json_decref(events);
    json_decref(eval);
    store_close(s);
    free(path);
}

static void show_tells_everything_about_a_run(void **state)
{
    struct err e = {0};
    char *path = store_in(state);
    json_t *all;
    struct store *s = open_store(path, STORE_WRITE);
    fixture_origin(s);
    assert_ok(fixture_done(s, fixture_run(1), fixture_spec("flowers", "rlp", 16, 1), "base", 64.5,
                           NULL, 0, &e),
              &e);
    assert_ok(store_show(s, "9e37", &all, &e), &e);
    assert_string_equal(json_string_value(json_object_get(all, "run")), fixture_run(1));
    assert_string_equal(json_string_value(json_object_get(all, "state")), "done");
    assert_true(json_is_true(json_object_get(all, "sealed")));
    json_t *spec = fixture_spec("flowers", "rlp", 16, 1);
    assert_true(json_equal(json_object_get(all, "spec"), spec));
    json_decref(spec);

    json_t *attempt = json_array_get(json_object_get(all, "attempts"), 0);
    assert_string_equal(json_string_value(json_object_get(attempt, "command")),
                        "promptgrid-runner run x.json");
    assert_string_equal(json_string_value(json_object_get(attempt, "diff")), "diff\n");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(attempt, "machine"), "cpu")), "a CPU");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(attempt, "runner"), "threads")), 1);

    char *text = spec_text(json_object_get(all, "curve"));
    assert_string_equal(text, "[{\"accuracy\":64.0,\"base\":70.5,\"effective_rank\":1.75,"
                              "\"effective_rank_change\":1.0,\"energy\":[0.9,1.0],"
                              "\"energy_change\":[1.0],\"epoch\":0,\"loss\":1.5,\"lr\":1e-5,"
                              "\"new\":60.25,\"nuclear\":4.0,\"nuclear_change\":0.5,"
                              "\"singular\":[3.0,1.0],\"singular_change\":[0.5],"
                              "\"test\":null}]");
    free(text);
    text = json_dumps(json_object_get(all, "predictions"), JSON_COMPACT);
    assert_string_equal(text, "[{\"split\":\"base\",\"count\":3,\"labels\":[2,0,70000]}]");
    free(text);
    json_decref(all);
    store_close(s);
    free(path);
}

static void show_wants_an_unambiguous_prefix(void **state)
{
    struct err e = {0};
    char *path = store_in(state);
    json_t *all, *spec = fixture_spec("flowers", "rlp", 16, 1);
    struct store *s = open_store(path, STORE_WRITE);
    const char *a = "abcd000000000000000000000000000000000000000000000000000000000001";
    const char *b = "abcd000000010000000000000000000000000000000000000000000000000002";
    assert_ok(store_run(s, a, spec, &e), &e);
    assert_ok(store_run(s, b, spec, &e), &e);
    assert_int_equal(store_show(s, "abcd", &all, &e), ERR_RANGE);
    assert_text(&e, "'abcd' is the start of several runs: 'abcd00000000', 'abcd00000001'; give "
                    "more digits");
    assert_int_equal(store_show(s, "abc", &all, &e), ERR_USAGE);
    assert_text(&e, "'abc' is not the start of a run's id: expected 4 to 64 digits 0-9, a-f");
    assert_int_equal(store_show(s, "ab%' OR 1", &all, &e), ERR_USAGE);
    assert_int_equal(store_show(s, "abce", &all, &e), ERR_MISSING);
    assert_ok(store_show(s, a, &all, &e), &e); // the whole id; tried by nobody yet
    assert_true(json_is_null(json_object_get(all, "state")));
    json_decref(all);
    json_decref(spec);
    store_close(s);
    free(path);
}

static void an_edited_metric_breaks_the_seal(void **state)
{
    static const char *const edits[] = {
        "UPDATE metric SET value = value + 1e-13 WHERE split = 'base'",
        "UPDATE metric SET split = 'test' WHERE split = 'new'",
        "DELETE FROM metric WHERE split = 'new'",
        "INSERT INTO metric SELECT run, n, 'test', name, value FROM metric WHERE split = 'new'",
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        struct err e = {0};
        double value;
        json_t *all;
        char *path = str_format("%s/%zu.sqlite", (char *)*state, i);
        struct store *s = open_store(path, STORE_WRITE);
        fixture_origin(s);
        assert_ok(fixture_done(s, fixture_run(1), fixture_spec("flowers", "rlp", 16, 1), "base",
                               64.5, "new", 61.4, &e),
                  &e);
        store_close(s);
        fixture_sql(path, edits[i]);
        s = open_store(path, STORE_READ);
        assert_int_equal(store_metric(s, fixture_run(1), "base", "accuracy", &value, &e),
                         ERR_CORRUPT);
        char *want = str_format("the metrics of run '9e3779b10000' in '%s' do not match their "
                                "seal: rows were changed after they were recorded; "
                                "'promptgrid check' tells all, 'promptgrid repair' keeps what "
                                "verifies",
                                path);
        assert_text(&e, want);
        assert_ok(store_show(s, fixture_run(1), &all, &e), &e);
        assert_true(json_is_false(json_object_get(all, "sealed")));
        json_decref(all);
        free(want);
        store_close(s);
        free(path);
    }
}

static void attempts_fail_are_lost_and_count_on(void **state)
{
    struct err e = {0};
    char *path = store_in(state);
    int n = 0;
    struct store_state now;
    struct store *s = open_store(path, STORE_WRITE);
    json_t *spec = fixture_spec("flowers", "rlp", 16, 1), *none = json_array();
    fixture_origin(s);
    assert_ok(store_run(s, fixture_run(1), spec, &e), &e);
    assert_ok(store_begin(s, fixture_run(1), 1, 1, "c", NULL, &n, &e), &e);
    assert_int_equal(n, 1);
    assert_ok(store_failed(s, fixture_run(1), 1, "failed", "numeric", "loss is NaN", &e), &e);
    assert_ok(store_state(s, fixture_run(1), &now, &e), &e);
    assert_string_equal(now.state, "failed");
    assert_string_equal(now.class_, "numeric");
    assert_string_equal(now.reason, "loss is NaN");
    store_state_release(&now);

    assert_ok(store_begin(s, fixture_run(1), 1, 1, "c", "l", &n, &e), &e);
    assert_int_equal(n, 2);
    assert_ok(store_state(s, fixture_run(1), &now, &e), &e);
    assert_string_equal(now.state, "running");
    store_state_release(&now);
    store_close(s); // the scheduler is gone

    s = open_store(path, STORE_WRITE);
    assert_ok(store_recover(s, &n, &e), &e);
    assert_int_equal(n, 1);
    assert_ok(store_recover(s, &n, &e), &e);
    assert_int_equal(n, 0);
    assert_ok(store_state(s, fixture_run(1), &now, &e), &e);
    assert_string_equal(now.state, "lost");
    assert_string_equal(now.reason, "the scheduler ended before the run did");
    assert_int_equal(now.attempts, 2);
    store_state_release(&now);

    assert_int_equal(store_failed(s, fixture_run(1), 2, "failed", "x", "y", &e), ERR_CORRUPT);
    assert_ok(store_begin(s, fixture_run(1), 1, 1, "c", "l", &n, &e), &e);
    assert_int_equal(n, 3);
    assert_int_equal(store_done(s, fixture_run(1), 3, none, &e), ERR_CORRUPT);
    char *want = str_format("run '%.12s' ended well but reported no metric", fixture_run(1));
    assert_text(&e, want);
    free(want);
    json_decref(none);
    json_decref(spec);
    store_close(s);
    free(path);
}

static void a_failure_after_done_leaves_it_done(void **state)
{
    struct err e = {0};
    char *path = store_in(state);
    int n;
    double value;
    struct store_state now;
    struct store *s = open_store(path, STORE_WRITE);
    fixture_origin(s);
    assert_ok(fixture_done(s, fixture_run(1), fixture_spec("flowers", "rlp", 16, 1), "base", 64.5,
                           NULL, 0, &e),
              &e);
    assert_ok(store_begin(s, fixture_run(1), 1, 1, "c", "l", &n, &e), &e);
    assert_ok(store_failed(s, fixture_run(1), n, "failed", "system", "killed", &e), &e);
    assert_ok(store_state(s, fixture_run(1), &now, &e), &e);
    assert_string_equal(now.state, "done");
    assert_int_equal(now.attempts, 2);
    store_state_release(&now);
    assert_int_equal(store_metric(s, fixture_run(1), "base", "accuracy", &value, &e), 1);
    store_close(s);
    free(path);
}

static void a_rejected_event_leaves_nothing_of_the_run(void **state)
{
    struct err e = {0};
    char *path = store_in(state);
    int n;
    struct store *s = open_store(path, STORE_WRITE);
    json_t *spec = fixture_spec("flowers", "rlp", 16, 1);
    json_t *events = json_pack("[{s:s,s:s,s:s,s:f},{s:s,s:s,s:s,s:f}]", "event", "metric", "split",
                               "base", "name", "accuracy", "value", 1.0, "event", "metric", "split",
                               "base", "name", "accuracy", "value", 2.0);
    fixture_origin(s);
    assert_ok(store_run(s, fixture_run(1), spec, &e), &e);
    assert_ok(store_begin(s, fixture_run(1), 1, 1, "c", "l", &n, &e), &e);
    assert_int_equal(store_done(s, fixture_run(1), n, events, &e), ERR_CORRUPT);
    assert_ok(store_failed(s, fixture_run(1), n, "failed", "corrupt", e.text, &e), &e);
    store_close(s);
    assert_sql(path, "SELECT count(*) FROM metric", "0");
    assert_sql(path, "SELECT state FROM runs", "failed");
    json_decref(events);
    json_decref(spec);
    free(path);
}

/* Newest last: what a run of the family, and one of the shape, has taken on average. */
static void assert_costs(struct store *s, const json_t *spec, size_t family, double family_s,
                         size_t shape, double shape_s)
{
    struct err e = {0};
    struct store_cost cost;
    assert_ok(store_cost_of_family(s, spec, &cost, &e), &e);
    assert_int_equal(cost.runs, family);
    assert_true(fabs(cost.seconds - family_s) < 1e-3);
    assert_ok(store_cost_of_shape(s, spec, &cost, &e), &e);
    assert_int_equal(cost.runs, shape);
    assert_true(fabs(cost.seconds - shape_s) < 1e-3);
}

static void rows_written_together_are_kept_together(void **state)
{
    struct err e = {0};
    char *path = store_in(state);
    struct store *s = open_store(path, STORE_WRITE);
    json_t *spec = fixture_spec("flowers", "rlp", 16, 1);
    for (int kept = 0; kept < 2; kept++) {
        int rc = kept ? 0 : ERR_RANGE;
        assert_ok(store_together(s, &e), &e);
        assert_ok(store_run(s, fixture_run(1), spec, &e), &e);
        assert_ok(store_run(s, fixture_run(2), spec, &e), &e);
        assert_sql(path, "SELECT count(*) FROM run", "0"); // for others
        assert_int_equal(store_together_end(s, rc, &e), rc);
        assert_sql(path, "SELECT count(*) FROM run", kept ? "2" : "0");
    }
    json_decref(spec);
    store_close(s);
    free(path);
}

static void costs_come_from_the_same_work(void **state)
{
    struct err e = {0};
    char *path = store_in(state);
    struct store_cost cost;
    struct store *s = open_store(path, STORE_WRITE);
    fixture_origin(s);
    json_t *spec = fixture_spec("flowers", "rlp", 16, 9);
    assert_costs(s, spec, 0, 0, 0, 0);
    json_t *other = fixture_spec("flowers", "rlp", 16, 1); // another rank: alike, not the same
    json_object_set_new(json_object_get(other, "params"), "rank", json_integer(4));
    assert_ok(fixture_done(s, fixture_run(1), other, "base", 1, NULL, 0, &e), &e);
    fixture_sql(path, "UPDATE attempt SET started = '2024-01-01T00:00:00.000Z', "
                      "finished = '2024-01-01T00:00:30.000Z'");
    assert_costs(s, spec, 0, 0, 1, 30);
    assert_ok(fixture_done(s, fixture_run(2), fixture_spec("flowers", "rlp", 16, 1), "base", 1,
                           NULL, 0, &e),
              &e);
    fixture_sql(path, "UPDATE attempt SET started = '2024-01-01T00:00:00.000Z', finished = "
                      "'2024-01-01T00:00:10.500Z', memory = 70, bytes = 6 "
                      "WHERE finished > '2024-01-02'");
    assert_costs(s, spec, 1, 10.5, 2, 20.25);
    assert_ok(store_cost_of_shape(s, spec, &cost, &e), &e);
    assert_true(cost.memory == 70 && cost.bytes == 6);
    assert_ok(fixture_done(s, fixture_run(3), fixture_spec("flowers", "coop", 16, 1), "base", 1,
                           NULL, 0, &e),
              &e);
    other = fixture_spec("flowers", "rlp", 16, 1); // on another backbone
    json_object_set_new(other, "backbone", json_string("rn50"));
    assert_ok(fixture_done(s, fixture_run(4), other, "base", 1, NULL, 0, &e), &e);
    assert_costs(s, spec, 1, 10.5, 2, 20.25);
    json_decref(spec);
    store_close(s);
    free(path);
}

static void costs_come_from_the_newest_hundred(void **state)
{
    struct err e = {0};
    char *path = store_in(state);
    struct store *s = open_store(path, STORE_WRITE);
    fixture_origin(s);
    for (int i = 1; i <= 130; i++)
        assert_ok(fixture_done(s, fixture_run(i), fixture_spec("flowers", "rlp", 16, i), "base", 1,
                               NULL, 0, &e),
                  &e);
    fixture_sql(path, "UPDATE attempt SET seconds = CASE WHEN rowid > 30 THEN 2 ELSE 1000 END");
    json_t *spec = fixture_spec("flowers", "rlp", 16, 999);
    assert_costs(s, spec, 100, 2, 100, 2);
    json_decref(spec);
    store_close(s);
    free(path);
}

/* The run of the store at `from`, in a new store of version 1 at `to`. */
static void copy_as_version_1(const char *from, const char *to)
{
    char *sql = str_format(
        "%s PRAGMA application_id = %d; PRAGMA user_version = 1; ATTACH '%s' AS new;"
        "INSERT INTO main.revision SELECT * FROM new.revision;"
        "INSERT INTO main.machine SELECT * FROM new.machine;"
        "INSERT INTO main.run (id, spec, family) SELECT id, spec, family FROM new.run;"
        "INSERT INTO main.attempt SELECT run, n, state, class, reason, started, finished, revision,"
        " machine, command, log, runner, seal FROM new.attempt;"
        "INSERT INTO main.metric SELECT * FROM new.metric;"
        "INSERT INTO main.curve SELECT run, n, epoch, loss, lr, accuracy, effective_rank, singular,"
        " singular_change FROM new.curve;",
        store__migrations[0], STORE_APPLICATION, from);
    fixture_sql(to, sql);
    free(sql);
}

static void a_store_of_version_1_is_brought_up_to_date_with_its_results(void **state)
{
    struct err e = {0};
    char *path = store_in(state), *old = fs_join(*state, "old.sqlite");
    double value = 0;
    json_t *all;
    struct store *s = open_store(path, STORE_WRITE);
    fixture_origin(s);
    assert_ok(fixture_done(s, fixture_run(1), fixture_spec("flowers", "rlp", 16, 1), "base", 64.5,
                           NULL, 0, &e),
              &e);
    store_close(s);
    copy_as_version_1(path, old);

    store_close(open_store(old, STORE_LOOK));
    assert_sql(old, "PRAGMA user_version", "1");
    store_close(open_store(old, STORE_READ));
    char *copy = str_format("%s.v1.bak", old), *version = str_format("%d", STORE_VERSION);
    assert_sql(old, "PRAGMA user_version", version);
    assert_sql(copy, "PRAGMA user_version", "1");
    assert_sql(copy, "SELECT value FROM metric", "64.5");
    free(copy);
    free(version);
    s = open_store(old, STORE_WRITE);
    assert_int_equal(store_metric(s, fixture_run(1), "base", "accuracy", &value, &e), 1);
    assert_true(value == 64.5);
    assert_ok(store_show(s, "9e37", &all, &e), &e);
    const json_t *epoch = json_array_get(json_object_get(all, "curve"), 0);
    assert_true(json_number_value(json_object_get(epoch, "effective_rank")) == 1.75);
    assert_true(json_is_null(json_object_get(epoch, "nuclear")));
    json_decref(all);
    assert_ok(fixture_done(s, fixture_run(2), fixture_spec("flowers", "rlp", 16, 2), "base", 1,
                           NULL, 0, &e),
              &e);
    assert_sql(old, "SELECT count(*) || ' ' || sum(nuclear) FROM curve", "2 4.0");
    store_close(s);
    free(old);
    free(path);
}

static void a_reader_does_not_bring_up_to_date_what_another_writes(void **state)
{
    struct err e = {0};
    char *path = store_in(state), *lock = str_format("%s.lock", path);
    struct store *s = open_store(path, STORE_WRITE);
    store_close(s);
    fixture_sql(path, "PRAGMA user_version = 1"); // never looked at: the lock is held
    int fd = open(lock, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    char *want = str_format("'%s' has store version 1, this program reads %d; 'promptgrid run' "
                            "brings it up to date",
                            path, STORE_VERSION);
    assert_int_equal(store_open(&s, path, STORE_READ, &e), ERR_RANGE);
    assert_text(&e, want);
    assert_sql(path, "PRAGMA user_version", "1");
    close(fd);
    free(want);
    free(lock);
    free(path);
}

static void a_newer_store_is_refused_and_left_alone(void **state)
{
    struct err e = {0};
    char *path = store_in(state), *before, *after;
    size_t size, size_after;
    struct store *s = open_store(path, STORE_WRITE);
    store_close(s);
    fixture_sql(path, "PRAGMA user_version = 7");
    assert_ok(fs_read(&before, &size, path, 1 << 20, &e), &e);
    char *want = str_format("'%s' was written by a newer promptgrid (store version 7, this program "
                            "knows %d); update the program, or name another file or workspace",
                            path, STORE_VERSION);
    assert_int_equal(store_open(&s, path, STORE_WRITE, &e), ERR_RANGE);
    assert_null(s);
    assert_text(&e, want);
    assert_int_equal(store_open(&s, path, STORE_READ, &e), ERR_RANGE);
    assert_text(&e, want);
    assert_ok(fs_read(&after, &size_after, path, 1 << 20, &e), &e);
    assert_int_equal(size, size_after);
    assert_memory_equal(before, after, size);
    free(before);
    free(after);
    free(want);
    free(path);
}

static void foreign_files_are_refused(void **state)
{
    struct err e = {0};
    struct store *s;
    char *path = store_in(state);
    static const char *const format = "'%s' is not a promptgrid store: it is %s; expected the "
                                      "'promptgrid.sqlite' of a workspace; name another file or "
                                      "workspace";
    char *want = str_format(format, path, "the SQLite database of another program");
    fixture_sql(path, "CREATE TABLE theirs (x)");
    assert_int_equal(store_open(&s, path, STORE_WRITE, &e), ERR_CORRUPT);
    assert_text(&e, want);
    free(want);
    want = str_format(format, path, "no SQLite database");
    assert_ok(fs_write(path,
                       "no database at all, only text; longer than a header of 100 bytes, "
                       "so that it is looked at, and then refused as what it is",
                       110, &e),
              &e);
    assert_int_equal(store_open(&s, path, STORE_READ, &e), ERR_CORRUPT);
    assert_text(&e, want);
    free(want);
    free(path);
}

static void a_missing_or_empty_store_has_no_results_yet(void **state)
{
    struct err e = {0};
    struct store *s;
    char *path = fs_join(*state, "deep/er/promptgrid.sqlite");
    assert_int_equal(store_open(&s, path, STORE_READ, &e), ERR_MISSING);
    s = open_store(path, STORE_WRITE); // makes the folders
    store_close(s);
    free(path);
    path = store_in(state);
    assert_ok(fs_write(path, "", 0, &e), &e);
    assert_int_equal(store_open(&s, path, STORE_READ, &e), ERR_MISSING);
    s = open_store(path, STORE_WRITE);
    store_close(s);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_done_run_survives_closing_and_reopening),
        CASE(views_speak_plainly_to_sqlite3),
        CASE(an_evaluation_is_joined_to_its_training_run),
        CASE(show_tells_everything_about_a_run),
        CASE(show_wants_an_unambiguous_prefix),
        CASE(an_edited_metric_breaks_the_seal),
        CASE(attempts_fail_are_lost_and_count_on),
        CASE(a_failure_after_done_leaves_it_done),
        CASE(a_rejected_event_leaves_nothing_of_the_run),
        CASE(rows_written_together_are_kept_together),
        CASE(costs_come_from_the_same_work),
        CASE(costs_come_from_the_newest_hundred),
        CASE(a_store_of_version_1_is_brought_up_to_date_with_its_results),
        CASE(a_reader_does_not_bring_up_to_date_what_another_writes),
        CASE(a_newer_store_is_refused_and_left_alone),
        CASE(foreign_files_are_refused),
        CASE(a_missing_or_empty_store_has_no_results_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
