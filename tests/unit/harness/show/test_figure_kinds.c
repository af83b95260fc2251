/* Kinds of figures other than curves: the data that each makes of invented runs. */
#include "harness/show/figure_case.h"

#include "harness/recipe/figure_check.h"

static struct recipe_figure figure(const char *kind, char **metrics)
{
    return (struct recipe_figure){.name = (char *)"f",
                                  .title = (char *)"",
                                  .kind = (char *)kind,
                                  .series = (char *)"method",
                                  .band = (char *)"deviation",
                                  .metrics = metrics};
}

/* ---- epochs ---- */

static json_t *curve(double loss, double rank, double probed)
{
    return json_pack("[{s:f, s:f, s:[f, f], s:n}, {s:f, s:f, s:[f, f], s:f}]", "loss", loss,
                     "effective_rank", rank, "energy", 0.75, 1.0, "new", "loss", loss / 2,
                     "effective_rank", rank + 1, "energy", 0.5, 1.0, "new", probed);
}

static void epochs_have_the_curve_on_the_left_and_probes_on_the_right(void **state)
{
    (void)state;
    add("zero-shot", "pocket-land", 0, 0, 0, 55, 45, -1);
    json_t *curves[] = {curve(2, 1, 60), curve(4, 2, 62)};
    for (int seed = 1; seed <= 2; seed++)
        add("coop", "pocket-land", 16, seed, 0, 60, 50, -1)->curve = curves[seed - 1];
    add("coop", "pocket-land", 16, 3, 0, -1, -1, -1); // not done yet
    struct recipe_figure f = figure("epochs", METRIC_LIST("effective-rank"));
    f.second = METRIC_LIST("new");
    assert_data(&f, "# x\ty\tspread\tn\twanted\tpanel\tseries\n"
                    "1\t1.5\t0.7071067812\t2\t3\t\tCoOp, effective rank\n"
                    "2\t2.5\t0.7071067812\t2\t3\t\tCoOp, effective rank\n"
                    "\n\n2\t61\t1.414213562\t2\t3\t\tCoOp, new\n");
    struct recipe_figure loss = figure("epochs", METRIC_LIST("loss"));
    assert_data(&loss, "# x\ty\tspread\tn\twanted\tpanel\tseries\n"
                       "1\t3\t1.414213562\t2\t3\t\tCoOp\n2\t1.5\t0.7071067812\t2\t3\t\tCoOp\n");
    // more directions than there are: all of them
    struct recipe_figure energy = figure("epochs", METRIC_LIST("energy-1", "energy-4"));
    assert_data(&energy,
                "# x\ty\tspread\tn\twanted\tpanel\tseries\n"
                "1\t75\t0\t2\t3\t\tCoOp, top-1 energy\n2\t50\t0\t2\t3\t\tCoOp, top-1 energy\n"
                "\n\n1\t100\t0\t2\t3\t\tCoOp, top-4 energy\n"
                "2\t100\t0\t2\t3\t\tCoOp, top-4 energy\n");
    json_decref(curves[0]);
    json_decref(curves[1]);
}

static void the_right_axis_is_dashed_when_curves_have_the_colours(void **state)
{
    (void)state;
    json_t *one = curve(2, 1, 60);
    add("coop", "pocket-land", 16, 1, 0, 60, 50, -1)->curve = one;
    add("rlp", "pocket-land", 16, 1, 1, 60, 50, -1)->curve = one;
    struct recipe_figure f = figure("epochs", METRIC_LIST("loss"));
    f.second = METRIC_LIST("new");
    struct err e = {0};
    struct plot *plots;
    size_t n;
    assert_ok(build(&plots, &n, &f, &e), &e);
    assert_string_equal(plots[0].y_label, "");
    assert_string_equal(plots[0].panels[0].y_label, "training loss");
    assert_string_equal(plots[0].y2_label, "new accuracy (%)");
    const struct plot_series *s = plots[0].panels[0].series;
    assert_int_equal(plots[0].panels[0].n, 4);
    assert_true(!s[0].second && s[1].second && !s[2].second && s[3].second);
    assert_true(s[0].colour == s[1].colour && s[0].colour != s[2].colour);
    assert_true(s[0].dash == 0 && s[1].dash == 1);
    figures_free(plots, n);
    json_decref(one);
}

/* ---- points ---- */

#define POINTS "# x\ty\ty-spread\tx-spread\tn\twanted\tpanel\tseries\tname\n"

#define ROW(table_, method_, backbone_, dataset_, split_, value_)                                  \
    {                                                                                              \
        .table = table_, .method = method_, .backbone = backbone_, .dataset = dataset_,            \
        .split = split_, .source = "there", .shots = 16, .value = value_                           \
    }

static struct baseline_row rows[] = {
    ROW("base2new", "CoOp", "ViT-B/16", "DTD", "base", 79.44),
    ROW("base2new", "CoOp", "ViT-B/16", "DTD", "new", 41.18),
    ROW("base2new", "CoOp", "ViT-B/16", "EuroSAT", "base", 92.19),
    ROW("base2new", "CoOp", "ViT-B/16", "EuroSAT", "new", 54.74),
    ROW("base2new", "KgCoOp", "ViT-B/16", "DTD", "base", 77.55), // no new: left out
    ROW("base2new", "CoOp", "RN50", "DTD", "base", 1),
    ROW("base2new_alt", "CoOp", "ViT-B/16", "DTD", "base", 2),
};

static void add_pair(const char *method, int rank, int seed, double base, double new_,
                     long parameters)
{
    static const char *const datasets[] = {"dtd", "eurosat"};
    for (int d = 0; d < 2; d++) {
        add(method, datasets[d], rank < 0 ? 0 : 16, seed, rank < 0 ? 0 : rank, base, new_, -1)
            ->parameters = parameters;
        grid[n_runs - 1].backbone = (char *)"vit-b16";
    }
}

static void parameters_have_our_ranks_joined_lines_for_none_and_published_points(void **state)
{
    (void)state;
    struct baselines all = {.rows = rows, .n = sizeof rows / sizeof rows[0]};
    add_pair("zero-shot", -1, 0, 60, 60, -1);
    add_pair("rlp", 1, 1, 80, 60, 516);
    add_pair("rlp", 1, 2, 82, 62, 516);
    add_pair("rlp", 2, 1, 84, 63, 1032);
    struct recipe_figure f = figure("parameters", METRIC_LIST("new"));
    published = &all;
    assert_data(&f, POINTS "-\t60\t0\t0\t1\t1\t\tzero-shot CLIP\t\n"
                           "\n\n516\t61\t1.414213562\t0\t2\t2\t\tours\tRLP, rank 1\n"
                           "1032\t63\t0\t0\t1\t1\t\tours\tRLP, rank 2\n"
                           "\n\n2048\t47.96\t0\t0\t1\t1\t\tpublished\tCoOp\n");
    published = NULL;
    struct recipe_figure two = figure("parameters", METRIC_LIST("new", "H"));
    assert_refused(&two, "figure 'f' shows one metric: 'y: H', for example");
}

static void base_and_new_are_the_axes_with_spreads_on_both(void **state)
{
    (void)state;
    struct baselines all = {.rows = rows, .n = sizeof rows / sizeof rows[0]};
    add_pair("rlp", 1, 1, 80, 60, 516);
    add_pair("rlp", 1, 2, 82, 61, 516);
    struct recipe_figure f = figure("base-new", METRIC_LIST("H"));
    published = &all;
    assert_data(&f, POINTS "81\t60.5\t0.7071067812\t1.414213562\t2\t2\t\tours\tRLP\n"
                           "\n\n85.815\t47.96\t0\t0\t1\t1\t\tpublished\tCoOp\n");
    f.panel = (char *)"dataset";
    struct err e = {0};
    struct plot *plots;
    size_t n;
    assert_ok(build(&plots, &n, &f, &e), &e);
    assert_int_equal(plots[0].n, 3); // both and their Average
    assert_true(fabs(plots[0].panels[0].series[1].points[0].x - 79.44) < 1e-9);
    figures_free(plots, n);
    published = NULL;
}

static void other_shots_or_backbones_have_no_published_points(void **state)
{
    (void)state;
    struct baselines all = {.rows = rows, .n = sizeof rows / sizeof rows[0]};
    add_pair("rlp", 1, 1, 80, 60, 516);
    for (size_t i = 0; i < n_runs; i++)
        grid[i].shots = 4;
    struct recipe_figure f = figure("base-new", METRIC_LIST("H"));
    published = &all;
    assert_data(&f, POINTS "80\t60\t0\t0\t1\t1\t\tours\tRLP\n");
    published = NULL;
}

/* ---- bars ---- */

#define BARS "# length\tplace\t-\tspread\tn\twanted\tpanel\tseries\tname\n"

static void deltas_are_sorted_paired_by_seed_and_end_with_the_average(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 2; seed++) {
        add("coop", "dtd", 16, seed, 0, 60 + seed, 50, -1);
        add("coop", "eurosat", 16, seed, 0, 60, 50, -1);
        add("rlp", "dtd", 16, seed, 1, 59, 50, -1);
        add("rlp", "eurosat", 16, seed, 1, seed == 2 ? -1 : 70, 50, -1);
    }
    struct recipe_figure f = figure("delta", METRIC_LIST("base"));
    f.baseline = (char *)"coop";
    // the Average is missing while a seed is
    assert_data(&f, BARS "10\t2\t0\t0\t1\t2\tbase\tRLP higher\tEuroSAT\n"
                         "\n\n-2.5\t1\t0\t0.7071067812\t2\t2\tbase\tCoOp higher\tDTD\n");
    runs[7].values[VALUE_BASE] = 70;
    assert_data(&f, BARS "10\t3\t0\t0\t2\t2\tbase\tRLP higher\tEuroSAT\n"
                         "\n\n-2.5\t2\t0\t0.7071067812\t2\t2\tbase\tCoOp higher\tDTD\n"
                         "\n\n3.75\t1\t0\t0\t1\t1\tbase\tAverage\tAverage\n");
}

static void equal_deltas_stay_in_the_order_of_the_recipe(void **state)
{
    (void)state;
    static const char *const datasets[] = {"ucf101", "dtd", "eurosat", "food101"};
    struct recipe_figure f = figure("delta", METRIC_LIST("base"));
    f.baseline = (char *)"coop";
    for (int d = 0; d < 4; d++) {
        add("coop", datasets[d], 16, 1, 0, 60, 50, -1);
        add("rlp", datasets[d], 16, 1, 1, 61, 50, -1);
    }
    struct err e = {0};
    struct plot *plots;
    size_t n;
    assert_ok(build(&plots, &n, &f, &e), &e);
    const struct plot_series *s = &plots[0].panels[0].series[0];
    static const char *const labels[] = {"UCF101", "DTD", "EuroSAT", "Food101"};
    for (int d = 0; d < 4; d++)
        assert_string_equal(s->points[d].label, labels[d]);
    figures_free(plots, n);
}

static void a_method_without_seeds_is_a_baseline_for_each_seed(void **state)
{
    (void)state;
    add("zero-shot", "dtd", 0, 0, 0, 60, 60, -1);
    add("rlp", "dtd", 16, 1, 1, 62, 60, -1);
    add("rlp", "dtd", 16, 2, 1, 64, 60, -1);
    struct recipe_figure f = figure("delta", METRIC_LIST("base"));
    f.baseline = (char *)"zero-shot CLIP";
    assert_data(&f, BARS "3\t1\t0\t1.414213562\t2\t2\tbase\tRLP higher\tDTD\n");
    f.baseline = (char *)"maple";
    assert_refused(&f, "figure 'f': baseline 'maple' is none of its rows, which are 'zero-shot "
                       "CLIP', 'RLP'");
}

static void each_compared_method_has_a_figure_of_its_own(void **state)
{
    (void)state;
    add("zero-shot", "dtd", 0, 0, 0, 60, 60, -1);
    add("coop", "dtd", 16, 1, 0, 62, 60, -1);
    for (int rank = 1; rank <= 2; rank++)
        add("rlp", "dtd", 16, 1, rank, 62, 60, -1);
    struct recipe_figure f = figure("delta", METRIC_LIST("base", "H"));
    f.baseline = (char *)"zero-shot";
    struct err e = {0};
    struct plot *plots;
    size_t n;
    assert_ok(build(&plots, &n, &f, &e), &e);
    assert_int_equal(n, 3);
    assert_string_equal(plots[0].name, "r-f-coop");
    assert_string_equal(plots[2].name, "r-f-rlp-rank-2");
    assert_string_equal(plots[2].title, "RLP, rank 2 minus zero-shot CLIP");
    assert_int_equal(plots[2].n, 2);
    figures_free(plots, n);
    f.baseline = (char *)"rlp";
    assert_refused(&f, "figure 'f': baseline 'rlp' is several of its rows, which are 'zero-shot "
                       "CLIP', 'CoOp', 'RLP, rank 1', 'RLP, rank 2'");
}

/* ---- cells ---- */

#define CELLS "# column\trow\tvalue\tn\twanted\tpanel\tcolumn-name\trow-name\n"

static void a_heat_map_has_a_cell_for_each_pair_of_values(void **state)
{
    (void)state;
    for (int rank = 1; rank <= 2; rank++)
        for (int shots = 1; shots <= 4; shots += 3)
            if (rank + shots < 6)
                add("rlp", "dtd", shots, 1, rank, 60 + rank, 60 + shots, -1);
    struct recipe_figure f = figure("heat", METRIC_LIST("new"));
    f.x = (char *)"rank";
    f.series = (char *)"shots";
    assert_data(&f, CELLS "0\t0\t61\t1\t1\t\t1\t1\n1\t0\t61\t1\t1\t\t2\t1\n"
                          "0\t1\t64\t1\t1\t\t1\t4\n1\t1\tNaN\t0\t0\t\t2\t4\n");
}

static void a_confusion_matrix_sums_seeds_and_has_shares_of_the_true_class(void **state)
{
    (void)state;
    int truth[] = {0, 0, 0, 2, 2}, first[] = {0, 0, 2, 2, 2}, second[] = {0, 2, 2, 2, 0};
    char *names[] = {(char *)"cat", (char *)"unused", (char *)"dog"};
    struct figure_predictions p[] = {{first, truth, 5, names, 3}, {second, truth, 5, names, 3}};
    for (int seed = 1; seed <= 2; seed++)
        add("coop", "dtd", 16, seed, 0, 60, 60, -1)->predictions = &p[seed - 1];
    add("coop", "dtd", 16, 3, 0, -1, -1, -1); // not done
    struct recipe_figure f = figure("confusion", METRIC_LIST("base"));
    assert_data(&f, CELLS "0\t0\t50\t2\t3\t\tcat\tcat\n1\t0\t50\t2\t3\t\tdog\tcat\n"
                          "0\t1\t25\t2\t3\t\tcat\tdog\n1\t1\t75\t2\t3\t\tdog\tdog\n");
    add("coop", "eurosat", 16, 1, 0, -1, -1, -1);
    assert_refused(&f, "figure 'f' would mix the classes of 2 datasets: give it 'panel: dataset', "
                       "or choose one with 'where'");
}

static void without_a_number_no_kind_draws_a_panel(void **state)
{
    (void)state;
    add("coop", "dtd", 16, 1, 0, -1, -1, -1);
    add("zero-shot", "dtd", 0, 0, 0, -1, -1, -1);
    for (const struct figure_kind *k = figure_kinds; k->name; k++) {
        struct recipe_figure f = figure(k->name, METRIC_LIST("base"));
        f.x = (k->needs & FIGURE_X) ? (char *)"shots" : NULL;
        f.baseline = (char *)"zero-shot";
        struct err e = {0};
        struct plot *plots;
        size_t n;
        assert_ok(build(&plots, &n, &f, &e), &e);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(plots[i].n, 0);
        figures_free(plots, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(epochs_have_the_curve_on_the_left_and_probes_on_the_right),
        CASE(the_right_axis_is_dashed_when_curves_have_the_colours),
        CASE(parameters_have_our_ranks_joined_lines_for_none_and_published_points),
        CASE(base_and_new_are_the_axes_with_spreads_on_both),
        CASE(other_shots_or_backbones_have_no_published_points),
        CASE(deltas_are_sorted_paired_by_seed_and_end_with_the_average),
        CASE(equal_deltas_stay_in_the_order_of_the_recipe),
        CASE(a_method_without_seeds_is_a_baseline_for_each_seed),
        CASE(each_compared_method_has_a_figure_of_its_own),
        CASE(a_heat_map_has_a_cell_for_each_pair_of_values),
        CASE(a_confusion_matrix_sums_seeds_and_has_shares_of_the_true_class),
        CASE(without_a_number_no_kind_draws_a_panel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
