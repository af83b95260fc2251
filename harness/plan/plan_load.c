/* The facts of a plan: each backbone and dataset of the recipe is looked at once, the store asked.
 */
#include "harness/plan/plan.h"

#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/split.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"
#include "harness/plan/plan_facts.h"
#include "harness/recipe/recipe.h"
#include "harness/system/revision.h"
#include "harness/plan/weights_sizes.h"
#include "harness/recipe/prompt_path.h"

#include <stdlib.h>
#include <string.h>

struct known {
    struct store *store; // NULL: nothing was ever run
    const char *workspace;
};

static int known_state(void *arg, const char *id, struct store_state *out, struct err *e)
{
    const struct known *k = arg;
    *out = (struct store_state){0};
    return k->store ? store_state(k->store, id, out, e) : 0;
}

/* The prompt against the hash that was recorded with it; banks are checked by who reads them. */
static int known_flaw(void *arg, const struct plan_run *run, const char **flaw, struct err *e)
{
    const struct known *k = arg;
    struct err unreadable = {0};
    char want[HASH_HEX] = "", found[HASH_HEX], *recorded = NULL;
    bool bank = str_eq(plan_text(run, "job"), "encode");
    char *path = str_format("%s/%s/%s%s", k->workspace, bank ? "banks" : "prompts", run->id,
                            bank ? ".bank" : ".safetensors");
    int rc = bank ? 0 : store_artifact(k->store, run->id, "prompt", &recorded, want, e);
    if (rc >= 0 && !fs_is_file(path))
        *flaw = bank ? "its file is gone" : "its result is gone";
    else if (rc >= 0 && !bank && (hash_file(found, path, &unreadable) < 0 || !str_eq(found, want)))
        *flaw = "its result is damaged"; // or cannot be read: made again in either case
    free(recorded);
    free(path);
    return rc < 0 ? rc : 0;
}

static void look_at_backbone(struct plan_backbone *b, const struct roots *roots)
{
    struct backbone_files files;
    if (roots_backbone(roots, b->name, &files, &b->problem) < 0)
        return;
    b->weights_path = files.weights;
    b->merges_path = files.merges;
    if (hash_file(b->weights, files.weights, &b->problem) < 0 ||
        backbone_merges_hash(b->bpe, files.merges, &b->problem) < 0)
        err_wrap(&b->problem, "backbone '%s'", b->name);
    weights_sizes(&b->sizes, files.weights);
}

static bool trains_on(const struct grid_run *r, const char *dataset)
{
    return method_find(r->method)->trains && str_eq(grid_run_source(r), dataset);
}

/* Training images of each class; yours to free(). */
static int *count_images(const struct split *split)
{
    int *count = mem_zero((size_t)split->classes + 1, sizeof *count);
    for (size_t i = 0; i < split->part[SPLIT_TRAIN].n; i++)
        count[split->part[SPLIT_TRAIN].items[i].label]++;
    return count;
}

/* A class with fewer training images than shots is taken whole, as the reference does. */
static void warn_of_shots(const char *dataset, const struct split *split, int shots)
{
    int first = -1, *count = count_images(split);
    size_t few = 0;
    for (int k = split->classes - 1; k >= 0; k--)
        if (count[k] < shots) {
            first = k;
            few++;
        }
    if (few) {
        char *name = str_visible(split->names[first]);
        char *more = few > 1
                         ? str_format("it and %zu more of %d classes are", few - 1, split->classes)
                         : mem_strdup("it is");
        log_warn("dataset '%s': class '%s' has %d image%s, fewer than %d shots; %s taken whole",
                 dataset, name, count[first], count[first] == 1 ? "" : "s", shots, more);
        free(more);
        free(name);
    }
    free(count);
}

/* What is unusual about a dataset that can be used, each thing once. */
static void warn_of_dataset(const struct dataset_row *row, const struct split *split,
                            const struct recipe *r)
{
    int *seen = mem_alloc(r->n, sizeof *seen); // numbers of shots
    size_t n = 0;
    char *note = split_note(split, row);
    if (*note)
        log_warn("%s", note);
    for (size_t i = 0; i < r->n; i++) {
        size_t k = 0;
        if (!trains_on(&r->runs[i], row->name))
            continue;
        while (k < n && seen[k] != r->runs[i].shots)
            k++;
        if (k < n)
            continue;
        seen[n++] = r->runs[i].shots;
        warn_of_shots(row->name, split, r->runs[i].shots);
    }
    free(note);
    free(seen);
}

static void look_at_dataset(struct plan_dataset *d, const struct recipe *r,
                            const struct roots *roots)
{
    const struct dataset_row *row = dataset_find(d->name);
    struct split split;
    BUG_IF(!row);
    if (roots_dataset(roots, row, &d->folder, &d->problem) < 0)
        return;
    if (split_load(&split, row, d->folder, &d->problem) < 0) {
        err_wrap(&d->problem, "dataset '%s'", d->name);
        return;
    }
    if (split_check_classes(&split, row, &d->problem) < 0 || split_check(&split, &d->problem) < 0)
        err_wrap(&d->problem, "dataset '%s'", d->name);
    else
        warn_of_dataset(row, &split, r);
    memcpy(d->split, split.hash, HASH_HEX);
    d->train = split.part[SPLIT_TRAIN].n;
    d->val = split.part[SPLIT_VAL].n;
    d->test = split.part[SPLIT_TEST].n;
    d->classes = split.classes;
    d->class_images = count_images(&split);
    split_release(&split);
}

/* A target has no training images, here or anywhere. */
static int check_targets(const struct recipe *r, struct err *e)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct grid_run *run = &r->runs[i];
        const char *source = grid_run_source(run);
        if (dataset_is_target(dataset_find(source)) && trains_on(run, source))
            return err_set(e, ERR_PARSE,
                           "%s:%zu: '%s' is an evaluation target: it has no training images for "
                           "'%s'",
                           r->path, run->line, source, run->method);
    }
    return 0;
}

static void add_backbone(struct plan_facts *f, size_t *capacity, const char *name)
{
    for (size_t k = 0; k < f->n_backbones; k++)
        if (str_eq(f->backbones[k].name, name))
            return;
    MEM_PUSH(f->backbones, f->n_backbones, *capacity) = (struct plan_backbone){.name = name};
}

static void add_dataset(struct plan_facts *f, size_t *capacity, const char *name)
{
    for (size_t k = 0; k < f->n_datasets; k++)
        if (str_eq(f->datasets[k].name, name))
            return;
    MEM_PUSH(f->datasets, f->n_datasets, *capacity) = (struct plan_dataset){.name = name};
}

static void add_file(struct plan_facts *f, size_t *capacity, const struct grid_run *r)
{
    char *name = prompt_path(r);
    bool known = !name;
    for (size_t k = 0; k < f->n_files && !known; k++)
        known = str_eq(f->files[k].name, name);
    if (known)
        free(name);
    else
        MEM_PUSH(f->files, f->n_files, *capacity) = (struct plan_file){.name = name};
}

/* What the files of prompts are, whether the runs can be made of them, and what these are called.
 */
static int look_at_prompts(struct plan_facts *f, struct recipe *r, const char *workspace,
                           struct err *e)
{
    size_t capacity = 0;
    for (size_t i = 0; i < r->n; i++)
        add_file(f, &capacity, &r->runs[i]);
    int rc = plan_files_look(f->files, f->n_files, workspace, e);
    for (size_t i = 0; i < r->n && rc == 0 && f->n_files; i++) {
        struct grid_run *run = &r->runs[i];
        char *name = prompt_path(run);
        const struct plan_file *file = f->files;
        while (name && !str_eq(file->name, name))
            file++;
        // the parameters may be those of other runs too: the name of the first serves all
        if (name && (rc = plan_file_check(file, run, r->path, e)) == 0 && !file->problem.code &&
            !json_string_length(json_object_get(run->params, "name"))) {
            char *label = plan_file_label(file, run);
            json_object_set_new(run->params, "name", json_string(label));
            free(label);
        }
        free(name);
    }
    return rc;
}

static void look_at_files(struct plan_facts *f, const struct recipe *r, const struct roots *roots)
{
    size_t backbones = 0, datasets = 0;
    for (size_t i = 0; i < r->n; i++) {
        add_backbone(f, &backbones, r->runs[i].backbone);
        if (grid_run_is_eval(&r->runs[i]))
            add_dataset(f, &datasets, r->runs[i].source);
        add_dataset(f, &datasets, r->runs[i].dataset);
    }
    for (size_t i = 0; i < f->n_backbones; i++)
        look_at_backbone(&f->backbones[i], roots);
    for (size_t i = 0; i < f->n_datasets; i++)
        look_at_dataset(&f->datasets[i], r, roots);
}

static void facts_release(struct plan_facts *f)
{
    for (size_t i = 0; i < f->n_backbones; i++) {
        free(f->backbones[i].weights_path);
        free(f->backbones[i].merges_path);
    }
    for (size_t i = 0; i < f->n_datasets; i++) {
        free(f->datasets[i].folder);
        free(f->datasets[i].class_images);
    }
    for (size_t i = 0; i < f->n_files; i++)
        plan_file_release(&f->files[i]);
    free(f->backbones);
    free(f->datasets);
    free(f->files);
}

int plan_load(struct plan *p, const char *recipe_path, const struct roots *roots,
              struct store *store, const char *workspace, struct err *e)
{
    struct recipe *recipe;
    struct known known = {store, workspace};
    struct plan_facts facts = {.arg = &known, .state = known_state, .flaw = known_flaw};
    *p = (struct plan){0};
    if (recipe_load(&recipe, recipe_path, e) < 0)
        return e->code;
    if (check_targets(recipe, e) < 0) {
        recipe_free(recipe);
        return e->code;
    }
    if (store) { // with nothing done there is nothing to compare with
        struct revision now;
        revision_read(&now, roots->home);
        memcpy(facts.commit, now.commit, sizeof facts.commit);
        revision_release(&now);
    }
    struct roots here = *roots; // weights may be in this workspace
    here.workspace = (char *)workspace;
    int rc = look_at_prompts(&facts, recipe, workspace, e);
    if (rc == 0) {
        look_at_files(&facts, recipe, &here);
        rc = store_snapshot(store, recipe->n, e);
    }
    if (rc < 0) {
        recipe_free(recipe);
    } else {
        rc = plan_build(p, recipe, &facts, e);
        store_snapshot_end(store);
    }
    facts_release(&facts);
    return rc;
}
