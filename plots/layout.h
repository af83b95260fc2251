/*
 * Where everything of a figure stands, in centimetres, and what its shapes have in common; inside
 * of plots/ only.
 *
 * A shape says how much room its panels need and writes the plot commands of one panel; the frame
 * (script.c) writes names, terminals, styles and the legend.
 */
#ifndef PROMPTGRID_PLOTS_LAYOUT_H
#define PROMPTGRID_PLOTS_LAYOUT_H

#include "plots/plot.h"

/* One entry of the legend. */
struct plot__entry {
    const struct plot_series *series; // the first with its label
    bool mixed;                       // the label has several colours
};

struct plot__layout {
    double width, height; // of the picture
    size_t rows, columns; // of panels
    double cell_width;    // of one column of panels
    double cell_height;   // of one row of panels, without x label
    double plot_height;   // of the axes
    double left_first, left_other, right, right_last, below, above; // room around the axes
    double x_label;        // height of the x label below the last row
    double head;           // room above the panels
    double legend;         // height of the strip below
    size_t legend_columns; // entries side by side
    double x_low, x_high;  // range of x of all panels
    double *x;             // every x, rising; owned
    size_t n_x;
    struct plot__entry *entries; // owned
    size_t n_entries;
    bool hollow; // some point has missing seeds
    bool latex;  // names are being written for LaTeX
};

/* Where the axes of a panel are, in cm from the lower left. */
struct plot__frame {
    double x0, x1, y0, y1;
};
struct plot__frame plot__frame(const struct plot *p, const struct plot__layout *l, size_t panel);
const char *plot__y_label(const struct plot *p, const struct plot__layout *l, size_t row);
bool plot__lowest(const struct plot *p, const struct plot__layout *l, size_t panel);
void plot__layout_init(struct plot__layout *l, const struct plot *p);
void plot__layout_release(struct plot__layout *l);

struct plot__shape {
    /* Set the room around the axes and plot_height; width and columns are known. */
    void (*measure)(const struct plot *p, struct plot__layout *l);
    /* Variables with the panel's names, beside those of the frame. (optional) */
    void (*names)(struct str *out, const struct plot *p, const struct plot__layout *l,
                  size_t panel);
    /* Ranges, tics and the plot command; `index` is the first block of the panel's data. */
    void (*panel)(struct str *out, const struct plot *p, const struct plot__layout *l, size_t panel,
                  size_t index);
    /* The style of a legend entry: "linespoints lt 1 ...". */
    void (*sample)(struct str *out, const struct plot_series *s, int colour);
    const char *missing; // that of the entry "seeds missing"
};
extern const struct plot__shape plot__lines, plot__marks, plot__bars, plot__cells;
const struct plot__shape *plot__shape(const struct plot *p);

/* Okabe and Ito's palette (colours that people with any colour vision tell apart), each with a mark
 * of its own, filled and hollow. */
struct plot__colour {
    const char *rgb;
    int filled, hollow;
};
enum { PLOT__PALETTE = 8, PLOT__GREY = PLOT__PALETTE };
extern const struct plot__colour plot__palette[PLOT__PALETTE];
/* The line type of a series. */
int plot__line_type(const struct plot_series *s);

extern const char plot__more[]; // between elements of a plot command

/* "name": letters, digits and harmless signs as they are, every other byte of ASCII as \ooo. */
void plot__quote(struct str *out, const char *name);
/* VARIABLE = "text", for LaTeX when the layout says so. */
void plot__assign(struct str *out, const struct plot__layout *l, const char *variable,
                  const char *text);
/* The same in two lines, cut behind a comma, where one would be longer than `room`. */
void plot__assign_wrapped(struct str *out, const struct plot__layout *l, const char *variable,
                          const char *text, double room);
bool plot__wraps(const char *text, double room);
/* VARIABLEnumber = "text" */
void plot__assign_at(struct str *out, const struct plot__layout *l, const char *variable,
                     size_t number, const char *text);
/* `name` made visible and cut to `columns`; yours to free(). */
char *plot__shorten(const char *name, size_t columns);

/* Distance of the tics of a range: 1, 2 or 5 times a power of ten, about four of them. */
double plot__tic_step(double range);
/* Room that a text of 7 points takes, about. */
double plot__text_width(const char *text);

#endif
