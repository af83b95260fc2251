/* What a recipe may say about figures: their kinds, and what they can show. */
#ifndef PROMPTGRID_HARNESS_FIGURE_KEYS_H
#define PROMPTGRID_HARNESS_FIGURE_KEYS_H

#include <stdbool.h>

/* What a figure can show of a run or of an epoch. */
enum figure_value {
    VALUE_BASE,
    VALUE_NEW,
    VALUE_H,
    VALUE_ACCURACY,
    VALUE_F1,
    VALUE_BASE_F1,
    VALUE_NEW_F1,
    VALUE_LOSS,
    VALUE_TRAIN,
    VALUE_LR,
    VALUE_RANK,
    VALUE_NUCLEAR,
    VALUE_ENERGY_1,
    VALUE_ENERGY_2,
    VALUE_ENERGY_4,
    VALUE_RANK_CHANGE,
    VALUE_NUCLEAR_CHANGE,
    VALUE_ENERGY_CHANGE_1,
    VALUE_ENERGY_CHANGE_2,
    VALUE_ENERGY_CHANGE_4,
    FIGURE_VALUES,
};

struct figure_value_row {
    const char *name;           // in recipes: "effective-rank"
    const char *word;           // in legends: "effective rank"
    const char *label;          // of an axis: "base accuracy (%)"
    const char *split, *stored; // of a run, in the store; NULL: none, or derived (H)
    const char *curve;          // of an epoch: the column; NULL: none, or derived (H)
    int at;                     // in the column's array, from 1; 0: the column is a number
    double scale;               // from the store to print
    double least;               // smallest range that an axis shows
};
extern const struct figure_value_row figure_values[FIGURE_VALUES];
int figure_value_find(const char *name); // -1 if unknown
/* Can a figure over epochs, or one of whole runs, show it? */
bool figure_value_fits(int value, bool epochs);

/* Keys of a `figure` block that a kind understands. */
enum {
    FIGURE_X = 1,
    FIGURE_Y2 = 2,
    FIGURE_SERIES = 4,
    FIGURE_PANEL = 8,
    FIGURE_BASELINE = 16,
    FIGURE_PUBLISHED = 32,
};

struct figure_kind {
    const char *name, *about;
    unsigned takes, needs; // keys, beside those of every kind
    bool any_x;            // x may be an axis without numbers
    bool epochs;           // y is about epochs; the curve is read
    bool predictions;      // predictions and true classes are read
    const char *y;         // preset; NULL = by the protocol
};
extern const struct figure_kind figure_kinds[]; // ends with a NULL name; the first is the preset
const struct figure_kind *figure_kind_find(const char *name); // NULL if unknown

#endif
