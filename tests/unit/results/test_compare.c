/* Two rows against each other: images by their predictions, datasets by their means. */
#include "table_fixture.h"

#include "results/compare.h"

static const char *const accuracy[] = {"accuracy", NULL};
static const char *const base_new_h[] = {"base", "new", "H", NULL};

enum { IMAGES = 10 };

/* A done run whose prediction of image i is right where right[i] is '1'; the truth is i. */
static void add(struct wanted *w, const char *row, const char *dataset, int seed, const char *right)
{
    struct err e = {0};
    int n, hits = 0, number = (int)w->n + 1;
    json_t *labels = json_array();
    for (int i = 0; i < IMAGES; i++) {
        hits += right[i] == '1';
        json_array_append_new(labels, json_integer(right[i] == '1' ? i : 99));
    }
    w->protocol = "few-shot";
    want(w, row, row, NULL, dataset, 16, seed, NAN, NAN);
    const char *run = w->runs[number - 1].run;
    json_t *spec = fixture_spec(dataset, row, 16, seed);
    json_t *events = json_pack("[{s:s, s:s, s:s, s:f}, {s:s, s:s, s:o}]", "event", "metric",
                               "split", "test", "name", "accuracy", "value", 10.0 * hits, "event",
                               "prediction", "split", "test", "labels", labels);
    assert_ok(store_run(w->store, run, spec, &e), &e);
    assert_ok(store_begin(w->store, run, 1, 1, "x", "x", &n, &e), &e);
    assert_ok(store_done(w->store, run, n, events, &e), &e);
    json_decref(events);
    json_decref(spec);
}

static int truth(void *arg, const char *run, const char *split, int **labels, size_t *n,
                 struct err *e)
{
    (void)arg;
    (void)run;
    (void)e;
    assert_string_equal(split, "test");
    *labels = mem_alloc(IMAGES, sizeof **labels);
    for (int i = 0; i < IMAGES; i++)
        (*labels)[i] = i;
    *n = IMAGES;
    return 0;
}

static void images_are_counted_once_whatever_the_seeds(void **state)
{
    struct err e = {0};
    struct wanted w;
    struct comparison c;
    wanted_open(&w, *state, "pocket");
    add(&w, "coop", "A", 1, "1111100000");
    add(&w, "coop", "A", 2, "1111110000");
    add(&w, "rlp", "A", 1, "0011111000");
    add(&w, "rlp", "A", 2, "1011111000");
    add(&w, "coop", "B", 1, "1111111111");
    add(&w, "rlp", "B", 1, "0000000000");
    struct table *t = wanted_table(&w, accuracy, false);
    assert_ok(compare_rows(&c, t, w.store, "coop", "rlp", truth, NULL, &e), &e);
    assert_int_equal(c.n_images, 2);
    // A: image 0 is coop's in seed 1, image 1 in both, 5 is rlp's in seed 1, 6 in both
    assert_string_equal(c.images[0].column, "A");
    assert_int_equal(c.images[0].seeds, 2);
    assert_int_equal(c.images[0].images, IMAGES);
    assert_int_equal(c.images[0].only_a, 2);
    assert_int_equal(c.images[0].only_b, 2);
    assert_true(c.images[0].p == 1);
    assert_int_equal(c.images[1].only_a, 10);
    assert_int_equal(c.images[1].only_b, 0);
    assert_true(fabs(c.images[1].p - 2 / 1024.0) < 1e-15);
    assert_true(fabs(c.images[1].holm - 4 / 1024.0) < 1e-15);
    assert_int_equal(c.n_datasets, 1);
    assert_int_equal(c.datasets[0].n, 2);
    assert_true(fabs(c.datasets[0].mean - 50) < 1e-9); // (55 - 55 + 100 - 0) / 2
    assert_true(c.datasets[0].interval.low == 0 && c.datasets[0].interval.high == 100);
    compare_release(&c);
    table_free(t);
    wanted_close(&w);
}

static void what_cannot_be_compared_is_said(void **state)
{
    struct err e = {0};
    struct wanted w;
    struct comparison c;
    struct str out = STR_INIT;
    wanted_open(&w, *state, "pocket");
    add(&w, "coop", "A", 1, "1111100000");
    add(&w, "rlp", "A", 1, "1111110000");
    add(&w, "coop", "B", 1, "1111100000");
    want(&w, "rlp", "rlp", NULL, "B", 16, 1, NAN, NAN);
    struct table *t = wanted_table(&w, accuracy, false);
    assert_ok(compare_rows(&c, t, w.store, "coop", "rlp", truth, NULL, &e), &e);
    compare_text(&c, t, &out);
    assert_string_equal(
        out.data,
        "coop against rlp: the main table\n"
        "\nTest images that only one of them gets right (McNemar)\n\n"
        "             seeds  images  only coop  only rlp       p    Holm\n"
        "A  accuracy      1      10          0         1  1.0000  1.0000\n"
        "\nWith several seeds an image counts for the method that is right on it in more of the\n"
        "seeds that both have. Holm: p corrected for the number of datasets.\n"
        "\ncoop less rlp over datasets, in points\n\n"
        "          datasets    mean  95 % bootstrap  Wilcoxon p    Holm  paired t p  Holm\n"
        "accuracy         1  -10.00               -      1.0000  1.0000           -     -\n"
        "\nHolm: p corrected for the number of metrics. The interval is of the mean, over "
        "datasets\n"
        "drawn anew 10,000 times.\n"
        "\nNot compared:\n"
        "  B: no run of both is done\n");
    json_t *json = compare_json(&c);
    assert_string_equal(json_string_value(json_array_get(json_object_get(json, "skipped"), 0)),
                        "B: no run of both is done");
    assert_true(
        json_is_null(json_object_get(json_array_get(json_object_get(json, "datasets"), 0), "low")));
    json_decref(json);
    compare_release(&c);
    assert_int_equal(compare_rows(&c, t, w.store, "coop", "coop", truth, NULL, &e), ERR_USAGE);
    assert_text(&e, "'coop' and 'coop' are the same row");
    assert_int_equal(compare_rows(&c, t, w.store, "coop", "zero", truth, NULL, &e), ERR_USAGE);
    assert_text(&e, "table 'main' has no row 'zero'; its rows are 'coop', 'rlp'");
    str_release(&out);
    table_free(t);
    wanted_close(&w);
}

static void predictions_that_contradict_the_accuracy_are_refused(void **state)
{
    struct err e = {0};
    struct wanted w;
    struct comparison c;
    wanted_open(&w, *state, "pocket");
    add(&w, "coop", "A", 1, "1111100000");
    add(&w, "rlp", "A", 1, "1111110000");
    fixture_sql(w.path, "UPDATE prediction SET labels = (SELECT labels FROM prediction LIMIT 1)");
    struct table *t = wanted_table(&w, accuracy, false);
    assert_int_equal(compare_rows(&c, t, w.store, "coop", "rlp", truth, NULL, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "do not match their seal"));
    fixture_sql(w.path, "UPDATE attempt SET details = NULL"); // as of an earlier release
    assert_int_equal(compare_rows(&c, t, w.store, "coop", "rlp", truth, NULL, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "are right for 50.00 % of the images, its accuracy is 60.00"));
    table_free(t);
    wanted_close(&w);
}

static void ranks_count_datasets_in_which_all_rows_are_complete(void **state)
{
    struct wanted w;
    struct str out = STR_INIT;
    wanted_open(&w, *state, "pocket");
    static const double base[3][3] = {{50, 60, 70}, {51, 59, 69}, {40, 61, 71}};
    static const char *const rows[] = {"x", "y", "z"}, *const datasets[] = {"A", "B", "C"};
    for (int r = 0; r < 3; r++)
        for (int d = 0; d < 3; d++)
            want(&w, rows[r], rows[r], NULL, datasets[d], 16, 1, base[r][d], 50);
    want(&w, "z", "z", NULL, "D", 16, 1, 10, 50);
    struct table *t = wanted_table(&w, base_new_h, false);
    json_t *ranks = compare_ranks(t), *first = json_array_get(ranks, 0);
    assert_int_equal(json_integer_value(json_object_get(first, "datasets")), 3);
    compare_ranks_text(ranks, &out);
    const char *want_text = "base: average rank over 3 datasets, 1 is best\n"
                            "\n"
                            "  z  1.67\n"
                            "  x  2.00\n"
                            "  y  2.33\n"
                            "\n"
                            "Friedman's test: chi-squared 0.667, p 0.7165. Ranks differ at the 5 % "
                            "level when they are\nmore than 1.91 apart (Nemenyi's critical "
                            "difference).\n";
    assert_int_equal(strncmp(out.data, want_text, strlen(want_text)), 0);
    str_release(&out);
    json_decref(ranks);
    table_free(t);
    wanted_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(images_are_counted_once_whatever_the_seeds),
        CASE(what_cannot_be_compared_is_said),
        CASE(predictions_that_contradict_the_accuracy_are_refused),
        CASE(ranks_count_datasets_in_which_all_rows_are_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
