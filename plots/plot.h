/*
 * Figures through gnuplot, an external program: PDF, SVG and PNG, with the data (.tsv) and the
 * script (.gp) kept beside them. The same data gives the same script; names are data and escaped.
 *
 * A figure is a grid of panels of one shape, and one legend below with each label once. One column
 * of panels is as wide as a column of a journal page (8.5 cm), more are as wide as the page
 * (17.5 cm), unless the width is given.
 */
#ifndef PROMPTGRID_PLOTS_PLOT_H
#define PROMPTGRID_PLOTS_PLOT_H

#include "core/base/err.h"
#include "core/base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum plot_shape {
    PLOT_LINES, // curves over x with bands, horizontal reference lines; a second y axis
    PLOT_MARKS, // points with error bars and names beside them; points of a series are joined
    PLOT_BARS,  // a bar from 0 to x at height y, named at the axis
    PLOT_CELLS, // a matrix of coloured cells
    PLOT_SHAPES,
};

struct plot_point {
    double x, y, spread; // spread: half height of the band; 0 = none
    int n, wanted;       // seeds behind it, of how many; n < wanted is drawn hollow
    double x_spread;     // half width of the error bar along x (marks, bars); 0 = none
    const char *label;   // marks: beside the point; bars: name of the bar; NULL = none
};

struct plot_series {
    const char *label;         // "" = not in the legend
    struct plot_point *points; // by rising x
    size_t n;
    bool reference; // a horizontal line through points[0].y (zero-shot), drawn thin
    bool second;    // on the right axis
    bool hollow;    // marks: hollow ones (numbers of others)
    int colour;     // in the palette, from 0. A label in several colours is grey in the legend
    int dash;       // 0 = solid, 1 = dashed, 2 = dotted, 3 = dash and dot
};

/* A matrix, row by row from the top. */
struct plot_cells {
    size_t rows, columns;
    double *values;      // (rows, columns); NAN = not known
    int *n, *wanted;     // (rows, columns) seeds; NULL = nothing is missing
    char **row_names;    // (rows)
    char **column_names; // (columns)
    int decimals;        // of the numbers in the cells
};

struct plot_panel {
    const char *title;   // "" for none
    const char *y_label; // NULL: the plot's
    struct plot_series *series;
    size_t n;
    struct plot_cells *cells; // PLOT_CELLS, instead of series; NULL: nothing is known
};

struct plot {
    const char *name;  // file stem: [a-z0-9-]
    const char *title; // above all panels; NULL or "" for none
    enum plot_shape shape;
    const char *x_label, *y_label;
    const char *y2_label; // of the right axis; NULL = there is none
    int x_log;            // 2: ranks and shots, 1, 2, 4, 8 evenly spaced; 10: powers of ten; 0: no
    double least_y, least_y2; // smallest range that an axis shows; 0 = as the numbers are
    bool equal_h;             // PLOT_MARKS: thin lines of equal harmonic mean of x and y
    const char *scale;        // PLOT_CELLS: what the colours say, "accuracy (%)"
    struct plot_panel *panels;
    size_t n;
    size_t columns;      // of the grid of panels; 0 = chosen from their number
    double width;        // in cm; 0 = chosen
    const char *font;    // NULL = Helvetica
    bool latex;          // NAME-tex.tex and NAME-tex.pdf too, with text set by LaTeX
    const char *caption; // provenance, written as a comment into data and script
};

extern const double plot_single, plot_double; // widths of a journal's column and page, in cm

/* The text of the data: one block a series, in the order of panels and series; its first line names
 * the columns. */
void plot_data(const struct plot *p, struct str *out);

/* The text of the script: reads NAME.tsv, writes NAME.pdf, NAME.svg and NAME.png. */
void plot_script(const struct plot *p, struct str *out);

/* Write <folder>/NAME.{tsv,gp} and run gnuplot for .pdf, .svg and .png. `run` starts a program
 * with an argv array in `folder` and waits (process creation lives in harness/system/proc.c);
 * ERR_MISSING from it means that gnuplot is not installed. When it fails, data and script are kept
 * and no old picture is left beside them. */
typedef int (*plot_run)(const char *const *argv, const char *folder, struct err *e);
int plot_write(const struct plot *p, const char *folder, plot_run run, struct err *e);

/* The program that draws, and the Debian package that it is in. */
extern const char plot_program[], plot_package[];

/* What the names of a figure's files add to NAME, NULL-terminated: pictures first. */
extern const char *const plot_endings[];
/* Further ones with `latex`. */
extern const char *const plot_latex_endings[];

#endif
