/* Invented runs for the tests of figures, and the data that a block makes of them. */
#ifndef PROMPTGRID_TESTS_FIGURE_CASE_H
#define PROMPTGRID_TESTS_FIGURE_CASE_H

#include "t.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/show/figure.h"
#include "results/stats.h"

enum { MOST = 64 };
static struct grid_run grid[MOST];
static struct figure_run runs[MOST];
static size_t n_runs;

static int setup(void **state)
{
    (void)state;
    n_runs = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_runs; i++)
        json_decref(grid[i].params);
    return 0;
}

/* One more run; rank 0 = the method has none. Values below 0 are not there. */
static struct figure_run *add(const char *method, const char *dataset, int shots, int seed,
                              int rank, double base, double new_, double accuracy)
{
    json_t *params = rank ? json_pack("{s:i}", "rank", rank) : json_object();
    grid[n_runs] = (struct grid_run){.protocol = "base-to-new",
                                     .backbone = "pocket",
                                     .dataset = dataset,
                                     .method = method,
                                     .views = "none",
                                     .precision = "fp32",
                                     .shots = shots,
                                     .seed = seed,
                                     .params = params};
    struct figure_run *run = &runs[n_runs];
    *run = (struct figure_run){.run = &grid[n_runs++], .parameters = -1};
    double *v = run->values;
    for (int i = 0; i < FIGURE_VALUES; i++)
        v[i] = NAN;
    v[VALUE_BASE] = base < 0 ? NAN : base;
    v[VALUE_NEW] = new_ < 0 ? NAN : new_;
    v[VALUE_ACCURACY] = accuracy < 0 ? NAN : accuracy;
    v[VALUE_H] = stats_harmonic(v[VALUE_BASE], v[VALUE_NEW]);
    return run;
}

#define METRIC_LIST(...) ((char **)(const char *[]){__VA_ARGS__, NULL})

static struct baselines *published; // NULL: none

static int build(struct plot **plots, size_t *n, const struct recipe_figure *f, struct err *e)
{
    const struct figure_input in = {
        .figure = f, .stem = "r", .caption = "", .runs = runs, .n = n_runs, .published = published};
    return figures_build(plots, n, &in, e);
}

/* The data of the block's one figure is exactly `want`. */
static inline void assert_data(const struct recipe_figure *f, const char *want)
{
    struct err e = {0};
    struct plot *plots;
    size_t n;
    struct str text = STR_INIT;
    assert_ok(build(&plots, &n, f, &e), &e);
    assert_int_equal(n, 1);
    assert_string_equal(plots[0].name, "r-f");
    plot_data(&plots[0], &text);
    assert_string_equal(text.data, want);
    str_release(&text);
    figures_free(plots, n);
}

/* The block is refused with exactly this text. */
static inline void assert_refused(const struct recipe_figure *f, const char *want)
{
    struct err e = {0};
    struct plot *plots;
    size_t n;
    assert_int_equal(build(&plots, &n, f, &e), ERR_USAGE);
    assert_text(&e, want);
    figures_free(plots, n);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
