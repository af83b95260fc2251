/* The gnuplot script of a figure: names, terminals, styles, panels, legend. See plot.h for what it
 * does and layout.h for its parts. */
#include "plots/layout.h"

#include <stdlib.h>

static const char *const grey = "#777777";

const struct plot__shape *plot__shape(const struct plot *p)
{
    static const struct plot__shape *const shapes[PLOT_SHAPES] = {
        [PLOT_LINES] = &plot__lines,
        [PLOT_MARKS] = &plot__marks,
        [PLOT_BARS] = &plot__bars,
        [PLOT_CELLS] = &plot__cells,
    };
    return shapes[p->shape];
}

int plot__line_type(const struct plot_series *s)
{
    return s->colour == PLOT__GREY ? PLOT__GREY + 1 : s->colour % PLOT__PALETTE + 1;
}

static void add_comment(struct str *out, const char *text)
{
    while (text && *text) {
        struct str line = STR_INIT;
        for (; *text && *text != '\n'; text++)
            str_addc(&line, *text);
        char *shown = str_visible(line.data);
        str_addf(out, "# %s\n", shown);
        free(shown);
        str_release(&line);
        text += *text == '\n';
    }
}

static void add_panel(struct str *out, const struct plot *p, const struct plot__layout *l, size_t i,
                      size_t index)
{
    struct plot__frame f = plot__frame(p, l, i);
    str_addf(out, "\n    set lmargin at screen %.4f; set rmargin at screen %.4f\n", f.x0 / l->width,
             f.x1 / l->width);
    str_addf(out, "    set bmargin at screen %.4f; set tmargin at screen %.4f\n", f.y0 / l->height,
             f.y1 / l->height);
    str_addf(out, "    set title t%zu\n", i);
    if (i % l->columns == 0)
        str_addf(out, "    set ylabel y%zu offset %s,0 font ',8'\n", i / l->columns,
                 plot__wraps(plot__y_label(p, l, i / l->columns), l->plot_height + 0.4) ? "0"
                                                                                        : "1.2");
    else
        str_add(out, "    unset ylabel\n");
    str_add(out, plot__lowest(p, l, i) ? "    set xlabel x_label offset 0,0.6 font ',8'\n"
                                       : "    unset xlabel\n");
    plot__shape(p)->panel(out, p, l, i, index);
    str_addc(out, '\n');
}

static void add_legend(struct str *out, const struct plot *p, const struct plot__layout *l)
{
    str_addf(out,
             "\n    # the legend: each label once, below all panels\n"
             "    unset border; unset tics; unset grid; unset xlabel; unset ylabel; unset title\n"
             "%s    unset logscale; unset label\n"
             "    set lmargin at screen 0; set rmargin at screen 1\n"
             "    set bmargin at screen 0; set tmargin at screen %.4f\n"
             "    set key center center horizontal maxcols %zu Left reverse samplen 2 width 1\n"
             "    plot [0:1] [0:1] NaN notitle",
             p->y2_label ? "    unset y2tics; unset y2label\n" : "", l->legend / l->height,
             l->legend_columns);
    for (size_t i = 0; i < l->n_entries; i++) {
        const struct plot_series *s = l->entries[i].series;
        str_addf(out, "%s keyentry with ", plot__more);
        plot__shape(p)->sample(out, s, l->entries[i].mixed ? PLOT__GREY + 1 : plot__line_type(s));
        str_addf(out, " title l%zu", i);
    }
    if (l->hollow)
        str_addf(out, "%s keyentry with %s title 'seeds missing'", plot__more,
                 plot__shape(p)->missing);
    str_addc(out, '\n');
}

static void add_names(struct str *out, const struct plot *p, const struct plot__layout *l)
{
    plot__assign(out, l, "x_label", p->x_label);
    plot__assign(out, l, "title", p->title ? p->title : "");
    for (size_t row = 0; row < l->rows; row++) {
        char *name = str_format("y%zu", row);
        plot__assign_wrapped(out, l, name, plot__y_label(p, l, row), l->plot_height + 0.4);
        free(name);
    }
    if (p->y2_label)
        plot__assign_wrapped(out, l, "y2_label", p->y2_label, l->plot_height + 0.4);
    if (p->scale)
        plot__assign(out, l, "scale", p->scale);
    for (size_t i = 0; i < p->n; i++) {
        plot__assign_at(out, l, "t", i, p->panels[i].title);
        if (plot__shape(p)->names)
            plot__shape(p)->names(out, p, l, i);
    }
    for (size_t i = 0; i < l->n_entries; i++)
        plot__assign_at(out, l, "l", i, l->entries[i].series->label);
}

static void add_styles(struct str *out, const struct plot *p)
{
    for (int i = 0; i < PLOT__PALETTE; i++)
        str_addf(out, "    set linetype %d lc rgb '%s' pt %d\n", i + 1, plot__palette[i].rgb,
                 plot__palette[i].filled);
    str_addf(out, "    set linetype %d lc rgb '%s' pt 7\n", PLOT__GREY + 1, grey);
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
    if (p->x_log)
        str_addf(out, "    set logscale x %d\n", p->x_log);
}

/* Pixels: SVG at 96, PNG at 300 to the inch. Font scales found by eye: all look alike. */
static void add_terminals(struct str *out, const struct plot *p, struct plot__layout *l)
{
    struct str font = STR_INIT;
    char *name = str_format("%s,8", p->font ? p->font : "Helvetica");
    plot__quote(&font, name);
    free(name);
    str_addf(out,
             "    if (format eq 'pdf') {\n"
             "        set terminal pdfcairo noenhanced size %.2fcm,%.2fcm font %s "
             "fontscale 0.75 linewidth 1.3\n"
             "    }\n"
             "    if (format eq 'svg') {\n"
             "        set terminal svg noenhanced size %.0f,%.0f font %s fontscale 1.33\n"
             "    }\n"
             "    if (format eq 'png') {\n"
             "        set terminal pngcairo noenhanced size %.0f,%.0f font %s "
             "fontscale 3.1 linewidth 3 pointscale 3\n"
             "    }\n",
             l->width, l->height, font.data, l->width / 2.54 * 96, l->height / 2.54 * 96, font.data,
             l->width / 2.54 * 300, l->height / 2.54 * 300, font.data);
    str_release(&font);
    if (!p->latex)
        return;
    // \input the file: LaTeX sets the text in the document's own font.
    str_addf(out,
             "    if (format eq 'tex') {\n"
             "        set terminal cairolatex pdf colortext header "
             "'\\fontsize{7}{8.4}\\selectfont' size %.2fcm,%.2fcm fontscale 0.75 linewidth 1.3\n",
             l->width, l->height);
    l->latex = true;
    add_names(out, p, l);
    l->latex = false;
    str_add(out, "    }\n");
}

void plot_script(const struct plot *p, struct str *out)
{
    struct plot__layout l;
    plot__layout_init(&l, p);
    str_addf(out, "# Figure '%s'. Draw it again: gnuplot -d %s.gp\n", p->name, p->name);
    add_comment(out, p->caption);
    str_addf(out, "data = '%s.tsv'\n", p->name);
    add_names(out, p, &l);
    str_addf(out, "\ndo for [format in 'pdf svg png%s'] {\n", p->latex ? " tex" : "");
    add_terminals(out, p, &l);
    if (p->latex)
        str_addf(out, "    set output '%s'.(format eq 'tex' ? '-tex.' : '.').format\n", p->name);
    else
        str_addf(out, "    set output '%s.'.format\n", p->name);
    str_add(out, "    set multiplot\n");
    if (l.head > 0)
        str_addf(out, "    set label 1 title at screen 0.5,%.4f center font ',9'\n",
                 1 - 0.5 * l.head / l.height);
    add_styles(out, p);
    size_t index = 0;
    for (size_t i = 0; i < p->n; i++) {
        add_panel(out, p, &l, i, index);
        if (i == 0 && l.head > 0)
            str_add(out, "    unset label 1\n");
        index += p->shape == PLOT_CELLS ? p->panels[i].cells != NULL : p->panels[i].n;
    }
    if (p->shape != PLOT_CELLS)
        add_legend(out, p, &l);
    str_add(out, "    unset multiplot\n"
                 "    unset output\n"
                 "    reset\n"
                 "}\n");
    plot__layout_release(&l);
}
