/* From a kind of figure to its builder, and what builders share: see figure.h. */
#include "harness/show/figure.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/show/figure_place.h"

#include <stdlib.h>

static const struct {
    const char *kind;
    int (*build)(struct plot **out, size_t *n, const struct figure_input *in, struct err *e);
} builders[] = {
    {"curve", figure_curve},         {"epochs", figure_epochs}, {"parameters", figure_parameters},
    {"base-new", figure_base_new},   {"delta", figure_delta},   {"heat", figure_heat},
    {"confusion", figure_confusion},
};

int figures_build(struct plot **out, size_t *n, const struct figure_input *in, struct err *e)
{
    const char *kind = in->figure->kind ? in->figure->kind : figure_kinds[0].name;
    size_t b = 0;
    while (b < sizeof builders / sizeof builders[0] && !str_eq(builders[b].kind, kind))
        b++;
    BUG_IF(b == sizeof builders / sizeof builders[0]);
    *out = NULL;
    *n = 0;
    int rc = builders[b].build(out, n, in, e);
    for (size_t i = 0; i < *n && rc == 0; i++)
        figure_drop_empty(&(*out)[i]);
    return rc;
}

/* ---- release ---- */

void figure_cells_free(struct plot_cells *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->rows; i++)
        free(c->row_names[i]);
    for (size_t i = 0; i < c->columns; i++)
        free(c->column_names[i]);
    free(c->row_names);
    free(c->column_names);
    free(c->values);
    free(c->n);
    free(c->wanted);
    free(c);
}

static void panel_release(struct plot_panel *p)
{
    for (size_t i = 0; i < p->n; i++) {
        for (size_t k = 0; k < p->series[i].n; k++)
            free((char *)p->series[i].points[k].label);
        free((char *)p->series[i].label);
        free(p->series[i].points);
    }
    free((char *)p->title);
    free((char *)p->y_label);
    free(p->series);
    figure_cells_free(p->cells);
}

/* A figure without a point has no panels. */
void figure_drop_empty(struct plot *p)
{
    size_t points = 0;
    for (size_t i = 0; i < p->n; i++)
        points += p->panels[i].n + (p->panels[i].cells != NULL);
    if (points)
        return;
    for (size_t i = 0; i < p->n; i++)
        panel_release(&p->panels[i]);
    p->n = 0;
}

void figures_free(struct plot *plots, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < plots[i].n; j++)
            panel_release(&plots[i].panels[j]);
        free(plots[i].panels);
        free((char *)plots[i].name);
        free((char *)plots[i].title);
        free((char *)plots[i].x_label);
        free((char *)plots[i].y_label);
        free((char *)plots[i].y2_label);
        free((char *)plots[i].scale);
        free((char *)plots[i].font);
        free((char *)plots[i].caption);
    }
    free(plots);
}
