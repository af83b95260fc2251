/*
 * Figures through gnuplot, an external program: PDF, SVG and PNG, with the data (.tsv) and the
 * script (.gp) kept beside them. The same data gives the same script; names are data and escaped.
 */
#ifndef PROMPTGRID_PLOTS_PLOT_H
#define PROMPTGRID_PLOTS_PLOT_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct plot_point {
    double x, y, spread; // spread: half height of the band; 0 = none
    int n;               // seeds behind it
};

struct plot_series {
    const char *label;
    struct plot_point *points;
    size_t n;
    bool reference; // a horizontal line through points[0].y (zero-shot), drawn thin
};

struct plot_panel {
    const char *title; // "" for a single panel
    struct plot_series *series;
    size_t n;
};

struct plot {
    const char *name; // file stem: [a-z0-9-]
    const char *title, *x_label, *y_label;
    bool x_log2; // ranks and shots: 1, 2, 4, 8, 16 evenly spaced
    struct plot_panel *panels;
    size_t n;
    const char *caption; // provenance, written as a comment into data and script
};

/* Write <folder>/NAME.{tsv,gp} and run `gnuplot` for .pdf, .svg and .png. `run` starts a program
 * with an argv array in `folder` and waits (process creation lives in harness/proc.c). */
typedef int (*plot_run)(const char *const *argv, const char *folder, struct err *e);
int plot_write(const struct plot *p, const char *folder, plot_run run, struct err *e);

#endif
