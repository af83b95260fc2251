/*
 * Figures through gnuplot, an external program: PDF, SVG and PNG, with the data (.tsv) and the
 * script (.gp) kept beside them. The same data gives the same script; names are data and escaped.
 *
 * A figure is a grid of panels, each with curves over x and reference lines, and one legend below
 * with each label once. One column of panels is as wide as a column of a journal page (8.5 cm),
 * more are as wide as the page (17.5 cm).
 */
#ifndef PROMPTGRID_PLOTS_PLOT_H
#define PROMPTGRID_PLOTS_PLOT_H

#include "core/base/err.h"
#include "core/base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct plot_point {
    double x, y, spread; // spread: half height of the band; 0 = none
    int n, wanted;       // seeds behind it, of how many; n < wanted is drawn hollow
};

struct plot_series {
    const char *label;
    struct plot_point *points; // by rising x
    size_t n;
    bool reference; // a horizontal line through points[0].y (zero-shot), drawn thin
    int colour;     // in the palette, from 0. A label in several colours is grey in the legend
    int dash;       // 0 = solid, 1 = dashed, 2 = dotted, 3 = dash and dot
};

struct plot_panel {
    const char *title;   // "" for none
    const char *y_label; // NULL: the plot's
    struct plot_series *series;
    size_t n;
};

struct plot {
    const char *name;  // file stem: [a-z0-9-]
    const char *title; // above all panels; NULL or "" for none
    const char *x_label, *y_label;
    bool x_log2; // ranks and shots: 1, 2, 4, 8, 16 evenly spaced
    struct plot_panel *panels;
    size_t n;
    size_t columns;      // of the grid of panels; 0 = chosen from their number
    const char *caption; // provenance, written as a comment into data and script
};

/* The text of the data: one block a series, in the order of panels and series, with columns
 * x, y, spread, n, wanted, panel, series. */
void plot_data(const struct plot *p, struct str *out);

/* The text of the script: reads NAME.tsv, writes NAME.pdf, NAME.svg and NAME.png. */
void plot_script(const struct plot *p, struct str *out);

/* Write <folder>/NAME.{tsv,gp} and run gnuplot for .pdf, .svg and .png. `run` starts a program
 * with an argv array in `folder` and waits (process creation lives in harness/proc.c); ERR_MISSING
 * from it means that gnuplot is not installed. When it fails, data and script are kept and no old
 * picture is left beside them. */
typedef int (*plot_run)(const char *const *argv, const char *folder, struct err *e);
int plot_write(const struct plot *p, const char *folder, plot_run run, struct err *e);

/* Endings of the files of a figure, NULL-terminated: pictures first. */
extern const char *const plot_endings[];

#endif
