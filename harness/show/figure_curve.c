/*
 * Curves over a number that runs have: see figure.h. A run that has the x axis is on a curve; one
 * that lacks it (zero-shot CLIP at any number of shots, CoOp at any rank) is a reference line.
 *
 * One curve and several metrics: a colour for each metric. Several curves: a colour for each, and
 * the metrics are panels, or figures of their own when the recipe has chosen the panels. With a
 * right axis all metrics share the panels; those of the right axis are dashed.
 */
#include "harness/show/figure_curve.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <stdlib.h>

static const int reference_dash[] = {2, 1, 3}; // dotted, dashed, both

/* Which metrics of the context a panel shows. */
struct shown {
    const int *metrics;
    size_t n, first_second; // from this one on they are on the right
};

/* Append the series of one label and metric to the panel unless it has no point. */
static void add_series(const struct figure_context *c, struct plot_panel *panel,
                       struct figure_spot at, struct plot_series series, int metric)
{
    size_t n = series.reference ? 1 : c->n_x;
    struct plot_series *s = figure_series(panel, series.label, n);
    series.label = s->label;
    series.points = s->points;
    *s = series;
    for (size_t i = 0; i < n; i++) {
        at.x = series.reference ? FIGURE_NO_X : (int)i;
        s->n += figure_point(c, &at, metric, &s->points[s->n]);
    }
    if (!s->n) {
        free((char *)s->label);
        free(s->points);
        panel->n--;
    }
}

/* The look of series number `index` of its pass with metric `m` of the panel. */
static struct plot_series look(const struct figure_context *c, const struct shown *shown,
                               size_t index, size_t m, bool reference)
{
    bool two = shown->first_second < shown->n, by_metric = two ? c->curves <= 1 : shown->n > 1;
    return (struct plot_series){
        .reference = reference,
        .second = m >= shown->first_second,
        .colour = by_metric   ? figure_turn(m)
                  : reference ? FIGURE_BLACK
                              : figure_turn(index),
        .dash = reference           ? reference_dash[index % 3]
                : two && !by_metric ? (int)m
                                    : (int)(index / FIGURE_TURNS),
    };
}

/* One panel: every curve and line of the metrics. */
static struct plot_panel make_panel(const struct figure_context *c, int panel, char *title,
                                    const struct shown *shown, const char *y_label)
{
    struct plot_panel p = {.title = title, .y_label = mem_strdup(y_label)};
    for (int pass = 0; pass < 2; pass++) { // curves first in the legend, then lines
        size_t index = 0;
        for (size_t s = 0; s < c->series.n; s++) {
            if (c->is_reference[s] != (pass == 1))
                continue;
            for (size_t m = 0; m < shown->n; m++) {
                bool named = shown->n > 1 && !pass;
                const char *word = figure_values[shown->metrics[m]].word;
                char *label = named ? str_format("%s, %s", c->series.items[s], word)
                                    : mem_strdup(c->series.items[s]);
                struct plot_series series = look(c, shown, index, m, pass == 1);
                series.label = label;
                add_series(c, &p, (struct figure_spot){.panel = panel, .series = (int)s}, series,
                           shown->metrics[m]);
                free(label);
            }
            index++;
        }
    }
    if (str_eq(c->figure->series, "dataset") && c->series.n > 1)
        add_series(c, &p, (struct figure_spot){.panel = panel, .series = FIGURE_ANY},
                   (struct plot_series){.label = figure_average, .colour = FIGURE_BLACK},
                   shown->metrics[0]);
    return p;
}

static bool is_log2(const struct figure_context *c)
{
    if (!c->n_x || c->x[0] <= 0 || !c->figure->x)
        return false;
    return figure_doubles(c->figure->x) || c->x[c->n_x - 1] >= 8 * c->x[0];
}

static bool is_accuracy(int value)
{
    return figure_values[value].split || value == VALUE_H;
}

/* What an axis with these metrics is called: the metric, "accuracy (%)" for several accuracies, or
 * their words. Yours. */
static char *axis_label(const struct figure_context *c, const int *metrics, size_t n)
{
    bool accuracy = true;
    struct str words = STR_INIT;
    for (size_t m = 0; m < n; m++) {
        accuracy &= is_accuracy(metrics[m]);
        str_addf(&words, "%s%s", m ? ", " : "", figure_values[metrics[m]].word);
    }
    char *label = figure_y_label(c, n == 1     ? figure_values[metrics[0]].label
                                    : accuracy ? "accuracy (%)"
                                               : words.data);
    str_release(&words);
    return label;
}

/* The panels of the recipe's choice, and their Average. */
static void add_panels(const struct figure_context *c, struct plot *p, const struct shown *shown)
{
    char *y_label = axis_label(c, shown->metrics, shown->first_second);
    for (size_t i = 0; i < figure_panels(c); i++)
        p->panels[p->n++] =
            make_panel(c, figure_panel_spot(c, i), figure_panel_title(c, i), shown, y_label);
    free(y_label);
}

/* A panel for each metric. */
static void add_metric_panels(const struct figure_context *c, struct plot *p)
{
    bool accuracy = true;
    for (size_t m = 0; m < c->n_metrics; m++)
        accuracy &= is_accuracy(c->metrics[m]);
    char *y_label = accuracy ? figure_y_label(c, "accuracy (%)") : mem_strdup("");
    for (size_t m = 0; m < c->n_metrics; m++) {
        struct shown shown = {&c->metrics[m], 1, 1};
        char *title = mem_strdup(figure_values[c->metrics[m]].label);
        p->panels[p->n++] = make_panel(c, FIGURE_ANY, title, &shown, y_label);
    }
    free(y_label);
    p->columns = c->n_metrics <= 4 ? c->n_metrics : 0;
}

static double least(const int *metrics, size_t n)
{
    double most = 0;
    for (size_t m = 0; m < n; m++)
        most = figure_values[metrics[m]].least > most ? figure_values[metrics[m]].least : most;
    return most;
}

static void set_axes(const struct figure_context *c, struct plot *p, const struct shown *shown,
                     const char *x_label)
{
    size_t right = shown->n - shown->first_second;
    free((char *)p->x_label);
    p->x_label = mem_strdup(x_label);
    p->x_log = is_log2(c) ? 2 : 0;
    p->least_y = least(shown->metrics, shown->first_second);
    if (!right)
        return;
    p->y2_label = axis_label(c, shown->metrics + shown->first_second, right);
    p->least_y2 = least(shown->metrics + shown->first_second, right);
}

void figure_curves(const struct figure_context *c, struct plot **out, size_t *n,
                   const struct figure_input *in, const char *x_label)
{
    const struct recipe_figure *f = in->figure;
    bool two = c->n_second > 0;
    bool together = two || (c->curves <= 1 && !str_eq(f->series, "dataset")); // in one panel
    bool apart = c->n_metrics > 1 && !together && f->panel; // a figure for each metric
    *n = apart ? c->n_metrics : 1;
    *out = mem_zero(*n, sizeof **out);
    for (size_t i = 0; i < *n; i++) {
        struct plot *p = &(*out)[i];
        struct shown shown = {c->metrics, c->n_metrics, c->n_metrics - c->n_second};
        if (apart)
            shown = (struct shown){&c->metrics[i], 1, 1};
        *p = figure_plot(in, apart ? figure_values[c->metrics[i]].name : NULL,
                         figure_panels(c) + c->n_metrics);
        set_axes(c, p, &shown, x_label);
        if (together || apart || c->n_metrics == 1)
            add_panels(c, p, &shown);
        else
            add_metric_panels(c, p);
    }
}

int figure_curve(struct plot **out, size_t *n, const struct figure_input *in, struct err *e)
{
    struct figure_context c;
    int rc = figure_place(&c, in, e);
    if (rc == 0)
        figure_curves(&c, out, n, in,
                      str_eq(in->figure->x, "shots") ? "shots per class" : in->figure->x);
    figure_place_release(&c);
    return rc;
}
