/* Figures from runs: which points there are, what they are the mean of, and how they are named. */
#include "harness/show/figure_case.h"

static struct recipe_figure figure(const char *x, const char *series, const char *panel,
                                   char **metrics)
{
    return (struct recipe_figure){.name = (char *)"f",
                                  .title = (char *)"T",
                                  .x = (char *)x,
                                  .series = (char *)series,
                                  .panel = (char *)panel,
                                  .band = (char *)"deviation",
                                  .metrics = metrics};
}

#define HEAD "# x\ty\tspread\tn\twanted\tpanel\tseries\n"

static void curves_have_means_and_deviations_and_untrained_methods_are_lines(void **state)
{
    (void)state;
    add("zero-shot", "pocket-land", 0, 0, 0, -1, -1, 40);
    for (int seed = 1; seed <= 3; seed++) {
        add("coop", "pocket-land", 1, seed, 0, -1, -1, 50 + seed);
        add("coop", "pocket-land", 4, seed, 0, -1, -1, seed == 3 ? -1 : 60 + seed);
        add("coop", "pocket-land", 16, seed, 0, -1, -1, -1);
    }
    struct recipe_figure f = figure("shots", "method", NULL, METRIC_LIST("accuracy"));
    assert_data(&f, HEAD "1\t52\t1\t3\t3\t\tCoOp\n"
                         "4\t61.5\t0.7071067812\t2\t3\t\tCoOp\n"
                         "\n\n-\t40\t0\t1\t1\t\tzero-shot CLIP\n");
}

static void bands_are_student_intervals_unless_asked_otherwise(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 3; seed++)
        for (int d = 0; d < 2; d++)
            add("coop", d ? "pocket-shapes" : "pocket-land", 1, seed, 0, -1, -1, 50 + 2 * seed);
    // Deviation 2 of three values: t(2 degrees, 97.5 %) = 4.302652730 x 2 / sqrt(3).
    struct recipe_figure f = figure("shots", "method", NULL, METRIC_LIST("accuracy"));
    f.band = (char *)"interval";
    assert_data(&f, HEAD "1\t54\t4.968275424\t3\t3\t\tCoOp\n");
    f.band = (char *)"none";
    assert_data(&f, HEAD "1\t54\t0\t3\t3\t\tCoOp\n");
}

static void panels_of_datasets_end_with_their_average_when_it_is_complete(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 2; seed++) {
        add("coop", "pocket-land", 1, seed, 0, -1, -1, 50 + 2 * seed);
        add("coop", "pocket-shapes", 1, seed, 0, -1, -1, 30 + 4 * seed);
        add("coop", "pocket-land", 4, seed, 0, -1, -1, 60);
        add("coop", "pocket-shapes", 4, seed, 0, -1, -1, seed == 1 ? 40 : -1);
    }
    // Seeds' averages at one shot: (52 + 34) / 2 = 43 and (54 + 38) / 2 = 46.
    struct recipe_figure f = figure("shots", "method", "dataset", METRIC_LIST("accuracy"));
    assert_data(&f, HEAD "1\t53\t1.414213562\t2\t2\tpocket-land\tCoOp\n"
                         "4\t60\t0\t2\t2\tpocket-land\tCoOp\n"
                         "\n\n1\t36\t2.828427125\t2\t2\tpocket-shapes\tCoOp\n"
                         "4\t40\t0\t1\t2\tpocket-shapes\tCoOp\n"
                         "\n\n1\t44.5\t2.121320344\t2\t2\tAverage\tCoOp\n");
}

static void an_average_needs_every_dataset(void **state)
{
    (void)state;
    add("coop", "pocket-land", 1, 1, 0, -1, -1, 50);
    add("rlp", "pocket-land", 1, 1, 1, -1, -1, 52);
    add("rlp", "pocket-shapes", 1, 1, 1, -1, -1, 30);
    struct recipe_figure f = figure("shots", "method", NULL, METRIC_LIST("accuracy"));
    assert_data(&f, HEAD "1\t41\t0\t1\t1\t\tRLP\n");
}

static void h_is_that_of_the_means_and_its_spread_that_of_the_seeds(void **state)
{
    (void)state;
    add("rlp", "pocket-land", 16, 1, 1, 80, 20, -1);
    add("rlp", "pocket-land", 16, 2, 1, 40, 60, -1);
    // means 60 and 40: H = 48; the seeds' own: 32 and 48
    add("rlp", "pocket-shapes", 16, 1, 1, 100, 50, -1);
    add("rlp", "pocket-shapes", 16, 2, 1, 100, 50, -1);
    // averages (60 + 100) / 2 = 80 and (40 + 50) / 2 = 45: H = 57.6
    struct recipe_figure f = figure("rank", "method", "dataset", METRIC_LIST("H"));
    struct err e = {0};
    struct plot *plots;
    size_t n;
    assert_ok(build(&plots, &n, &f, &e), &e);
    assert_int_equal(plots[0].n, 3);
    const struct plot_point *land = plots[0].panels[0].series[0].points,
                            *all = plots[0].panels[2].series[0].points;
    assert_true(fabs(land->y - 48) < 1e-9);
    assert_true(fabs(land->spread - 16 / sqrt(2)) < 1e-9);
    assert_true(fabs(all->y - 57.6) < 1e-9);
    double first = stats_harmonic(90, 35), second = stats_harmonic(70, 55);
    assert_true(fabs(all->spread - fabs(first - second) / sqrt(2)) < 1e-9);
    figures_free(plots, n);
}

static void
one_curve_has_a_colour_for_each_metric_and_methods_without_the_axis_are_lines(void **state)
{
    (void)state;
    add("zero-shot", "pocket-land", 0, 0, 0, 55, 45, -1);
    add("coop", "pocket-land", 16, 1, 0, 60, 50, -1);
    add("rlp", "pocket-land", 16, 1, 1, 61, 51, -1);
    add("rlp", "pocket-land", 16, 1, 2, 62, 52, -1);
    struct recipe_figure f = figure("rank", "method", NULL, METRIC_LIST("base", "new"));
    assert_data(&f, HEAD "1\t61\t0\t1\t1\t\tRLP, base\n2\t62\t0\t1\t1\t\tRLP, base\n"
                         "\n\n1\t51\t0\t1\t1\t\tRLP, new\n2\t52\t0\t1\t1\t\tRLP, new\n"
                         "\n\n-\t55\t0\t1\t1\t\tzero-shot CLIP\n"
                         "\n\n-\t45\t0\t1\t1\t\tzero-shot CLIP\n"
                         "\n\n-\t60\t0\t1\t1\t\tCoOp\n"
                         "\n\n-\t50\t0\t1\t1\t\tCoOp\n");
}

static void a_rank_of_zero_is_a_line_with_a_name_of_its_own(void **state)
{
    (void)state;
    for (int rank = 0; rank <= 2; rank++) {
        add("coop", "pocket-land", 16, 1, 1, 60 + rank, 50, -1);
        json_object_set_new(grid[n_runs - 1].params, "rank", json_integer(rank));
    }
    struct recipe_figure f = figure("rank", "method", NULL, METRIC_LIST("base"));
    assert_data(&f, HEAD "1\t61\t0\t1\t1\t\tCoOp\n2\t62\t0\t1\t1\t\tCoOp\n"
                         "\n\n-\t60\t0\t1\t1\t\tCoOp without rank\n");
}

static void several_curves_and_metrics_become_panels_or_figures(void **state)
{
    (void)state;
    static const char *const datasets[] = {"pocket-land", "pocket-shapes"};
    for (int d = 0; d < 2; d++)
        for (int shots = 1; shots <= 4; shots *= 4) {
            add("coop", datasets[d], shots, 1, 0, 60, 50, -1);
            add("rlp", datasets[d], shots, 1, 1, 61, 51, -1);
        }
    struct recipe_figure f = figure("shots", "method", NULL, METRIC_LIST("base", "new", "H"));
    struct err e = {0};
    struct plot *plots;
    size_t n;
    assert_ok(build(&plots, &n, &f, &e), &e);
    assert_int_equal(n, 1);
    assert_int_equal(plots[0].n, 3);
    assert_int_equal(plots[0].columns, 3);
    assert_string_equal(plots[0].panels[2].title, "harmonic mean H (%)");
    assert_string_equal(plots[0].panels[0].y_label, "accuracy (%), mean of 2 datasets");
    figures_free(plots, n);

    f.panel = (char *)"dataset";
    assert_ok(build(&plots, &n, &f, &e), &e);
    assert_int_equal(n, 3);
    assert_string_equal(plots[0].name, "r-f-base");
    assert_string_equal(plots[2].name, "r-f-h");
    for (size_t i = 0; i < n; i++)
        assert_int_equal(plots[i].n, 3); // two datasets and the Average
    assert_string_equal(plots[1].panels[0].y_label, "new accuracy (%)");
    figures_free(plots, n);
}

static void datasets_as_curves_have_an_average_and_no_lines(void **state)
{
    (void)state;
    add("zero-shot", "pocket-land", 0, 0, 0, 55, 45, -1);
    for (int rank = 1; rank <= 2; rank++) {
        add("rlp", "pocket-land", 16, 1, rank, 60 + rank, 50, -1);
        add("rlp", "pocket-shapes", 16, 1, rank, 40 + rank, 50, -1);
    }
    struct recipe_figure f = figure("rank", "dataset", NULL, METRIC_LIST("base"));
    assert_data(&f, HEAD "1\t61\t0\t1\t1\t\tpocket-land\n2\t62\t0\t1\t1\t\tpocket-land\n"
                         "\n\n1\t41\t0\t1\t1\t\tpocket-shapes\n2\t42\t0\t1\t1\t\tpocket-shapes\n"
                         "\n\n1\t51\t0\t1\t1\t\tAverage\n2\t52\t0\t1\t1\t\tAverage\n");
}

static void settings_that_depend_on_the_dataset_make_no_second_curve(void **state)
{
    (void)state;
    static const char *const datasets[] = {"pocket-land", "pocket-shapes"};
    for (int d = 0; d < 2; d++)
        for (int rank = 1; rank <= 2; rank++) {
            add("rlp", datasets[d], 16, 1, rank, 60 + 10 * d, 50, -1);
            json_object_set_new(grid[n_runs - 1].params, "epochs", json_integer(d ? 50 : 200));
        }
    struct recipe_figure f = figure("rank", "method", NULL, METRIC_LIST("base"));
    assert_data(&f, HEAD "1\t65\t0\t1\t1\t\tRLP\n2\t65\t0\t1\t1\t\tRLP\n");
}

static void settings_that_depend_on_x_make_no_second_curve(void **state)
{
    (void)state;
    static const int shots[] = {1, 2, 16};
    for (int i = 0; i < 3; i++) {
        add("coop", "pocket-land", shots[i], 1, 0, -1, -1, 60 + i);
        json_object_set_new(grid[n_runs - 1].params, "epochs", json_integer(50 << i));
    }
    struct recipe_figure f = figure("shots", "method", NULL, METRIC_LIST("accuracy"));
    assert_data(&f, HEAD "1\t60\t0\t1\t1\t\tCoOp\n2\t61\t0\t1\t1\t\tCoOp\n"
                         "16\t62\t0\t1\t1\t\tCoOp\n");
}

static void two_runs_on_one_spot_are_refused(void **state)
{
    (void)state;
    add("coop", "pocket-land", 16, 1, 0, 60, 50, -1);
    add("rlp", "pocket-land", 16, 1, 1, 61, 51, -1);
    struct recipe_figure f = figure("shots", "dataset", NULL, METRIC_LIST("base"));
    assert_refused(&f,
                   "figure 'f' puts two runs of seed 1 on one spot of curve 'pocket-land': choose "
                   "series and panel, or 'where', that tell them apart");
}

static void without_numbers_there_are_no_panels(void **state)
{
    (void)state;
    add("coop", "pocket-land", 16, 1, 0, -1, -1, -1);
    struct recipe_figure f = figure("shots", "method", "dataset", METRIC_LIST("accuracy"));
    struct err e = {0};
    struct plot *plots;
    size_t n;
    assert_ok(build(&plots, &n, &f, &e), &e);
    assert_int_equal(n, 1);
    assert_int_equal(plots[0].n, 0);
    figures_free(plots, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(curves_have_means_and_deviations_and_untrained_methods_are_lines),
        CASE(bands_are_student_intervals_unless_asked_otherwise),
        CASE(panels_of_datasets_end_with_their_average_when_it_is_complete),
        CASE(an_average_needs_every_dataset),
        CASE(h_is_that_of_the_means_and_its_spread_that_of_the_seeds),
        CASE(one_curve_has_a_colour_for_each_metric_and_methods_without_the_axis_are_lines),
        CASE(a_rank_of_zero_is_a_line_with_a_name_of_its_own),
        CASE(several_curves_and_metrics_become_panels_or_figures),
        CASE(datasets_as_curves_have_an_average_and_no_lines),
        CASE(settings_that_depend_on_the_dataset_make_no_second_curve),
        CASE(settings_that_depend_on_x_make_no_second_curve),
        CASE(two_runs_on_one_spot_are_refused),
        CASE(without_numbers_there_are_no_panels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
