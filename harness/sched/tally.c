/* See tally.h. */
#include "harness/sched/tally.h"

#include "core/base/mem.h"
#include "core/data/catalogue.h"
#include "harness/plan/label.h"
#include "harness/recipe/recipe.h"

#include <stdlib.h>

void tally_init(struct tally *t, const struct plan *p)
{
    static const char *const ignore[] = {"shots", "seed", "protocol", NULL};
    static const char *const columns[] = {"dataset", "shots", NULL};
    size_t n = p->recipe->n;
    const struct grid_run **grid = mem_zero(n + 1, sizeof *grid);
    *t = (struct tally){.plan = p, .cell = mem_zero(n + 1, sizeof *t->cell)};
    for (size_t i = 0; i < n; i++)
        grid[i] = &p->recipe->runs[i];
    char **labels = labels_in_columns(grid, n, columns, ignore);
    for (size_t i = 0; i < n; i++) { // the methods' number first: cells are counted in it
        t->cell[i] = map_add_text(&t->methods, labels[i], NULL);
        free(labels[i]);
    }
    for (size_t i = 0; i < n; i++)
        t->cell[i] +=
            t->methods.n * map_add_text(&t->datasets, dataset_label(grid[i]->dataset), NULL);
    free(labels);
    free(grid);
}

void tally_release(struct tally *t)
{
    map_release(&t->datasets);
    map_release(&t->methods);
    free(t->cell);
    *t = (struct tally){0};
}

static void put_cell(struct str *out, const char *text, size_t width)
{
    str_pad(out, 2 + width - str_columns(text), ' ');
    str_add(out, text);
}

static size_t width_of(const struct tally *t, size_t method)
{
    size_t label = str_columns(map_text(&t->methods, method));
    return label > 9 ? label : 9; // "9999/9999"
}

static size_t widest_dataset(const struct tally *t)
{
    size_t widest = 0;
    for (size_t d = 0; d < t->datasets.n; d++)
        if (str_columns(map_text(&t->datasets, d)) > widest)
            widest = str_columns(map_text(&t->datasets, d));
    return widest;
}

/* The method after the last that fits beside `from`, which always does. */
static size_t block_end(const struct tally *t, size_t from, size_t columns)
{
    size_t used = widest_dataset(t) + 2 + width_of(t, from), m = from + 1;
    for (; m < t->methods.n; m++) {
        used += 2 + width_of(t, m);
        if (columns && used > columns)
            break;
    }
    return m;
}

size_t tally_lines(const struct tally *t, size_t columns)
{
    size_t blocks = 0;
    for (size_t m = 0; m < t->methods.n; m = block_end(t, m, columns))
        blocks++;
    return blocks * (1 + t->datasets.n);
}

static void put_block(const struct tally *t, size_t (*counts)[2], size_t from, size_t to,
                      struct str *out)
{
    const size_t first = widest_dataset(t);
    str_pad(out, first, ' ');
    for (size_t m = from; m < to; m++)
        put_cell(out, map_text(&t->methods, m), width_of(t, m));
    str_addc(out, '\n');
    for (size_t d = 0; d < t->datasets.n; d++) {
        str_add(out, map_text(&t->datasets, d));
        str_pad(out, first - str_columns(map_text(&t->datasets, d)), ' ');
        for (size_t m = from; m < to; m++) {
            const size_t *count = counts[d * t->methods.n + m];
            char *text = count[1] ? str_format("%zu/%zu", count[0], count[1]) : mem_strdup("-");
            put_cell(out, text, width_of(t, m));
            free(text);
        }
        str_addc(out, '\n');
    }
}

void tally_put(const struct tally *t, const bool *done, size_t columns, struct str *out)
{
    size_t(*counts)[2] = mem_zero(t->datasets.n * t->methods.n + 1, sizeof *counts);
    for (size_t i = 0; i < t->plan->recipe->n; i++) {
        counts[t->cell[i]][0] += done[t->plan->of[i]];
        counts[t->cell[i]][1]++;
    }
    for (size_t m = 0, end; m < t->methods.n; m = end) {
        end = block_end(t, m, columns);
        put_block(t, counts, m, end, out);
    }
    free(counts);
}
