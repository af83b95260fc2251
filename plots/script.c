/*
 * The gnuplot script of a figure: see plot.h. Lengths are in centimetres until they are written.
 *
 * Every name is assigned to a variable as a string in which only letters, digits and harmless signs
 * stand for themselves, so nothing is left that gnuplot could take for a quote, a backtick, a
 * macro, a brace or an escape. (Doubling single quotes is not enough: gnuplot 5.4 takes two of them
 * at the start of a string for the empty string.) The plot commands use only these variables, and
 * the terminals are "noenhanced".
 */
#include "plots/plot.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Okabe and Ito's palette (colours that people with any colour vision tell apart), each with a mark
 * of its own, filled and hollow. */
static const struct {
    const char *rgb;
    int filled, hollow;
} palette[] = {
    {"#0072B2", 7, 6}, {"#D55E00", 5, 4},   {"#009E73", 9, 8}, {"#CC79A7", 13, 12},
    {"#56B4E9", 7, 6}, {"#E69F00", 11, 10}, {"#000000", 5, 4}, {"#882255", 9, 8},
};
enum { PALETTE = sizeof palette / sizeof palette[0], GREY = PALETTE };
static const char *const grey = "#777777";

/* One entry of the legend. */
struct entry {
    const struct plot_series *series; // the first with its label
    bool mixed;                       // the label has several colours
};

struct layout {
    double width, height;  // of the picture
    size_t rows, columns;  // of panels
    double cell_height;    // of one row of panels, without x label
    double plot_height;    // of the axes
    double head;           // room above the panels
    double legend;         // height of the strip below
    size_t legend_columns; // entries side by side
    double x_low, x_high;  // range of x of all panels
    double *x;             // every x, rising; owned
    size_t n_x;            //
    struct entry *entries; // owned
    size_t n_entries;      //
    bool hollow;           // some point has missing seeds
};

enum { MOST_TICS = 12 };

/* Room around the axes of a panel. */
static const double left_first = 1.2, left_other = 0.85, right = 0.2, below = 0.55, above = 0.15,
                    title_height = 0.4, x_label_height = 0.4, line_height = 0.38;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void collect_x(const struct plot *p, struct layout *l)
{
    size_t capacity = 0, n = 0;
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->panels[i].n; j++) {
            const struct plot_series *s = &p->panels[i].series[j];
            for (size_t k = 0; k < s->n; k++) {
                l->hollow |= s->points[k].n < s->points[k].wanted;
                if (!s->reference)
                    MEM_PUSH(l->x, n, capacity) = s->points[k].x;
            }
        }
    if (!n)
        MEM_PUSH(l->x, n, capacity) = 1; // reference lines alone
    qsort(l->x, n, sizeof *l->x, by_value);
    for (size_t i = 0; i < n; i++)
        if (!l->n_x || l->x[i] != l->x[l->n_x - 1])
            l->x[l->n_x++] = l->x[i];
    double first = l->x[0], last = l->x[l->n_x - 1];
    double room =
        p->x_log2 ? (first < last ? 0.25 : 1) : (first < last ? 0.06 * (last - first) : 1);
    l->x_low = p->x_log2 ? first * exp2(-room) : first - room;
    l->x_high = p->x_log2 ? last * exp2(room) : last + room;
}

static void collect_entries(const struct plot *p, struct layout *l)
{
    size_t capacity = 0;
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->panels[i].n; j++) {
            const struct plot_series *s = &p->panels[i].series[j];
            size_t k = 0;
            while (k < l->n_entries && !str_eq(l->entries[k].series->label, s->label))
                k++;
            if (k < l->n_entries)
                l->entries[k].mixed |= l->entries[k].series->colour != s->colour;
            else
                MEM_PUSH(l->entries, l->n_entries, capacity) = (struct entry){.series = s};
        }
}

static const char *const missing_text = "seeds missing";

static void lay_out(const struct plot *p, struct layout *l)
{
    *l = (struct layout){0};
    collect_x(p, l);
    collect_entries(p, l);
    l->columns = p->columns ? p->columns : p->n <= 2 ? p->n : p->n <= 4 ? 2 : p->n <= 9 ? 3 : 4;
    l->columns = l->columns ? l->columns : 1;
    l->rows = (p->n + l->columns - 1) / l->columns;
    l->width = l->columns == 1 ? 8.5 : 17.5;
    l->plot_height = l->columns == 1 ? 4.6 : l->columns == 2 ? 4.4 : l->columns == 3 ? 3.4 : 2.8;
    bool titles = false;
    for (size_t i = 0; i < p->n; i++)
        titles |= *p->panels[i].title != 0;
    l->cell_height = l->plot_height + below + above + (titles ? title_height : 0);
    l->head = p->title && *p->title ? 0.6 : 0;

    size_t widest = l->hollow ? str_columns(missing_text) : 0;
    for (size_t i = 0; i < l->n_entries; i++)
        if (str_columns(l->entries[i].series->label) > widest)
            widest = str_columns(l->entries[i].series->label);
    size_t n = l->n_entries + (l->hollow ? 1 : 0);
    double entry_width = 1.2 + 0.15 * (double)widest; // sample, and text of 7 points
    size_t fit = (size_t)((l->width - 0.6) / entry_width);
    fit = fit < 1 ? 1 : fit > n ? (n ? n : 1) : fit;
    size_t lines = (n + fit - 1) / fit;
    l->legend_columns = lines ? (n + lines - 1) / lines : 1; // even lines
    l->legend = line_height * (double)lines + 0.1;
    l->height = l->head + (double)l->rows * l->cell_height + x_label_height + l->legend;
}

/* "name": letters, digits and harmless signs as they are, every other byte of ASCII as \ooo. */
static void add_quoted(struct str *out, const char *name)
{
    static const char harmless[] = " ()%,.:;/+-=_*<>|~?&";
    char *shown = str_visible(name);
    str_addc(out, '"');
    for (const unsigned char *c = (const unsigned char *)shown; *c; c++)
        if (*c >= 0x80 || isalnum(*c) || strchr(harmless, *c))
            str_addc(out, (char)*c);
        else
            str_addf(out, "\\%03o", *c);
    str_addc(out, '"');
    free(shown);
}

static void assign(struct str *out, const char *variable, size_t number, const char *text)
{
    str_addf(out, "%s%zu = ", variable, number);
    add_quoted(out, text);
    str_addc(out, '\n');
}

static void add_comment(struct str *out, const char *text)
{
    while (text && *text) {
        size_t n = strcspn(text, "\n");
        char *line = mem_strndup(text, n), *shown = str_visible(line);
        str_addf(out, "# %s\n", shown);
        free(shown);
        free(line);
        text += n + (text[n] == '\n');
    }
}

/* Distance of the tics of a range: 1, 2 or 5 times a power of ten, about four of them. */
static double tic_step(double range)
{
    double step = pow(10, floor(log10(range / 4)));
    double times = range / 4 / step;
    return step * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
}

static void add_y_range(struct str *out, const struct plot_panel *panel)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t j = 0; j < panel->n; j++)
        for (size_t k = 0; k < panel->series[j].n; k++) {
            const struct plot_point *at = &panel->series[j].points[k];
            double spread = panel->series[j].reference ? 0 : at->spread;
            low = fmin(low, at->y - spread);
            high = fmax(high, at->y + spread);
        }
    if (low > high)
        low = 0, high = 1;
    double range = fmax(high - low, 2), middle = (low + high) / 2;
    str_addf(out, "    set yrange [%.6g:%.6g]\n", middle - 0.56 * range, middle + 0.56 * range);
    str_addf(out, "    set ytics %.6g\n", tic_step(1.12 * range));
}

static const char *const more = ", \\\n        "; // between elements of a plot command

/* The curves of one series, as elements of a plot command. */
static void add_series(struct str *out, const struct layout *l, const struct plot_series *s,
                       size_t index, bool first)
{
    const char *glue = first ? "    plot" : more;
    int colour = s->colour % PALETTE + 1;
    if (s->reference) {
        str_addf(out,
                 "%s data index %zu using (%.6g):2:(%.6g):(0) with vectors nohead lt %d dt %d "
                 "lw 1",
                 glue, index, l->x_low, l->x_high - l->x_low, colour, s->dash % 4 + 1);
        return;
    }
    if (s->n > 1)
        str_addf(out,
                 "%s data index %zu using 1:($2-$3):($2+$3) with filledcurves lt %d fs transparent "
                 "solid 0.15 noborder",
                 glue, index, colour);
    else
        str_addf(out, "%s data index %zu using 1:2:3 with yerrorbars lt %d pt 0 lw 0.8", glue,
                 index, colour);
    str_addf(out, "%s data index %zu using 1:2 with lines lt %d dt %d lw 1.4", more, index, colour,
             s->dash % 4 + 1);
    str_addf(out, "%s data index %zu using 1:($4<$5?NaN:$2) with points lt %d ps 0.5", more, index,
             colour);
    if (!l->hollow)
        return;
    str_addf(out,
             "%s data index %zu using 1:($4<$5?$2:NaN) with points lt %d lc rgb 'white' ps 0.5",
             more, index, colour);
    str_addf(out, "%s data index %zu using 1:($4<$5?$2:NaN) with points lt %d pt %d ps 0.5", more,
             index, colour, palette[s->colour % PALETTE].hollow);
}

static void add_panel(struct str *out, const struct plot *p, const struct layout *l, size_t i,
                      size_t index)
{
    const struct plot_panel *panel = &p->panels[i];
    size_t row = i / l->columns, column = i % l->columns;
    bool lowest = i + l->columns >= p->n;
    double cell = l->width / (double)l->columns;
    double x0 = (double)column * cell + (column ? left_other : left_first);
    double x1 = (double)(column + 1) * cell - right;
    double y1 = l->height - l->head - (double)row * l->cell_height -
                (l->cell_height - l->plot_height - below);
    double y0 = y1 - l->plot_height;
    str_addf(out, "\n    set lmargin at screen %.4f; set rmargin at screen %.4f\n", x0 / l->width,
             x1 / l->width);
    str_addf(out, "    set bmargin at screen %.4f; set tmargin at screen %.4f\n", y0 / l->height,
             y1 / l->height);
    str_addf(out, "    set title t%zu\n", i);
    if (column == 0)
        str_addf(out, "    set ylabel y%zu offset 1.2,0 font ',8'\n", row);
    else
        str_add(out, "    unset ylabel\n");
    str_add(out, lowest ? "    set xlabel x_label offset 0,0.6 font ',8'\n" : "    unset xlabel\n");
    add_y_range(out, panel);
    for (size_t j = 0; j < panel->n; j++)
        add_series(out, l, &panel->series[j], index + j, j == 0);
    if (!panel->n)
        str_add(out, "    plot NaN");
    str_addc(out, '\n');
}

static void add_legend(struct str *out, const struct layout *l)
{
    str_addf(out,
             "\n    # the legend: each label once, below all panels\n"
             "    unset border; unset tics; unset grid; unset xlabel; unset ylabel; unset title\n"
             "    unset logscale\n"
             "    set lmargin at screen 0; set rmargin at screen 1\n"
             "    set bmargin at screen 0; set tmargin at screen %.4f\n"
             "    set key center center horizontal maxcols %zu Left reverse samplen 2 width 1\n"
             "    plot [0:1] [0:1] NaN notitle",
             l->legend / l->height, l->legend_columns);
    for (size_t i = 0; i < l->n_entries; i++) {
        const struct plot_series *s = l->entries[i].series;
        int colour = l->entries[i].mixed ? GREY + 1 : s->colour % PALETTE + 1;
        str_addf(out, "%s keyentry with %s lt %d dt %d %s title l%zu", more,
                 s->reference ? "lines" : "linespoints", colour, s->dash % 4 + 1,
                 s->reference ? "lw 1" : "lw 1.4 ps 0.5", i);
    }
    if (l->hollow)
        str_addf(out, "%s keyentry with points lt %d pt 6 ps 0.5 title '%s'", more, GREY + 1,
                 missing_text);
    str_addc(out, '\n');
}

static void add_names(struct str *out, const struct plot *p, const struct layout *l)
{
    str_addf(out, "data = '%s.tsv'\n", p->name);
    str_add(out, "x_label = ");
    add_quoted(out, p->x_label);
    str_add(out, "\ntitle = ");
    add_quoted(out, p->title ? p->title : "");
    str_addc(out, '\n');
    for (size_t row = 0; row < l->rows; row++) {
        const char *own = p->panels[row * l->columns].y_label;
        assign(out, "y", row, own ? own : p->y_label);
    }
    for (size_t i = 0; i < p->n; i++)
        assign(out, "t", i, p->panels[i].title);
    for (size_t i = 0; i < l->n_entries; i++)
        assign(out, "l", i, l->entries[i].series->label);
}

static void add_styles(struct str *out, const struct plot *p, const struct layout *l)
{
    for (int i = 0; i < PALETTE; i++)
        str_addf(out, "    set linetype %d lc rgb '%s' pt %d\n", i + 1, palette[i].rgb,
                 palette[i].filled);
    str_addf(out, "    set linetype %d lc rgb '%s' pt 7\n", GREY + 1, grey);
    str_add(out, "    set encoding utf8\n"
                 "    set datafile separator tab\n"
                 "    set border 3 lw 0.6 lc rgb '#444444'\n"
                 "    set tics nomirror out scale 0.5 font ',7' textcolor rgb '#444444'\n"
                 "    set grid ytics lt 1 lw 0.4 lc rgb '#dddddd'\n"
                 "    set title offset 0,-0.7 font ',8'\n"
                 "    set format '%h'\n"
                 "    set xtics offset 0,0.4\n"
                 "    set ytics offset 0.5,0\n"
                 "    set key font ',7'\n"
                 "    unset key\n");
    if (p->x_log2)
        str_add(out, "    set logscale x 2\n");
    str_addf(out, "    set xrange [%.6g:%.6g]\n", l->x_low, l->x_high);
    if (l->n_x <= MOST_TICS) {
        str_add(out, "    set xtics (");
        for (size_t i = 0; i < l->n_x; i++)
            str_addf(out, "%s%.10g", i ? ", " : "", l->x[i]);
        str_add(out, ")\n");
    }
}

void plot_script(const struct plot *p, struct str *out)
{
    struct layout l;
    lay_out(p, &l);
    str_addf(out, "# Figure '%s'. Draw it again: gnuplot -d %s.gp\n", p->name, p->name);
    add_comment(out, p->caption);
    add_names(out, p, &l);
    // Pixels: SVG at 96, PNG at 300 to the inch. Font scales found by eye: all three look alike.
    str_addf(
        out,
        "\ndo for [format in 'pdf svg png'] {\n"
        "    if (format eq 'pdf') {\n"
        "        set terminal pdfcairo noenhanced size %.2fcm,%.2fcm font 'Helvetica,8' "
        "fontscale 0.75 linewidth 1.3\n"
        "    }\n"
        "    if (format eq 'svg') {\n"
        "        set terminal svg noenhanced size %.0f,%.0f font 'Helvetica,8' fontscale 1.33\n"
        "    }\n"
        "    if (format eq 'png') {\n"
        "        set terminal pngcairo noenhanced size %.0f,%.0f font 'Helvetica,8' "
        "fontscale 3.1 linewidth 3 pointscale 3\n"
        "    }\n"
        "    set output '%s.'.format\n"
        "    set multiplot\n",
        l.width, l.height, l.width / 2.54 * 96, l.height / 2.54 * 96, l.width / 2.54 * 300,
        l.height / 2.54 * 300, p->name);
    if (l.head > 0)
        str_addf(out, "    set label 1 title at screen 0.5,%.4f center font ',9'\n",
                 1 - 0.5 * l.head / l.height);
    add_styles(out, p, &l);
    size_t index = 0;
    for (size_t i = 0; i < p->n; i++) {
        add_panel(out, p, &l, i, index);
        if (i == 0 && l.head > 0)
            str_add(out, "    unset label 1\n");
        index += p->panels[i].n;
    }
    add_legend(out, &l);
    str_add(out, "    unset multiplot\n"
                 "    unset output\n"
                 "    reset\n"
                 "}\n");
    free(l.x);
    free(l.entries);
}
