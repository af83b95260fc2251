/*
 * Methods as points: y against trained parameters, and new against base accuracy. Ours are filled,
 * with their spread; what others have published under the same conditions is hollow and grey.
 *
 * Published points need the plain table of the protocol, the backbone and number of shots of our
 * runs, and a number for every dataset of the panel. Their parameters are counted: those of our
 * runs of the method, or else of its settings in the references at the backbone's widths.
 */
#include "harness/show/figure_place.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/catalogue.h"
#include "core/proto/method_keys.h"
#include "results/stats.h"
#include "results/table_model.h"

#include <math.h>
#include <stdlib.h>

/* What a panel's axes are. */
struct scatter {
    const struct figure_input *in;
    const struct figure_context *c;
    bool parameters; // x is their number; else x is base and y new accuracy
    int y;           // figure_value
};

static const char *const ours = "ours", *const published = "published";

/* ---- conditions under which published numbers are comparable ---- */

/* What all runs of the figure agree on; NULL or -1 where they do not. */
struct conditions {
    const char *table, *backbone;
    int shots;
};

static struct conditions conditions_of(const struct figure_input *in)
{
    struct conditions c = {NULL, NULL, 0};
    const char *protocol = NULL;
    for (size_t i = 0; i < in->n; i++) {
        const struct grid_run *r = in->runs[i].run;
        const char *label = backbone_label(r->backbone);
        if ((protocol && !str_eq(protocol, r->protocol)) ||
            (c.backbone && !str_eq(c.backbone, label)) ||
            (c.shots && r->shots && r->shots != c.shots))
            return (struct conditions){NULL, NULL, -1};
        protocol = r->protocol;
        c.backbone = label;
        c.shots = r->shots ? r->shots : c.shots;
    }
    c.table = str_eq(protocol, "base-to-new") ? "base2new"
              : str_eq(protocol, "few-shot")  ? "fewshot"
                                              : NULL;
    return c;
}

static double published_value(const struct figure_input *in, const struct conditions *cond,
                              const char *method, const char *dataset, int value)
{
    static const char *const splits[] = {
        [VALUE_BASE] = "base", [VALUE_NEW] = "new", [VALUE_H] = "H", [VALUE_ACCURACY] = "all"};
    for (size_t i = 0; i < in->published->n && value <= VALUE_ACCURACY; i++) {
        const struct baseline_row *b = &in->published->rows[i];
        if (str_eq(b->table, cond->table) && str_eq(b->method, method) &&
            str_eq(b->dataset, dataset) && str_eq(b->split, splits[value]) &&
            str_eq(b->backbone, cond->backbone) && (b->shots == cond->shots || b->shots == 0))
            return b->value;
    }
    return NAN;
}

/* Over the datasets of the panel, by the rule of our own averages. */
static double published_mean(const struct scatter *s, const struct conditions *cond,
                             const char *method, int panel, int value)
{
    const struct figure_context *c = s->c;
    if (value == VALUE_H)
        return stats_harmonic(published_mean(s, cond, method, panel, VALUE_BASE),
                              published_mean(s, cond, method, panel, VALUE_NEW));
    bool one = str_eq(c->figure->panel, "dataset") && panel != FIGURE_ANY;
    double sum = 0;
    size_t n = 0;
    for (size_t d = 0; d < c->datasets.n; d++)
        if (!one || str_eq(c->datasets.items[d], c->panels.items[panel])) {
            sum += published_value(s->in, cond, method, c->datasets.items[d], value);
            n++;
        }
    return n ? sum / (double)n : NAN;
}

/* ---- parameters ---- */

static const struct method_row *method_published_as(const char *name)
{
    for (const struct method_row *m = method_rows; m->name; m++)
        if (str_eq(m->published, name))
            return m;
    return NULL;
}

/* The method's settings where the recipe says nothing. */
static json_t *preset_params(const struct method_row *m)
{
    json_t *params = json_object();
    for (const struct method_key *k = m->keys; k->name; k++) {
        double number;
        if (!k->preset)
            continue;
        if (k->type == KEY_TEXT || k->type == KEY_CHOICE)
            json_object_set_new(params, k->name, json_string(k->preset));
        else if (str_to_double(k->preset, &number))
            json_object_set_new(params, k->name,
                                k->type == KEY_INT ? json_integer((json_int_t)number)
                                                   : json_real(number));
    }
    return params;
}

/* Numbers that a published method trains; -1 when it is not known to us or depends on the data. */
static long published_parameters(const struct figure_input *in, const char *name,
                                 const char *backbone)
{
    static const struct {
        const char *backbone;
        struct method_sizes sizes;
    } known[] = {{"ViT-B/16", {.text_width = 512, .image_width = 768, .embed = 512}},
                 {"ViT-B/32", {.text_width = 512, .image_width = 768, .embed = 512}},
                 {"ViT-L/14", {.text_width = 768, .image_width = 1024, .embed = 768}},
                 {"RN50", {.text_width = 512, .embed = 1024}},
                 {"RN101", {.text_width = 512, .embed = 512}}};
    const struct method_row *m = method_published_as(name);
    for (size_t i = 0; i < in->n && m; i++)
        if (str_eq(in->runs[i].run->method, m->name) && in->runs[i].parameters > 0)
            return in->runs[i].parameters;
    if (!m || !m->parameters)
        return -1;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (str_eq(known[i].backbone, backbone)) {
            json_t *params = preset_params(m);
            long count = m->parameters(params, &known[i].sizes); // 0 without classes or images
            json_decref(params);
            return count > 0 ? count : -1;
        }
    return -1;
}

/* Mean over the runs of a spot; it may depend on the dataset's classes. */
static double our_parameters(const struct figure_context *c, const struct figure_spot *at)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        const struct figure_item *item = &c->items[i];
        if ((at->panel != FIGURE_ANY && item->panel != (size_t)at->panel) ||
            item->series != (size_t)at->series || item->run->parameters < 0)
            continue;
        sum += (double)item->run->parameters;
        n++;
    }
    return n ? sum / (double)n : 0;
}

/* ---- points ---- */

static const char *method_of(const struct figure_context *c, size_t series)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].series == series)
            return c->items[i].run->run->method;
    return "";
}

/* Points of one method (several ranks, say) are one series, joined in the order of the recipe. */
static struct plot_series *series_of(struct plot_panel *panel, const char **methods,
                                     const char *method, size_t room)
{
    for (size_t j = 0; j < panel->n; j++)
        if (str_eq(methods[j], method))
            return &panel->series[j];
    struct plot_series *s = figure_series(panel, ours, room);
    methods[panel->n - 1] = method;
    return s;
}

/* A method without parameters has no place on a logarithmic axis: it is a line. */
static void add_line(struct plot_panel *panel, const char **methods, const char *label,
                     struct plot_point point)
{
    static const int dashes[] = {2, 1, 3};
    size_t lines = 0;
    for (size_t j = 0; j < panel->n; j++)
        lines += panel->series[j].reference;
    struct plot_series *s = figure_series(panel, label, 1);
    methods[panel->n - 1] = "";
    s->reference = true;
    s->colour = FIGURE_BLACK;
    s->dash = dashes[lines % 3];
    s->points[s->n++] = point;
}

static void add_ours(const struct scatter *s, struct plot_panel *panel, int at_panel)
{
    const struct figure_context *c = s->c;
    const char **methods = mem_zero(c->series.n + 1, sizeof *methods);
    for (size_t i = 0; i < c->series.n; i++) {
        struct figure_spot at = {.panel = at_panel, .series = (int)i, .x = FIGURE_NO_X};
        struct plot_point point, base;
        if (!figure_point(c, &at, s->y, &point))
            continue;
        if (s->parameters) {
            point.x = our_parameters(c, &at);
        } else {
            if (!figure_point(c, &at, VALUE_BASE, &base))
                continue;
            point.x = base.y;
            point.x_spread = base.spread;
        }
        if (s->parameters && point.x <= 0) {
            add_line(panel, methods, c->series.items[i], point);
            continue;
        }
        struct plot_series *series = series_of(panel, methods, method_of(c, i), c->series.n);
        point.label = mem_strdup(c->series.items[i]);
        series->points[series->n++] = point;
    }
    free(methods);
}

static void add_published(const struct scatter *s, struct plot_panel *panel, int at_panel)
{
    const struct conditions cond = conditions_of(s->in);
    const struct baselines *b = s->in->published;
    if (!b || !cond.table)
        return;
    struct plot_series *series = NULL;
    for (size_t i = 0; i < b->n; i++) {
        const char *method = b->rows[i].method;
        size_t first = 0;
        while (!str_eq(b->rows[first].method, method))
            first++;
        if (first < i) // each method once
            continue;
        struct plot_point point = {.n = 1, .wanted = 1};
        point.y = published_mean(s, &cond, method, at_panel, s->y);
        point.x = s->parameters ? (double)published_parameters(s->in, method, cond.backbone)
                                : published_mean(s, &cond, method, at_panel, VALUE_BASE);
        if (isnan(point.y) || isnan(point.x) || (s->parameters && point.x <= 0))
            continue;
        series = figure_series(panel, published, 1); // not joined
        series->hollow = true;
        series->colour = FIGURE_GREY;
        point.label = mem_strdup(method);
        series->points[series->n++] = point;
    }
}

static int build(struct plot **out, size_t *n, const struct figure_input *in, bool parameters,
                 struct err *e)
{
    struct figure_context c;
    int rc = figure_place(&c, in, e);
    if (rc == 0 && parameters && c.n_metrics != 1)
        rc = err_set(e, ERR_USAGE, "figure '%s' shows one metric: 'y: H', for example",
                     in->figure->name);
    if (rc < 0)
        goto out;
    struct scatter s = {in, &c, parameters, parameters ? c.metrics[0] : VALUE_NEW};
    *n = 1;
    *out = mem_zero(1, sizeof **out);
    struct plot *p = *out;
    *p = figure_plot(in, NULL, figure_panels(&c));
    p->shape = PLOT_MARKS;
    p->x_log = parameters ? 10 : 0;
    p->equal_h = !parameters;
    p->least_y = figure_values[s.y].least;
    free((char *)p->x_label);
    free((char *)p->y_label);
    p->x_label = parameters ? mem_strdup("trained parameters")
                            : figure_y_label(&c, figure_values[VALUE_BASE].label);
    p->y_label = figure_y_label(&c, figure_values[s.y].label);
    for (size_t i = 0; i < figure_panels(&c); i++) {
        struct plot_panel *panel = &p->panels[p->n++];
        panel->title = figure_panel_title(&c, i);
        add_ours(&s, panel, figure_panel_spot(&c, i));
        if (panel->n) // others alone are no figure of ours
            add_published(&s, panel, figure_panel_spot(&c, i));
    }
out:
    figure_place_release(&c);
    return rc;
}

int figure_parameters(struct plot **out, size_t *n, const struct figure_input *in, struct err *e)
{
    return build(out, n, in, true, e);
}

int figure_base_new(struct plot **out, size_t *n, const struct figure_input *in, struct err *e)
{
    return build(out, n, in, false, e);
}
