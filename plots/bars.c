/* Horizontal bars from 0, each with its name and number: see layout.h. The points' y are places
 * from 1 below, the x their lengths. */
#include "plots/layout.h"

#include <math.h>
#include <stdlib.h>

static const double bar_height = 0.42; // cm

static size_t bars_of(const struct plot_panel *panel)
{
    size_t n = 0;
    for (size_t j = 0; j < panel->n; j++)
        n += panel->series[j].n;
    return n;
}

static void measure(const struct plot *p, struct plot__layout *l)
{
    double widest = 0.6;
    size_t most = 1;
    for (size_t i = 0; i < p->n; i++) {
        most = bars_of(&p->panels[i]) > most ? bars_of(&p->panels[i]) : most;
        for (size_t j = 0; j < p->panels[i].n; j++)
            for (size_t k = 0; k < p->panels[i].series[j].n; k++) {
                const char *label = p->panels[i].series[j].points[k].label;
                widest = fmax(widest, label ? plot__text_width(label) : 0);
            }
    }
    l->left_first = l->left_other = fmin(widest + 0.25, 0.45 * l->cell_width);
    l->right = 0.35;
    l->plot_height = bar_height * (double)most + 0.3;
}

static char *variable(size_t panel)
{
    return str_format("n%zu_", panel);
}

static void names(struct str *out, const struct plot *p, const struct plot__layout *l, size_t i)
{
    char *name = variable(i);
    size_t at = 0;
    for (size_t j = 0; j < p->panels[i].n; j++)
        for (size_t k = 0; k < p->panels[i].series[j].n; k++) {
            const char *label = p->panels[i].series[j].points[k].label;
            plot__assign_at(out, l, name, at++, label ? label : "");
        }
    free(name);
}

/* Range of the lengths with 0 and room for the numbers at the ends of the bars. */
static void x_range(const struct plot *p, double *low, double *high)
{
    *low = *high = 0;
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->panels[i].n; j++)
            for (size_t k = 0; k < p->panels[i].series[j].n; k++) {
                const struct plot_point *at = &p->panels[i].series[j].points[k];
                double spread = fmin(at->x_spread, 2 * fabs(at->x) + 2);
                *low = fmin(*low, at->x - spread);
                *high = fmax(*high, at->x + spread);
            }
    double range = fmax(*high - *low, 1);
    *low -= *low < 0 ? 0.24 * range : 0.05 * range;
    *high += *high > 0 ? 0.24 * range : 0.05 * range;
}

static void add_series(struct str *out, const struct plot_series *s, size_t index, double pad)
{
    int colour = plot__line_type(s);
    static const char box[] = "2:($1<0?$1:0):($1<0?0:$1):($2-0.34):($2+0.34)";
    str_addf(out,
             "%s data index %zu using ($5<$6?NaN:$1):%s with boxxyerror lt %d fs solid 0.85 "
             "noborder",
             plot__more, index, box, colour);
    str_addf(out, "%s data index %zu using ($5<$6?$1:NaN):%s with boxxyerror lt %d fs empty border",
             plot__more, index, box, colour);
    str_addf(out,
             "%s data index %zu using ($4>0?$1:NaN):2:4 with xerrorbars lc rgb '#444444' pt 0 "
             "lw 0.7",
             plot__more, index);
    // Out of sight rather than NaN: gnuplot 5.4 dies of labels of which none is there.
    for (int left = 0; left < 2; left++)
        str_addf(out,
                 "%s data index %zu using ($1%s0?$1%c$4%c%.6g:1e9):2:(sprintf('%%+.1f',$1)) "
                 "with labels %s font ',6.5'",
                 plot__more, index, left ? "<" : ">=", left ? '-' : '+', left ? '-' : '+', pad,
                 left ? "right" : "left");
}

static void panel(struct str *out, const struct plot *p, const struct plot__layout *l, size_t i,
                  size_t index)
{
    const struct plot_panel *at = &p->panels[i];
    double low, high;
    char *name = variable(i);
    size_t n = 0;
    (void)l;
    x_range(p, &low, &high);
    str_addf(out, "    set xrange [%.6g:%.6g]; set xtics %.6g\n", low, high,
             plot__tic_step(high - low));
    str_addf(out, "    set yrange [0.4:%.6g]; unset ylabel; set border 1\n",
             (double)bars_of(at) + 0.6);
    str_add(out, "    set grid xtics noytics lt 1 lw 0.4 lc rgb '#dddddd'; set ytics scale 0 (");
    for (size_t j = 0; j < at->n; j++)
        for (size_t k = 0; k < at->series[j].n; k++) {
            str_addf(out, "%s%s%zu %g", n ? ", " : "", name, n, at->series[j].points[k].y);
            n++;
        }
    str_addf(out,
             ")\n    set arrow 1 from 0, graph 0 to 0, graph 1 nohead lc rgb '#444444' lw 0.6\n"
             "    plot NaN");
    for (size_t j = 0; j < at->n; j++)
        add_series(out, &at->series[j], index + j, 0.012 * (high - low));
    str_add(out, "\n    unset arrow 1");
    free(name);
}

static void sample(struct str *out, const struct plot_series *s, int colour)
{
    (void)s;
    str_addf(out, "boxes lt %d fs solid 0.85 noborder", colour);
}

const struct plot__shape plot__bars = {measure, names, panel, sample, "boxes lt 9 fs empty border"};
