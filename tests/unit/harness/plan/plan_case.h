/* A plan of a recipe with invented facts: what tests of plans share. */
#ifndef PROMPTGRID_TESTS_PLAN_CASE_H
#define PROMPTGRID_TESTS_PLAN_CASE_H

#include "harness/recipe/recipe_case.h"

#include "core/proto/spec.h"
#include "harness/plan/plan_facts.h"

/* The run's spec is whole, and its id is the spec's. */
static inline void assert_whole(const struct plan *p, size_t run)
{
    char id[HASH_HEX];
    struct err e = {0};
    json_t *spec = plan_spec(p, &p->runs[run]);
    assert_ok(spec_check(spec, &e), &e);
    spec_id(spec, id);
    assert_string_equal(p->runs[run].id, id);
    json_decref(spec);
}

#define TOP "recipe: x\nprotocol: few-shot\nbackbone: pocket\n"

/* What the fake store knows: the state of runs by their place in an earlier plan. */
struct fake {
    struct {
        char id[HASH_HEX];
        const char *state, *reason, *commit;
    } rows[16];
    size_t n;
    bool banks;           // are the files of banks there?
    const char *prompt;   // flaw of every prompt
    int shapes, families; // asked for
};

static inline int fake_state(void *arg, const char *id, struct store_state *out, struct err *e)
{
    struct fake *f = arg;
    (void)e;
    *out = (struct store_state){0};
    for (size_t i = 0; i < f->n; i++) {
        if (!str_eq(f->rows[i].id, id))
            continue;
        snprintf(out->state, sizeof out->state, "%s", f->rows[i].state);
        snprintf(out->commit, sizeof out->commit, "%s", f->rows[i].commit ? f->rows[i].commit : "");
        out->reason = f->rows[i].reason ? strdup(f->rows[i].reason) : NULL;
        out->seconds = 7;
    }
    return 0;
}

static inline int fake_flaw(void *arg, const struct plan_run *run, const char **flaw, struct err *e)
{
    const struct fake *f = arg;
    (void)e;
    if (str_eq(plan_text(run, "job"), "encode"))
        *flaw = f->banks ? NULL : "its file is gone";
    else
        *flaw = f->prompt;
    return 0;
}

/* Of CoOp on dtd at 16 shots something is known, with the context "known" something better. */
static inline int fake_shape(void *arg, const json_t *spec, struct store_cost *out, struct err *e)
{
    (void)e;
    ((struct fake *)arg)->shapes++;
    if (json_integer_value(json_object_get(spec, "shots")) == 16)
        *out = (struct store_cost){3, 2.5, 100, 10};
    return 0;
}

static inline int fake_family(void *arg, const json_t *spec, struct store_cost *out, struct err *e)
{
    const json_t *params = json_object_get(spec, "params");
    (void)e;
    ((struct fake *)arg)->families++;
    if (str_eq(json_string_value(json_object_get(params, "context")), "known"))
        *out = (struct store_cost){1, 4, 50, 5};
    return 0;
}

static inline void know(struct fake *f, const struct plan *p, size_t run, const char *state,
                        const char *reason, const char *commit)
{
    memcpy(f->rows[f->n].id, p->runs[run].id, HASH_HEX);
    f->rows[f->n].state = state;
    f->rows[f->n].reason = reason;
    f->rows[f->n++].commit = commit;
}

/* Datasets dtd (2820 training images) and sun397 (15880), the pocket backbone; caltech101 is not
 * there, and the split of eurosat is broken. */
static inline void build(struct plan *p, const char *recipe, struct fake *fake)
{
    struct err e = {0};
    char weights[] = "/w", merges[] = "/m", folder[] = "/d";
    struct plan_backbone backbones[] = {
        {.name = "pocket", .weights_path = weights, .merges_path = merges},
        {.name = "vit-b16"},
        {.name = "/some/folder/mine/", .weights_path = weights, .merges_path = merges},
    };
    struct plan_dataset datasets[] = {
        {.name = "dtd", .train = 2820, .folder = folder},
        {.name = "sun397", .train = 15880, .folder = folder},
        {.name = "caltech101"},
        {.name = "eurosat", .folder = folder},
    };
    for (int i = 0; i < 3; i++) {
        hash_bytes(backbones[i].weights, "weights", 7);
        hash_bytes(backbones[i].bpe, "bpe", 3);
    }
    for (int i = 0; i < 4; i++)
        hash_bytes(datasets[i].split, datasets[i].name, strlen(datasets[i].name));
    err_set(&backbones[1].problem, ERR_MISSING, "backbone 'vit-b16' was not found");
    err_set(&datasets[2].problem, ERR_MISSING, "dataset 'caltech101' was not found");
    err_set(&datasets[3].problem, ERR_PARSE, "dataset 'eurosat': no JSON");
    struct plan_facts facts = {.backbones = backbones,
                               .n_backbones = 3,
                               .datasets = datasets,
                               .n_datasets = 4,
                               .commit = "2222222222222222222222222222222222222222",
                               .arg = fake,
                               .state = fake_state,
                               .flaw = fake_flaw};
    assert_ok(plan_build(p, case_load(recipe), &facts, &e), &e);
}

static inline const char *key(const struct plan *p, size_t run, const char *name)
{
    int train = p->runs[run].needs[NEED_PROMPT];
    return str_eq(name, "train") && train >= 0 ? p->runs[train].id : plan_text(&p->runs[run], name);
}

#endif
