/*
 * The placed runs of a figure, the points they make (means, spreads, averages over datasets), and
 * the parts that builders make plots of. For harness/show/figure*.c.
 */
#ifndef PROMPTGRID_HARNESS_FIGURE_PLACE_H
#define PROMPTGRID_HARNESS_FIGURE_PLACE_H

#include "core/base/map.h"
#include "harness/show/figure.h"

struct figure_texts {
    char **items;
    size_t n, capacity;
    struct map numbers; // of the items
};

/* One run, placed. */
struct figure_item {
    const struct figure_run *run;
    size_t panel, series, dataset; // indices below
    bool has_x;
    double x;
};

struct figure_context {
    const struct recipe_figure *figure;
    struct figure_item *items; // those without x first, then by rising x
    size_t n;
    struct figure_texts panels, series, datasets;
    bool *is_reference; // [series.n] some run has no x
    double *x;          // (n_x) rising
    size_t *from;       // (n_x + 1) the first item of each x
    size_t n_x;
    size_t curves, references;
    int metrics[FIGURE_VALUES]; // y, then y2
    size_t n_metrics, n_second; // n_second: how many of them are y2
};

enum { FIGURE_ANY = -1, FIGURE_NO_X = -1 };

/* What a point is made of. */
struct figure_spot {
    int panel, series; // FIGURE_ANY = all
    int x;             // index into x; FIGURE_NO_X: runs without
};

extern const char figure_average[]; // "Average"

/* Place the runs; two runs of one seed on one spot are refused. */
int figure_place(struct figure_context *c, const struct figure_input *in, struct err *e);
void figure_place_release(struct figure_context *c);

/* The point of the runs on the spot; false when it is not known. Its x is that of the spot. */
bool figure_point(const struct figure_context *c, const struct figure_spot *at, int value,
                  struct plot_point *out);

/* Half the height of the band, as the recipe asks; 0 when there is none. */
struct stats;
double figure_spread(const struct recipe_figure *f, const struct stats *s);

/* Does the spot hold runs of one dataset only, by the figure's panels and series? */
bool figure_one_dataset(const struct figure_context *c, const struct figure_spot *at);

/* ---- parts of plots ---- */

/* A plot with room for `panels` of them, its name from the block's and `part` (NULL = none), its
 * looks from the block. */
struct plot figure_plot(const struct figure_input *in, const char *part, size_t panels);
/* Title of the i-th panel of the recipe's choice, Average behind the last; yours. NULL: no more. */
size_t figure_panels(const struct figure_context *c);
char *figure_panel_title(const struct figure_context *c, size_t i);
int figure_panel_spot(const struct figure_context *c, size_t i); // for figure_spot.panel

/* One more series of `room` points at most. */
struct plot_series *figure_series(struct plot_panel *panel, const char *label, size_t room);
/* "accuracy (%), mean of 5 datasets" where that is what is shown; yours. */
char *figure_y_label(const struct figure_context *c, const char *label);
/* Is an axis of doubling numbers, 1, 2, 4, of which 0 means none? */
bool figure_doubles(const char *axis);
void figure_drop_empty(struct plot *p); // a figure without a point has no panels
void figure_cells_free(struct plot_cells *c);

/* Turns of colours in plots/script.c: black is for what stands for all. */
enum { FIGURE_BLACK = 6, FIGURE_GREY = 8, FIGURE_TURNS = 7 };
int figure_turn(size_t index);

#endif
