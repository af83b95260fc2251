/* Kinds of figures and what they can show: see figure.h. Add a kind: one row here, one builder in
 * figure_NAME.c. */
#include "harness/figure.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/figure_place.h"

#include <stdlib.h>

const struct figure_value_row figure_values[FIGURE_VALUES] = {
    [VALUE_BASE] = {"base", "base", "base accuracy (%)", "base", "accuracy", "base", 0, 1, 2},
    [VALUE_NEW] = {"new", "new", "new accuracy (%)", "new", "accuracy", "new", 0, 1, 2},
    [VALUE_H] = {"H", "H", "harmonic mean H (%)", NULL, NULL, NULL, 0, 1, 2},
    [VALUE_ACCURACY] = {"accuracy", "accuracy", "accuracy (%)", "test", "accuracy", "test", 0, 1,
                        2},
    [VALUE_F1] = {"macro-F1", "macro F1", "macro F1 (%)", "test", "macro_f1", NULL, 0, 1, 2},
    [VALUE_BASE_F1] = {"base-F1", "base F1", "base macro F1 (%)", "base", "macro_f1", NULL, 0, 1,
                       2},
    [VALUE_NEW_F1] = {"new-F1", "new F1", "new macro F1 (%)", "new", "macro_f1", NULL, 0, 1, 2},
    [VALUE_LOSS] = {"loss", "loss", "training loss", NULL, NULL, "loss", 0, 1, 0},
    [VALUE_TRAIN] = {"train", "training", "training accuracy (%)", NULL, NULL, "accuracy", 0, 1, 2},
    [VALUE_LR] = {"lr", "learning rate", "learning rate", NULL, NULL, "lr", 0, 1, 0},
    [VALUE_RANK] = {"effective-rank", "effective rank", "effective rank", NULL, NULL,
                    "effective_rank", 0, 1, 0.1},
    [VALUE_NUCLEAR] = {"nuclear", "nuclear norm", "nuclear norm", NULL, NULL, "nuclear", 0, 1, 0},
    [VALUE_ENERGY_1] = {"energy-1", "top-1 energy", "top-1 energy (%)", NULL, NULL, "energy", 1,
                        100, 2},
    [VALUE_ENERGY_2] = {"energy-2", "top-2 energy", "top-2 energy (%)", NULL, NULL, "energy", 2,
                        100, 2},
    [VALUE_ENERGY_4] = {"energy-4", "top-4 energy", "top-4 energy (%)", NULL, NULL, "energy", 4,
                        100, 2},
    [VALUE_RANK_CHANGE] = {"effective-rank-change", "effective rank of the change",
                           "effective rank of the change", NULL, NULL, "effective_rank_change", 0,
                           1, 0.1},
    [VALUE_NUCLEAR_CHANGE] = {"nuclear-change", "nuclear norm of the change",
                              "nuclear norm of the change", NULL, NULL, "nuclear_change", 0, 1, 0},
    [VALUE_ENERGY_CHANGE_1] = {"energy-change-1", "top-1 energy of the change",
                               "top-1 energy of the change (%)", NULL, NULL, "energy_change", 1,
                               100, 2},
    [VALUE_ENERGY_CHANGE_2] = {"energy-change-2", "top-2 energy of the change",
                               "top-2 energy of the change (%)", NULL, NULL, "energy_change", 2,
                               100, 2},
    [VALUE_ENERGY_CHANGE_4] = {"energy-change-4", "top-4 energy of the change",
                               "top-4 energy of the change (%)", NULL, NULL, "energy_change", 4,
                               100, 2},
};

int figure_value_find(const char *name)
{
    for (int v = 0; v < FIGURE_VALUES; v++)
        if (str_eq(figure_values[v].name, name))
            return v;
    return -1;
}

bool figure_value_fits(int value, bool epochs)
{
    const struct figure_value_row *row = &figure_values[value];
    return value == VALUE_H || (epochs ? row->curve != NULL : row->split != NULL);
}

const struct figure_kind figure_kinds[] = {
    {"curve", "y against shots, rank or another number; runs without it are lines",
     FIGURE_X | FIGURE_Y2 | FIGURE_SERIES | FIGURE_PANEL, FIGURE_X, .build = figure_curve},
    {"epochs", "loss, effective rank, energy or probed accuracies over the epochs, on two axes",
     FIGURE_Y2 | FIGURE_SERIES | FIGURE_PANEL, 0, .epochs = true, .y = "loss",
     .build = figure_epochs},
    {"parameters", "y against trained parameters, with published methods as named points",
     FIGURE_PANEL | FIGURE_PUBLISHED, 0, .build = figure_parameters},
    {"base-new", "new against base accuracy, with published methods and lines of equal H",
     FIGURE_PANEL | FIGURE_PUBLISHED, 0, .y = "H", .build = figure_base_new},
    {"delta", "difference from a baseline method, a bar for each dataset, sorted", FIGURE_BASELINE,
     FIGURE_BASELINE, .build = figure_delta},
    {"heat", "a cell for each value of x and series", FIGURE_X | FIGURE_SERIES | FIGURE_PANEL,
     FIGURE_X | FIGURE_SERIES, .any_x = true, .build = figure_heat},
    {"confusion", "true against predicted classes of the test images", FIGURE_SERIES | FIGURE_PANEL,
     0, .predictions = true, .build = figure_confusion},
    {0},
};

const struct figure_kind *figure_kind_find(const char *name)
{
    for (const struct figure_kind *k = figure_kinds; k->name; k++)
        if (str_eq(k->name, name))
            return k;
    return NULL;
}

int figures_build(struct plot **out, size_t *n, const struct figure_input *in, struct err *e)
{
    const struct figure_kind *kind =
        in->figure->kind ? figure_kind_find(in->figure->kind) : &figure_kinds[0];
    BUG_IF(!kind);
    *out = NULL;
    *n = 0;
    int rc = kind->build(out, n, in, e);
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
