/* A damaged store is found out or harmless, and what is saved of it verifies. */
#include "store_fixture.h"

#include "core/base/fs.h"
#include "core/proto/spec.h"
#include "results/store_check.h"
#include "results/store_curve.h"

#include <unistd.h>

enum { RUNS = 12 };

static char ids[RUNS][HASH_HEX];

static char *make_store(void **state)
{
    struct err e = {0};
    char *path = fs_join(*state, "promptgrid.sqlite");
    struct store *s;
    assert_ok(store_open(&s, path, STORE_WRITE, &e), &e);
    fixture_origin(s);
    for (int i = 0; i < RUNS; i++) {
        json_t *spec = fixture_spec("flowers", "rlp", 16, i + 1);
        spec_id(spec, ids[i]);
        assert_ok(fixture_done(s, ids[i], spec, "base", 50 + i, "new", 40.5 + i, &e), &e);
    }
    store_close(s);
    return path;
}

static void count_finding(void *arg, enum store_flaw flaw, const char *run, const char *text)
{
    (void)flaw;
    assert_non_null(run);
    assert_true(*text);
    ++*(int *)arg;
}

/* Findings, or 1 when it cannot be opened. */
static int findings_of(const char *path)
{
    struct err e = {0};
    struct store *s;
    int n = 0;
    struct store_check c = {.found = count_finding, .arg = &n};
    if (store_open(&s, path, STORE_LOOK, &e) < 0)
        return 1;
    assert_ok(store_check(s, &c, &e), &e);
    store_close(s);
    return n;
}

/* No number that was not recorded is ever read. */
static int right_results(const char *path)
{
    struct err e = {0};
    struct store *s;
    int right = 0;
    if (store_open(&s, path, STORE_LOOK, &e) < 0)
        return 0;
    for (int i = 0; i < RUNS; i++) {
        double value = 0;
        if (store_metric(s, ids[i], "base", "accuracy", &value, &e) != 1)
            continue;
        if (value != 50 + i)
            fail_msg("run %d reads as %f", i, value);
        right++;
    }
    store_close(s);
    return right;
}

static void put(const char *path, const char *data, size_t size)
{
    static const char *const endings[] = {"-wal", "-shm"};
    FILE *f = fopen(path, "wb");
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
    for (int i = 0; i < 2; i++) {
        char *name = str_format("%s%s", path, endings[i]);
        unlink(name);
        free(name);
    }
}

static void remove_file(const char *path)
{
    if (unlink(path) < 0)
        fail_msg("'%s' is not there", path);
}

static void a_whole_store_has_no_findings(void **state)
{
    char *path = make_store(state);
    assert_int_equal(findings_of(path), 0);
    assert_int_equal(right_results(path), RUNS);
    free(path);
}

static void every_kind_of_wrong_row_is_found_and_mended(void **state)
{
    static const char *const damage[] = {
        "UPDATE metric SET value = value + 1 WHERE run = (SELECT min(id) FROM run)",
        "DELETE FROM metric WHERE split = 'new' AND run = (SELECT min(id) FROM run)",
        "UPDATE run SET spec = replace(spec, '16', '17') WHERE id = (SELECT min(id) FROM run)",
        "PRAGMA foreign_keys = OFF; DELETE FROM run WHERE id = (SELECT min(id) FROM run)",
        "UPDATE attempt SET state = 'lost', seal = NULL WHERE run = (SELECT min(id) FROM run)",
        "UPDATE prediction SET labels = x'00' WHERE run = (SELECT min(id) FROM run)",
        "UPDATE curve SET loss = 1.25 WHERE run = (SELECT min(id) FROM run)",
        "UPDATE curve SET base = NULL WHERE run = (SELECT min(id) FROM run)",
        "UPDATE curve SET singular = '[3.0,2.0]' WHERE run = (SELECT min(id) FROM run)",
        "DELETE FROM curve WHERE run = (SELECT min(id) FROM run)",
        "DELETE FROM prediction WHERE run = (SELECT min(id) FROM run)",
        "UPDATE prediction SET split = 'new' WHERE run = (SELECT min(id) FROM run)",
        "UPDATE artifact SET sha256 = '00' WHERE run = (SELECT min(id) FROM run)",
    };
    char *path = make_store(state), *copy = fs_join(*state, "copy.sqlite"), *whole;
    struct err e = {0};
    size_t size;
    assert_ok(fs_read(&whole, &size, path, 1 << 24, &e), &e);
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        struct store *s;
        put(path, whole, size);
        fixture_sql(path, damage[i]);
        if (!findings_of(path))
            fail_msg("not found: %s", damage[i]);
        assert_ok(store_open(&s, path, STORE_WRITE, &e), &e);
        assert_ok(store_mend(s, copy, &e), &e);
        store_close(s);
        assert_int_equal(findings_of(path), 0);
        assert_int_equal(right_results(path), RUNS - 1);
        assert_true(findings_of(copy) > 0);
        remove_file(copy);
    }
    free(whole);
    free(copy);
    free(path);
}

/* What the curve and the predictions of the first run read as: an error's code, or 0. */
static void read_details(const char *path, int want)
{
    struct err e = {0};
    struct store *s;
    json_t *curve;
    int *labels;
    size_t n;
    assert_ok(store_open(&s, path, STORE_READ, &e), &e);
    assert_int_equal(store_curve(s, ids[0], &curve, &e), want);
    if (want < 0)
        assert_non_null(strstr(e.text, "do not match their seal: rows were changed after"));
    assert_int_equal(store_predictions(s, ids[0], "base", &labels, &n, &e), want ? want : 1);
    json_decref(curve);
    free(labels);
    store_close(s);
}

static void changed_curves_and_predictions_are_not_read(void **state)
{
    char *path = make_store(state);
    char *sql = str_format("UPDATE curve SET new = new + 1 WHERE run = '%s'", ids[0]);
    read_details(path, 0);
    fixture_sql(path, sql);
    read_details(path, ERR_CORRUPT);
    fixture_sql(path, "UPDATE attempt SET details = NULL"); // as of an earlier release
    read_details(path, 0);
    assert_int_equal(findings_of(path), 0);
    free(sql);
    free(path);
}

struct names {
    char *items[32];
    int n;
};

static int keep_name(void *arg, int n, char **values, char **columns)
{
    struct names *names = arg;
    (void)n;
    (void)columns;
    names->items[names->n++] = str_format("%s", values[0]);
    return names->n == 32;
}

/* Of all but what names the attempt, and paths, which a merge changes. */
static void every_column_beside_the_metrics_is_sealed(void **state)
{
    static const char *const tables[] = {"curve", "prediction", "artifact"};
    char *path = make_store(state), *whole;
    struct err e = {0};
    size_t size;
    int seen = 0;
    assert_ok(fs_read(&whole, &size, path, 1 << 24, &e), &e);
    for (int t = 0; t < 3; t++) {
        struct names names = {.n = 0};
        sqlite3 *db;
        char *query = str_format("SELECT name FROM pragma_table_info('%s') WHERE name NOT IN "
                                 "('run', 'n', 'path')",
                                 tables[t]);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, query, keep_name, &names, NULL), SQLITE_OK);
        sqlite3_close(db);
        for (int i = 0; i < names.n; i++, seen++) {
            char *sql = str_format("UPDATE %s SET %s = '0.125' WHERE run = '%s'", tables[t],
                                   names.items[i], ids[0]);
            put(path, whole, size);
            fixture_sql(path, sql);
            if (!findings_of(path))
                fail_msg("not found: %s", sql);
            free(sql);
            free(names.items[i]);
        }
        free(query);
    }
    assert_int_equal(seen, 15 + 3 + 2);
    free(whole);
    free(path);
}

/* As a flipped byte does it to the text that defines a table. */
static void a_table_of_another_shape_is_found_and_rebuilt(void **state)
{
    char *path = make_store(state), *aside = fs_join(*state, "aside.sqlite");
    struct err e = {0};
    struct store_rebuilt r;
    fixture_sql(path, "CREATE INDEX added_by_others ON run(seed)");
    assert_int_equal(findings_of(path), 0);
    fixture_sql(path, "ALTER TABLE attempt RENAME COLUMN reason TO season");
    assert_true(findings_of(path) > 0);
    assert_ok(store_rebuild(path, aside, &r, &e), &e);
    assert_int_equal(findings_of(path), 0);
    assert_int_equal(right_results(path), RUNS);
    free(aside);
    free(path);
}

static void a_flipped_byte_gives_no_wrong_number(void **state)
{
    enum { STRIDE = 211 };
    struct err e = {0};
    char *path = make_store(state), *whole;
    size_t size;
    assert_ok(fs_read(&whole, &size, path, 1 << 24, &e), &e);
    for (size_t at = 0; at < size; at += STRIDE) {
        whole[at] = (char)~whole[at];
        put(path, whole, size);
        int found = findings_of(path), right = right_results(path);
        if (right < RUNS && !found)
            fail_msg("byte %zu: %d of %d results, and nothing was found", at, right, RUNS);
        whole[at] = (char)~whole[at];
    }
    free(whole);
    free(path);
}

static void what_is_saved_of_a_cut_store_verifies(void **state)
{
    struct err e = {0};
    char *path = make_store(state), *aside = fs_join(*state, "damaged.sqlite"), *whole;
    size_t size;
    assert_ok(fs_read(&whole, &size, path, 1 << 24, &e), &e);
    for (size_t kept = 0; kept < size; kept += 4096 + 512) {
        struct store_rebuilt n;
        put(path, whole, kept);
        if (store_rebuild(path, aside, &n, &e) < 0)
            continue; // nothing can be read; the file is as it was
        remove_file(aside);
        assert_int_equal(findings_of(path), 0);
        assert_int_equal(right_results(path), n.done);
    }
    put(path, whole, size);
    for (int i = 0; i < 2 * 4096; i++) // two pages in the middle
        whole[size / 2 / 4096 * 4096 + (size_t)i] = 0x55;
    put(path, whole, size);
    assert_true(findings_of(path) > 0);
    struct store_rebuilt n;
    assert_ok(store_rebuild(path, aside, &n, &e), &e);
    assert_int_equal(findings_of(path), 0);
    assert_int_equal(right_results(path), n.done);
    assert_true(findings_of(aside) > 0);
    free(whole);
    free(aside);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_whole_store_has_no_findings),
        CASE(every_kind_of_wrong_row_is_found_and_mended),
        CASE(changed_curves_and_predictions_are_not_read),
        CASE(every_column_beside_the_metrics_is_sealed),
        CASE(a_table_of_another_shape_is_found_and_rebuilt),
        CASE(a_flipped_byte_gives_no_wrong_number),
        CASE(what_is_saved_of_a_cut_store_verifies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
