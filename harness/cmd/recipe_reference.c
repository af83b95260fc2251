/* Every key of a recipe: see recipe_reference.h. Only what no table says is written here. */
#include "harness/cmd/recipe_reference.h"

#include "core/base/mem.h"
#include "core/data/catalogue.h"
#include "core/proto/method_keys.h"
#include "harness/recipe/figure_keys.h"
#include "harness/recipe/grid.h"
#include "harness/recipe/recipe_output.h"
#include "harness/recipe/slurm_config.h"
#include "results/table.h"

#include <stdlib.h>
#include <string.h>

static const struct page_columns keys = {"key", "values", "default", "meaning"};
static const struct page_columns names = {"name", NULL, NULL, "meaning"};

/* "a|b|c" as "a, b, c"; yours to free(). */
static char *spread(const char *choices)
{
    struct str out = STR_INIT;
    for (; *choices; choices++)
        str_add(&out, *choices == '|' ? ", " : (char[]){*choices, 0});
    return str_detach(&out);
}

static void describe(void *arg, const char *name, const char *values, const char *preset,
                     const char *help)
{
    struct page *p = arg;
    char *shown = spread(values);
    p->format->term(p, &(struct page_term){name, shown, preset, help});
    free(shown);
}

/* A row of the tables that check axes and methods' parameters. */
static void key_term(struct page *p, const struct method_key *k)
{
    static const char *const types[] = {
        [KEY_INT] = "whole number", [KEY_REAL] = "number", [KEY_TEXT] = "text"};
    char *values = k->type == KEY_CHOICE ? spread(k->choices)
                   : k->type == KEY_TEXT
                       ? mem_strdup(types[KEY_TEXT])
                       : str_format("%s from %.15g to %.15g", types[k->type], k->min, k->max);
    p->format->term(p, &(struct page_term){k->name, values, k->preset, k->help});
    free(values);
}

static void add_file(struct page *p)
{
    p->format->heading(p, 1, "File");
    p->format->text(p, "A recipe is a YAML file. Its grid is the product of its axes: a list is an "
                       "axis, also of a method's parameter. Unknown keys, wrong types, values out "
                       "of bounds and duplicate keys are refused with file, line and column before "
                       "anything runs. This one trains 12 prompts:");
    p->format->code(p, "recipe: small\n"
                       "about: CoOp and RLP on two small datasets\n"
                       "protocol: few-shot\n"
                       "backbone: pocket\n"
                       "dataset: [pocket-land, pocket-shapes]\n"
                       "shots: 16\n"
                       "seed: [1, 2]\n"
                       "method:\n"
                       "  - zero-shot\n"
                       "  - coop: {context: a photo of a, epochs: 50}\n"
                       "  - rlp: {rank: [1, 2], epochs: 50}\n"
                       "table: [{name: main, metrics: [accuracy]}]\n");
    p->format->terms(p, &keys);
    recipe_keys_describe(describe, p);
    p->format->text(p, "A parameter of a method may also stand at the top, as the default of every "
                       "method that has it.");
}

static void add_axes(struct page *p)
{
    p->format->heading(p, 1, "Axes");
    p->format->terms(p, &keys);
    for (const struct method_key *k = axis_rows; k->name; k++)
        key_term(p, k);
}

static void add_rules(struct page *p)
{
    p->format->heading(p, 1, "Conditions, pairs and unions");
    p->format->text(p, "'when' changes settings under a condition, 'exclude' leaves combinations "
                       "out, 'zip' lets axes go in step instead of multiplying, and 'grids' makes "
                       "a union: this recipe, with some keys given again.");
    p->format->code(p, "when:    [{if: {dataset: imagenet}, set: {epochs: 50}}]\n"
                       "exclude: [{method: rlp, rank: 4, dataset: imagenet}]\n"
                       "zip:     {shots: [1, 16], epochs: [50, 200]}\n"
                       "grids:   [{protocol: base-to-new}, {protocol: few-shot, shots: [1, 4]}]\n");
}

static void add_outputs(struct page *p)
{
    p->format->heading(p, 1, "Tables");
    p->format->text(p, "Keys of an entry of 'table'. Without one there is a table for each "
                       "protocol.");
    p->format->terms(p, &keys);
    output_describe(false, describe, p);
    struct str metrics = STR_INIT;
    for (size_t i = 0; table_metric_name(i); i++)
        str_addf(&metrics, "%s%s", i ? ", " : "Metrics: ", table_metric_name(i));
    str_addc(&metrics, '.');
    p->format->text(p, metrics.data);
    str_release(&metrics);
    p->format->heading(p, 1, "Figures");
    p->format->text(p, "Keys of an entry of 'figure'.");
    p->format->terms(p, &keys);
    output_describe(true, describe, p);
    p->format->heading(p, 2, "Kinds of figures");
    p->format->terms(p, &names);
    for (const struct figure_kind *k = figure_kinds; k->name; k++)
        p->format->term(p, &(struct page_term){.name = k->name, .help = k->about});
    p->format->heading(p, 2, "Metrics of figures");
    p->format->terms(p, &names);
    for (int i = 0; i < FIGURE_VALUES; i++)
        p->format->term(
            p, &(struct page_term){.name = figure_values[i].name, .help = figure_values[i].word});
}

static void add_slurm(struct page *p)
{
    p->format->heading(p, 1, "Slurm");
    p->format->text(p, "Keys of 'slurm', which say what the cluster wants to be told. The file "
                       "slurm.yaml of the workspace holds the same keys for all recipes; those of "
                       "the recipe come first.");
    p->format->terms(p, &keys);
    slurm_config_describe(describe, p);
}

static void add_methods(struct page *p)
{
    p->format->heading(p, 1, "Methods");
    p->format->text(p, "A method without a default for a key that it needs takes the dataset's, "
                       "as its paper does.");
    for (const struct method_row *m = method_rows; m->name; m++) {
        char *about = str_format("%s: %s.", m->label, m->about);
        p->format->heading(p, 2, m->name);
        p->format->text(p, about);
        p->format->terms(p, &keys);
        for (const struct method_key *k = m->keys; k->name; k++)
            key_term(p, k);
        free(about);
    }
}

static void add_names(struct page *p)
{
    p->format->heading(p, 1, "Backbones");
    p->format->terms(p, &names);
    for (const struct backbone_row *b = backbone_rows; b->name; b++)
        p->format->term(p, &(struct page_term){.name = b->name, .help = b->label});
    p->format->heading(p, 1, "Datasets");
    p->format->terms(p, &names);
    for (const struct dataset_row *d = dataset_rows; d->name; d++)
        p->format->term(p, &(struct page_term){.name = d->name, .help = d->label});
    p->format->heading(p, 2, "Sets of datasets");
    p->format->terms(p, &names);
    for (const char *const *set = dataset_set_names(); *set; set++) {
        struct str members = STR_INIT;
        for (const char *const *one = dataset_set_find(*set); *one; one++)
            str_addf(&members, "%s%s", members.size ? ", " : "", *one);
        p->format->term(p, &(struct page_term){.name = *set, .help = members.data});
        str_release(&members);
    }
}

void recipe_reference(struct page *p)
{
    p->format->title(p, "promptgrid-recipe", 5, "the file that describes a grid of experiments");
    add_file(p);
    add_axes(p);
    add_rules(p);
    add_outputs(p);
    add_slurm(p);
    add_methods(p);
    add_names(p);
}
