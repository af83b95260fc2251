/* Kinds of figures and what they can show: see figure_keys.h. A new kind is one row here, and one
 * builder with its row in figure.c. */
#include "harness/recipe/figure_keys.h"

#include "core/base/str.h"

#include <stddef.h>

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
     FIGURE_X | FIGURE_Y2 | FIGURE_SERIES | FIGURE_PANEL, .needs = FIGURE_X},
    {"epochs", "loss, effective rank, energy or probed accuracies over the epochs, on two axes",
     FIGURE_Y2 | FIGURE_SERIES | FIGURE_PANEL, 0, .epochs = true, .y = "loss"},
    {"parameters", "y against trained parameters, with published methods as named points",
     FIGURE_PANEL | FIGURE_PUBLISHED, .needs = 0},
    {"base-new", "new against base accuracy, with published methods and lines of equal H",
     FIGURE_PANEL | FIGURE_PUBLISHED, 0, .y = "H"},
    {"delta", "difference from a baseline method, a bar for each dataset, sorted", FIGURE_BASELINE,
     .needs = FIGURE_BASELINE},
    {"heat", "a cell for each value of x and series", FIGURE_X | FIGURE_SERIES | FIGURE_PANEL,
     FIGURE_X | FIGURE_SERIES, .any_x = true},
    {"confusion", "true against predicted classes of the test images", FIGURE_SERIES | FIGURE_PANEL,
     0, .predictions = true},
    {0},
};

const struct figure_kind *figure_kind_find(const char *name)
{
    for (const struct figure_kind *k = figure_kinds; k->name; k++)
        if (str_eq(k->name, name))
            return k;
    return NULL;
}
