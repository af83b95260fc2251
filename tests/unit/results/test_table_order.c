/* Rows in groups, sorted, ranked, as differences; metrics of the run itself. */
#include "table_fixture.h"

#include "results/table_model.h"

static const char *const accuracy[] = {"accuracy", NULL};
static const char *const base_new_h[] = {"base", "new", "H", NULL};

static void fill(struct wanted *w, const char *folder)
{
    wanted_open(w, folder, "pocket");
    w->protocol = "few-shot";
    want(w, "b", "coop", NULL, "A", 16, 1, 50, NAN);
    want(w, "b", "coop", NULL, "B", 16, 1, 80, NAN);
    want(w, "a", "rlp", NULL, "A", 16, 1, 60, NAN);
    want(w, "a", "rlp", NULL, "B", 16, 1, 60, NAN);
    want(w, "c", "rlp", NULL, "A", 16, 1, 99, NAN);
    want(w, "c", "rlp", NULL, "B", 16, 1, NAN, NAN);
}

/* The table with these options, or the error's text. */
static struct table *built(struct wanted *w, struct table_options o)
{
    struct err e = {0};
    struct table *t;
    o.name = "main";
    if (!o.metrics)
        o.metrics = accuracy;
    assert_ok(table_build(&t, w->store, w->runs, w->n, &o, &e), &e);
    return t;
}

static void assert_refused(struct wanted *w, struct table_options o, const char *want_text)
{
    struct err e = {0};
    struct table *t;
    o.name = "main";
    o.metrics = o.metrics ? o.metrics : accuracy;
    o.published_folder = "results/published";
    assert_int_equal(table_build(&t, w->store, w->runs, w->n, &o, &e), ERR_USAGE);
    assert_text(&e, want_text);
    assert_null(t);
}

static void assert_rows(const struct table *t, const char *labels)
{
    struct str seen = STR_INIT;
    for (size_t r = 0; r < t->n_ours; r++)
        str_addf(&seen, "%s%s", r ? " " : "", t->rows[r].label);
    assert_string_equal(seen.data, labels);
    str_release(&seen);
}

static void rows_sort_by_a_column_with_the_incomplete_last(void **state)
{
    static const char *const by[] = {"Average", "A", "B:accuracy", "row", NULL};
    static const char *const order[] = {"b a c", "c a b", "b a c", "a b c", "b a c"};
    struct wanted w;
    fill(&w, *state);
    for (int i = 0; i < 5; i++) {
        struct table *t = built(&w, (struct table_options){.sort = by[i]});
        assert_rows(t, order[i]);
        table_free(t);
    }
    assert_refused(&w, (struct table_options){.sort = "A:H"},
                   "table 'main' does not show 'H'; it shows 'accuracy'");
    assert_refused(&w, (struct table_options){.sort = "Some"}, "table 'main' has no column 'Some'");
    wanted_close(&w);
}

static void groups_keep_their_order_and_rank_by_themselves(void **state)
{
    struct wanted w;
    fill(&w, *state);
    for (size_t i = 0; i < w.n; i++)
        w.runs[i].group = i / 2 == 1 ? "one" : "two"; // b two, a one, c two
    struct table *t = built(&w, (struct table_options){.sort = "A"});
    assert_rows(t, "c b a");
    assert_string_equal(t->rows[0].group, "two");
    assert_string_equal(t->rows[2].group, "one");
    assert_int_equal(t->rows[0].cells[0].value[METRIC_ACCURACY].rank, 1);
    assert_int_equal(t->rows[1].cells[0].value[METRIC_ACCURACY].rank, 2);
    assert_int_equal(t->rows[2].cells[0].value[METRIC_ACCURACY].rank, 0); // alone
    table_free(t);
    wanted_close(&w);
}

static void differences_are_from_a_row_or_a_method(void **state)
{
    struct wanted w;
    fill(&w, *state);
    static const char *const names[] = {"b", "coop"};
    for (int i = 0; i < 2; i++) {
        struct table *t = built(&w, (struct table_options){.delta = names[i]});
        const struct table_row *a = &t->rows[1], *c = &t->rows[2];
        assert_true(t->rows[0].is_baseline && !a->is_baseline);
        assert_string_equal(t->baseline, "b");
        assert_true(a->cells[0].value[METRIC_ACCURACY].delta == 10);
        assert_true(a->cells[1].value[METRIC_ACCURACY].delta == -20);
        assert_true(a->cells[2].value[METRIC_ACCURACY].delta == -5); // Average
        assert_true(isnan(c->cells[1].value[METRIC_ACCURACY].delta));
        assert_true(isnan(t->rows[0].cells[0].value[METRIC_ACCURACY].delta));
        table_free(t);
    }
    assert_refused(&w, (struct table_options){.delta = "rlp"},
                   "several rows of table 'main' are of method 'rlp': name one of them");
    assert_refused(&w, (struct table_options){.delta = "x"},
                   "table 'main' has no row 'x'; its rows are 'b', 'a', 'c'");
    assert_refused(&w, (struct table_options){.delta = "b", .against_published = true},
                   "differences from 'b' cannot stand beside published numbers: ask for one of "
                   "them");
    wanted_close(&w);
}

static void each_group_has_its_own_baseline(void **state)
{
    struct wanted w;
    wanted_open(&w, *state, "pocket");
    w.protocol = "few-shot";
    static const double values[] = {50, 55, 70, 71};
    for (int i = 0; i < 4; i++) {
        want(&w, i % 2 ? "RLP" : "CoOp", i % 2 ? "rlp" : "coop", NULL, "A", 16, 1, values[i], NAN);
        w.runs[w.n - 1].group = i < 2 ? "4 shots" : "16 shots";
    }
    struct table *t = built(&w, (struct table_options){.delta = "coop"});
    assert_true(t->rows[1].cells[0].value[METRIC_ACCURACY].delta == 5);
    assert_true(t->rows[3].cells[0].value[METRIC_ACCURACY].delta == 1);
    assert_true(t->rows[0].is_baseline && t->rows[2].is_baseline);
    size_t row;
    struct err e = {0};
    assert_ok(table_find_row(t, "16 shots: RLP", &row, &e), &e);
    assert_int_equal(row, 3);
    assert_int_equal(table_find_row(t, "RLP", &row, &e), ERR_USAGE);
    assert_text(&e, "2 rows of table 'main' answer to 'RLP': name one of them with its heading, as "
                    "'HEADING: ROW'");
    table_free(t);
    wanted_close(&w);
}

static void the_average_of_h_follows_its_rule(void **state)
{
    struct wanted w;
    wanted_open(&w, *state, "pocket");
    want(&w, "x", "coop", NULL, "A", 16, 1, 80, 40);
    want(&w, "x", "coop", NULL, "B", 16, 1, 40, 80);
    struct table *t = built(&w, (struct table_options){.metrics = base_new_h});
    assert_true(fabs(t->rows[0].cells[2].value[METRIC_H].stats.mean - 60) < 1e-12);
    table_free(t);
    t = built(&w, (struct table_options){.metrics = base_new_h, .mean_of_h = true});
    assert_true(fabs(t->rows[0].cells[2].value[METRIC_H].stats.mean - 2 * 80 * 40 / 120.0) < 1e-12);
    struct str caption = STR_INIT;
    table_caption(t, &caption);
    assert_non_null(strstr(caption.data, "its H is the mean of their H."));
    str_release(&caption);
    table_free(t);
    wanted_close(&w);
}

static void the_spread_is_a_deviation_or_an_interval(void **state)
{
    struct err e = {0};
    struct str out = STR_INIT;
    struct wanted w;
    wanted_open(&w, *state, "pocket");
    w.protocol = "few-shot";
    static const double x[] = {64, 66, 63.5};
    for (int s = 0; s < 3; s++)
        want(&w, "x", "coop", NULL, "A", 16, s + 1, x[s], NAN);
    struct table *t = built(&w, (struct table_options){.t_interval = true});
    assert_ok(table_format(t, "text", 0, &out, &e), &e);
    assert_non_null(strstr(out.data, "x  64.5±3.3\n")); // 4.3027 * 1.3229 / sqrt(3)
    assert_non_null(strstr(out.data, "Mean and half of Student's 95 % interval over seeds."));
    str_release(&out);
    json_t *rows = table_json(t);
    assert_true(fabs(json_real_at(json_row(rows, "x", "A", "accuracy"), "interval") - 3.2862) <
                1e-4);
    json_decref(rows);
    table_free(t);
    wanted_close(&w);
}

static void parameters_and_time_stand_beside_results(void **state)
{
    static const char *const metrics[] = {"accuracy", "parameters", "time", NULL};
    struct err e = {0};
    struct str out = STR_INIT;
    struct wanted w;
    wanted_open(&w, *state, "pocket");
    w.protocol = "few-shot";
    want(&w, "x", "coop", NULL, "A", 16, 1, 50, NAN);
    want(&w, "x", "coop", NULL, "A", 16, 2, 51, NAN);
    want(&w, "y", "rlp", NULL, "A", 16, 1, 51, NAN);
    w.runs[0].parameters = w.runs[1].parameters = 2048;
    fixture_sql(w.path, "UPDATE attempt SET started = '2020-01-01T00:00:00.000Z', "
                        "finished = '2020-01-01T00:00:12.500Z'");
    struct table *t = built(&w, (struct table_options){.metrics = metrics});
    assert_ok(table_format(t, "text", 0, &out, &e), &e);
    const char *want_text = "main\n"
                            "accuracy in percent, parameters, time in seconds, pocket, few-shot\n"
                            "\n"
                            "   A\n"
                            "-------------------------\n"
                            "x  50.5±0.7 / 2048 / 12.5±0.0\n"
                            "y  51.0     /    - / 12.5\n";
    assert_non_null(strstr(out.data, "x  50.5±0.7 / 2048 / 12.5±0.0\n"
                                     "y  51.0     /    - / 12.5\n"));
    assert_int_equal(strncmp(out.data, want_text, 78), 0);
    assert_int_equal(t->rows[0].cells[0].value[METRIC_PARAMETERS].rank, 0);
    assert_int_equal(t->rows[1].cells[0].value[METRIC_ACCURACY].rank, 1);
    str_release(&out);
    table_free(t);
    wanted_close(&w);
}

static void the_runs_behind_a_cell_are_listed(void **state)
{
    struct err e = {0};
    struct wanted w;
    json_t *runs;
    fill(&w, *state);
    struct table *t = built(&w, (struct table_options){.name = NULL});
    assert_ok(table_cell_runs(t, "a", "B", &runs, &e), &e);
    assert_int_equal(json_array_size(runs), 1);
    json_t *run = json_array_get(runs, 0);
    assert_string_equal(json_string_value(json_object_get(run, "run")), w.runs[3].run);
    assert_string_equal(json_string_value(json_object_get(run, "state")), "done");
    assert_true(json_real_at(json_object_get(run, "values"), "accuracy") == 60);
    json_decref(runs);
    assert_ok(table_cell_runs(t, "c", "Average", &runs, &e), &e);
    assert_int_equal(json_array_size(runs), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(runs, 1), "state")), "");
    json_decref(runs);
    assert_int_equal(table_cell_runs(t, "x", "A", &runs, &e), ERR_USAGE);
    assert_text(&e, "table 'main' has no row 'x'; its rows are 'b', 'a', 'c'");
    assert_int_equal(table_cell_runs(t, "a", "X", &runs, &e), ERR_USAGE);
    assert_text(&e, "table 'main' has no column 'X'; its columns are 'A', 'B'");
    table_free(t);
    wanted_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(rows_sort_by_a_column_with_the_incomplete_last),
        CASE(groups_keep_their_order_and_rank_by_themselves),
        CASE(differences_are_from_a_row_or_a_method),
        CASE(each_group_has_its_own_baseline),
        CASE(the_average_of_h_follows_its_rule),
        CASE(the_spread_is_a_deviation_or_an_interval),
        CASE(parameters_and_time_stand_beside_results),
        CASE(the_runs_behind_a_cell_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
