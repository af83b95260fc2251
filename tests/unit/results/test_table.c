/* The numbers of the comparison table; how they are printed is in test_export.c. */
#include "table_fixture.h"

#include "results/baseline.h"
#include "results/table_model.h"

static const char *const base_new_h[] = {"base", "new", "H", NULL};
static const char *const only_h[] = {"H", NULL};
static const char *const accuracy[] = {"accuracy", NULL};

static void cells_hold_mean_deviation_and_h_of_the_means(void **state)
{
    struct wanted w;
    wanted_open(&w, *state, "pocket");
    want(&w, "CoOp", "coop", "CoOp", "A", 16, 1, 64, 60);
    want(&w, "CoOp", "coop", "CoOp", "A", 16, 2, 66, 62);
    want(&w, "CoOp", "coop", "CoOp", "A", 16, 3, 63.5, 64);
    struct table *t = wanted_table(&w, base_new_h, false);
    json_t *rows = table_json(t), *row = json_row(rows, "CoOp", "A", "base");
    assert_true(fabs(json_real_at(row, "mean") - 64.5) < 1e-12);
    assert_true(fabs(json_real_at(row, "std") - sqrt(1.75)) < 1e-12);
    assert_int_equal(json_integer_value(json_object_get(row, "n")), 3);
    assert_int_equal(json_integer_value(json_object_get(row, "wanted")), 3);
    assert_string_equal(json_string_value(json_object_get(row, "method")), "coop");
    assert_int_equal(json_integer_value(json_object_get(row, "shots")), 16);
    row = json_row(rows, "CoOp", "A", "H");
    assert_true(fabs(json_real_at(row, "mean") - 2 * 64.5 * 62 / 126.5) < 1e-12);
    double h[3] = {2 * 64.0 * 60 / 124, 2 * 66.0 * 62 / 128, 2 * 63.5 * 64 / 127.5}, m = 0, q = 0;
    for (int i = 0; i < 3; i++)
        m += h[i] / 3;
    for (int i = 0; i < 3; i++)
        q += (h[i] - m) * (h[i] - m);
    assert_true(fabs(json_real_at(row, "std") - sqrt(q / 2)) < 1e-12);
    assert_int_equal(json_array_size(rows), 3); // one column: no Average
    json_decref(rows);
    table_free(t);
    wanted_close(&w);
}

static void the_average_of_coops_published_rows_is_the_published_one(void **state)
{
    struct err e = {0};
    struct baselines b;
    struct wanted w;
    assert_ok(baselines_load(&b, "results/published", &e), &e);
    wanted_open(&w, *state, "ViT-B/16");
    for (size_t i = 0; i < b.n; i++) {
        const struct baseline_row *base = &b.rows[i], *next = &b.rows[i + 1];
        if (str_eq(base->table, "base2new") && str_eq(base->method, "CoOp") &&
            str_eq(base->split, "base") && !str_eq(base->dataset, "Average")) {
            assert_string_equal(next->split, "new");
            for (int seed = 1; seed <= 2; seed++)
                want(&w, "CoOp", "coop", "CoOp", base->dataset, 16, seed,
                     base->value + (seed == 1 ? 0.5 : -0.5), next->value);
        }
    }
    assert_int_equal(w.n, 22);
    struct table *t = wanted_table(&w, base_new_h, true);
    json_t *rows = table_json(t);
    static const struct {
        const char *metric;
        double value;
    } want[] = {{"base", 82.69}, {"new", 63.22}, {"H", 71.66}};
    for (int i = 0; i < 3; i++) {
        json_t *row = json_row(rows, "CoOp", "Average", want[i].metric);
        json_t *published = json_array_get(json_object_get(row, "published"), 0);
        assert_true(fabs(json_real_at(row, "mean") - want[i].value) < 0.00501);
        assert_true(json_is_null(json_object_get(row, "std")));
        assert_int_equal(json_integer_value(json_object_get(row, "n")), 11);
        assert_true(fabs(json_real_at(published, "value") - want[i].value) < 0.00501);
        assert_true(str_starts(json_string_value(json_object_get(published, "source")), "http"));
    }
    json_decref(rows);
    table_free(t);

    t = wanted_table(&w, only_h, false); // H alone is the same H
    rows = table_json(t);
    assert_true(fabs(json_real_at(json_row(rows, "CoOp", "Average", "H"), "mean") - 71.66) < 0.005);
    json_decref(rows);
    table_free(t);
    wanted_close(&w);
    baselines_release(&b);
}

static void incomplete_cells_are_counted_and_left_out_of_the_average(void **state)
{
    struct wanted w;
    wanted_open(&w, *state, "pocket");
    for (int seed = 1; seed <= 3; seed++) {
        want(&w, "CoOp", "coop", "CoOp", "A", 16, seed, 50 + seed, 60);
        want(&w, "CoOp", "coop", "CoOp", "B", 16, seed, seed == 2 ? NAN : 70, 80);
        want(&w, "RLP", "rlp", NULL, "A", 16, seed, 40, 50);
        want(&w, "RLP", "rlp", NULL, "B", 16, seed, 60, 70);
        want(&w, "RLP", "rlp", NULL, "C", 16, seed, NAN, 0);
    }
    struct table *t = wanted_table(&w, base_new_h, false);
    json_t *rows = table_json(t), *row = json_row(rows, "CoOp", "B", "new");
    assert_int_equal(json_integer_value(json_object_get(row, "n")), 2);
    assert_int_equal(json_integer_value(json_object_get(row, "wanted")), 3);
    assert_true(json_real_at(row, "mean") == 80);
    row = json_row(rows, "RLP", "C", "H");
    assert_int_equal(json_integer_value(json_object_get(row, "n")), 0);
    assert_true(json_is_null(json_object_get(row, "mean")));
    assert_true(json_is_null(json_object_get(row, "std")));
    row = json_row(rows, "RLP", "Average", "base");
    assert_true(json_is_null(json_object_get(row, "mean")));
    assert_int_equal(json_integer_value(json_object_get(row, "n")), 2);
    assert_int_equal(json_integer_value(json_object_get(row, "wanted")), 3);
    row = json_row(rows, "CoOp", "Average", "base"); // C is not wanted of CoOp: still no average
    assert_true(json_is_null(json_object_get(row, "mean")));
    json_decref(rows);
    table_free(t);
    wanted_close(&w);
}

static void published_numbers_need_the_same_shots_dataset_and_backbone(void **state)
{
    struct wanted w;
    wanted_open(&w, *state, "ViT-B/16");
    w.protocol = "few-shot";
    want(&w, "zero-shot CLIP", "zero-shot", "zero-shot CLIP", "EuroSAT", 0, 0, 48, NAN);
    want(&w, "CoOp", "coop", "CoOp", "EuroSAT", 4, 1, 70, NAN);
    want(&w, "CoOp at home", "coop", "CoOp", "my-dataset", 4, 1, 70, NAN);
    struct table *t = wanted_table(&w, accuracy, true);
    json_t *rows = table_json(t), *others = table_published_json(t), *item;
    size_t i, promptsrc = 0;
    json_t *published = json_object_get(json_row(rows, "CoOp", "EuroSAT", "accuracy"), "published");
    json_t *first = json_array_get(published, 0);
    assert_string_equal(json_string_value(json_object_get(first, "table")), "fewshot");
    assert_int_equal(json_integer_value(json_object_get(first, "shots")), 4);
    assert_string_equal(json_string_value(json_object_get(json_array_get(published, 1), "table")),
                        "fewshot_alt");
    published =
        json_object_get(json_row(rows, "zero-shot CLIP", "EuroSAT", "accuracy"), "published");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(published, 0), "shots")), 0);
    published =
        json_object_get(json_row(rows, "CoOp at home", "my-dataset", "accuracy"), "published");
    assert_int_equal(json_array_size(published), 0);
    json_array_foreach(others, i, item)
    {
        const char *method = json_string_value(json_object_get(item, "method"));
        assert_string_equal(json_string_value(json_object_get(item, "dataset")), "EuroSAT");
        assert_int_equal(json_integer_value(json_object_get(item, "shots")), 4);
        assert_string_not_equal(method, "CoOp");
        promptsrc += str_eq(method, "PromptSRC");
    }
    assert_int_equal(promptsrc, 1);
    json_decref(others);
    json_decref(rows);
    table_free(t);
    wanted_close(&w);
}

static void the_source_comes_first_and_is_not_averaged(void **state)
{
    struct err e = {0};
    struct baselines b;
    struct wanted w;
    struct str caption = STR_INIT;
    size_t source = 0;
    assert_ok(baselines_load(&b, "results/published", &e), &e);
    wanted_open(&w, *state, "ViT-B/16");
    w.protocol = "cross-dataset";
    for (int pass = 0; pass < 2; pass++) // the source last
        for (size_t i = 0; i < b.n; i++) {
            const struct baseline_row *row = &b.rows[i];
            if (!str_eq(row->table, "cross_dataset") || !str_eq(row->method, "CoOp") ||
                str_eq(row->dataset, "Average") || str_starts(row->dataset, "ImageNet") != pass)
                continue;
            source = w.n;
            want(&w, "CoOp", "coop", "CoOp", row->dataset, 16, 1, row->value, NAN);
            w.runs[w.n - 1].source = "ImageNet";
        }
    w.runs[source].on_source = true;
    assert_int_equal(w.n, 11);
    struct table *t = wanted_table(&w, accuracy, true);
    assert_string_equal(t->columns[0], "ImageNet (source)");
    assert_string_equal(t->columns[1], "Caltech101");
    json_t *rows = table_json(t), *row = json_row(rows, "CoOp", "Average", "accuracy");
    assert_true(fabs(json_real_at(row, "mean") - 63.88) < 0.00501);
    assert_int_equal(json_integer_value(json_object_get(row, "n")), 10);
    json_t *published = json_array_get(json_object_get(row, "published"), 0);
    assert_true(fabs(json_real_at(published, "value") - 63.88) < 0.00501);
    row = json_row(rows, "CoOp", "ImageNet (source)", "accuracy");
    assert_true(fabs(json_real_at(row, "mean") - 71.51) < 1e-9);
    table_caption(t, &caption);
    assert_non_null(
        strstr(caption.data, "Average is the mean over the targets, without the source."));
    str_clear(&caption);
    table_subtitle(t, &caption);
    assert_string_equal(caption.data,
                        "accuracy in percent, ViT-B/16, cross-dataset, trained on ImageNet");
    str_release(&caption);
    json_decref(rows);
    table_free(t);

    w.runs[source].source = w.runs[source].dataset; // several sources have no common Average
    t = wanted_table(&w, accuracy, false);
    assert_false(t->average);
    table_free(t);
    wanted_close(&w);
    baselines_release(&b);
}

static void nothing_published_is_said(void **state)
{
    struct wanted w;
    wanted_open(&w, *state, "pocket");
    want(&w, "CoOp", "coop", "CoOp", "pocket-land", 16, 1, 50, 60);
    struct table *t = wanted_table(&w, base_new_h, true);
    json_t *origin = table_origin_json(t);
    assert_string_equal(
        json_string_value(json_object_get(origin, "note")),
        "nothing is published for pocket on these datasets and shots (base-to-new)");
    json_decref(origin);
    table_free(t);
    wanted_close(&w);
}

static void origin_counts_runs_and_names_failures(void **state)
{
    struct err e = {0};
    struct wanted w;
    int n;
    wanted_open(&w, *state, "pocket");
    want(&w, "CoOp", "coop", "CoOp", "A", 16, 1, 50, 60);
    want(&w, "CoOp", "coop", "CoOp", "A", 16, 2, NAN, 60);
    json_t *spec = fixture_spec("A", "coop", 16, 2);
    assert_ok(store_run(w.store, w.runs[1].run, spec, &e), &e);
    assert_ok(store_begin(w.store, w.runs[1].run, 1, 1, "c", "l", &n, &e), &e);
    assert_ok(store_failed(w.store, w.runs[1].run, n, "failed", "numeric", "loss is NaN", &e), &e);
    struct table *t = wanted_table(&w, base_new_h, false);
    json_t *origin = table_origin_json(t);
    json_t *failed = json_array_get(json_object_get(origin, "failed"), 0);
    json_t *code = json_array_get(json_object_get(origin, "revisions"), 0);
    assert_int_equal(json_integer_value(json_object_get(origin, "runs")), 2);
    assert_int_equal(json_integer_value(json_object_get(origin, "done")), 1);
    assert_string_equal(json_string_value(json_object_get(failed, "reason")), "loss is NaN");
    assert_int_equal(json_integer_value(json_object_get(failed, "seed")), 2);
    assert_string_equal(json_string_value(json_object_get(code, "commit")),
                        "0123456789abcdef0123456789abcdef01234567");
    assert_true(json_is_true(json_object_get(code, "dirty")));
    json_decref(origin);
    json_decref(spec);
    table_free(t);
    wanted_close(&w);
}

static void runs_of_a_cell_differ_in_the_seed_only(void **state)
{
    struct err e = {0};
    struct wanted w;
    struct table *t;
    const struct table_options options = {.name = "main", .metrics = accuracy};
    wanted_open(&w, *state, "pocket");
    want(&w, "CoOp", "coop", "CoOp", "A", 4, 1, NAN, 0);
    want(&w, "CoOp", "coop", "CoOp", "A", 16, 1, NAN, 0);
    assert_int_equal(table_build(&t, NULL, w.runs, w.n, &options, &e), ERR_USAGE);
    assert_null(t);
    assert_text(&e, "table 'main' puts runs that differ in more than the seed into row 'CoOp', "
                    "column 'A': choose rows and columns, or 'where', that tell them apart");
    wanted_close(&w);
}

static void a_broken_seal_stops_the_table(void **state)
{
    struct err e = {0};
    struct wanted w;
    struct table *t;
    const struct table_options options = {.name = "main", .metrics = base_new_h};
    wanted_open(&w, *state, "pocket");
    want(&w, "CoOp", "coop", "CoOp", "A", 16, 1, 50, 60);
    fixture_sql(w.path, "UPDATE metric SET value = 99");
    assert_int_equal(table_build(&t, w.store, w.runs, w.n, &options, &e), ERR_CORRUPT);
    wanted_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(cells_hold_mean_deviation_and_h_of_the_means),
        CASE(the_average_of_coops_published_rows_is_the_published_one),
        CASE(incomplete_cells_are_counted_and_left_out_of_the_average),
        CASE(published_numbers_need_the_same_shots_dataset_and_backbone),
        CASE(the_source_comes_first_and_is_not_averaged),
        CASE(nothing_published_is_said),
        CASE(origin_counts_runs_and_names_failures),
        CASE(runs_of_a_cell_differ_in_the_seed_only),
        CASE(a_broken_seal_stops_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
