/*
 * Grid and facts -> plan. Pure: it touches no file and starts nothing, so it is tested alone.
 * Train jobs are resolved first, because a bank is wanted only by a train job that is.
 */
#include "harness/plan.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"
#include "harness/plan_facts.h"
#include "harness/recipe.h"

#include <stdlib.h>
#include <string.h>

const char *const plan_state_names[] = {
    [PLAN_DONE] = "done", [PLAN_WANTED] = "wanted", [PLAN_BLOCKED] = "blocked"};

struct building {
    const struct plan_facts *facts;
    struct plan_run *banks, *trains;
    size_t n_banks, bank_capacity, n_trains;
    json_t *index; // id -> its index among the banks or the trains
};

static const struct plan_backbone *find_backbone(const struct plan_facts *f, const char *name)
{
    for (size_t i = 0; i < f->n_backbones; i++)
        if (str_eq(f->backbones[i].name, name))
            return &f->backbones[i];
    BUG("no facts about backbone '%s'", name);
}

static const struct plan_dataset *find_dataset(const struct plan_facts *f, const char *name)
{
    for (size_t i = 0; i < f->n_datasets; i++)
        if (str_eq(f->datasets[i].name, name))
            return &f->datasets[i];
    BUG("no facts about dataset '%s'", name);
}

/* ---- specs ---- */

/* A folder's own name, so that where it lies is no part of the run's identity. */
static char *backbone_name(const char *name)
{
    size_t n = strlen(name);
    while (n > 1 && name[n - 1] == '/')
        n--;
    char *trimmed = mem_strndup(name, n), *base = mem_strdup(fs_base(trimmed));
    free(trimmed);
    return base;
}

/* Everything but the hashes of files. */
static json_t *partial_spec(const struct grid_run *r)
{
    const struct dataset_row *dataset = dataset_find(r->dataset);
    const struct method_row *method = method_find(r->method);
    json_t *params = json_copy(r->params);
    if (method_key_find(method, "template") && !json_object_get(params, "template") && dataset)
        json_object_set_new(params, "template", json_string(dataset->template_));
    char *backbone = backbone_name(r->backbone);
    json_t *spec =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:o}", "version",
                  SPEC_VERSION, "job", "train", "backbone", backbone, "dataset", r->dataset,
                  "precision", r->precision, "views", r->views, "protocol", r->protocol, "method",
                  r->method, "shots", r->shots, "seed", r->seed, "params", params);
    BUG_IF(!spec);
    free(backbone);
    return spec;
}

static void add_hashes(json_t *spec, const struct plan_backbone *b, const struct plan_dataset *d)
{
    json_object_set_new(spec, "weights", json_string(b->weights));
    json_object_set_new(spec, "bpe", json_string(b->bpe));
    json_object_set_new(spec, "split", json_string(d->split));
}

/* ---- states ---- */

static char *reason(const struct store_state *s)
{
    if (!*s->state)
        return mem_strdup("no result");
    if (str_eq(s->state, "failed"))
        return str_format("failed before: %s", s->reason ? s->reason : s->class_);
    if (str_eq(s->state, "cancelled"))
        return mem_strdup("cancelled before");
    if (str_eq(s->state, "lost"))
        return mem_strdup("lost: its scheduler died");
    return mem_strdup("running now");
}

/* What the store knows of the run: its state and why. */
static int judge(const struct plan_facts *f, struct plan_run *run, struct err *e)
{
    struct store_state s = {0};
    if (f->state(f->arg, run->id, &s, e) < 0)
        return e->code;
    if (str_eq(s.state, "done")) {
        run->state = PLAN_DONE;
        run->seconds = s.seconds;
        bool other = *s.commit && *f->commit && !str_eq(s.commit, f->commit);
        run->why =
            other ? str_format("done; code changed since: %.10s", s.commit) : mem_strdup("done");
    } else {
        run->state = PLAN_WANTED;
        run->why = reason(&s);
    }
    store_state_release(&s);
    return 0;
}

static void block(struct plan_run *run, const struct grid_run *r, const struct plan_backbone *b,
                  const struct plan_dataset *d)
{
    const struct {
        const char *what, *name;
        int code;
    } problems[] = {{"backbone", r->backbone, b->problem.code},
                    {"dataset", r->dataset, d->problem.code}};
    struct str why = STR_INIT;
    for (int i = 0; i < 2; i++)
        if (problems[i].code)
            str_addf(&why, "%s%s: %s '%s'", why.size ? "; " : "",
                     problems[i].code == ERR_MISSING ? "missing" : "unusable", problems[i].what,
                     problems[i].name);
    run->state = PLAN_BLOCKED;
    run->why = str_detach(&why);
}

/* ---- runs ---- */

static int add_bank(struct building *b, const struct plan_run *train, const char *part,
                    size_t images)
{
    struct plan_run bank = {.spec = spec_bank(train->spec, part, images), .needs = NO_NEEDS};
    spec_id(bank.spec, bank.id);
    const json_t *known = json_object_get(b->index, bank.id);
    if (known) {
        json_decref(bank.spec);
        return (int)json_integer_value(known);
    }
    bank.weights = mem_strdup(train->weights);
    bank.merges = mem_strdup(train->merges);
    bank.folder = mem_strdup(train->folder);
    json_object_set_new(b->index, bank.id, json_integer((json_int_t)b->n_banks));
    MEM_PUSH(b->banks, b->n_banks, b->bank_capacity) = bank;
    return (int)b->n_banks - 1;
}

/* 1 when the run was added, 0 when an earlier one is the same. */
static int add_train(struct building *b, const struct grid_run *r, struct err *e)
{
    const struct plan_backbone *backbone = find_backbone(b->facts, r->backbone);
    const struct plan_dataset *dataset = find_dataset(b->facts, r->dataset);
    const struct method_row *method = method_find(r->method);
    struct plan_run *run = &b->trains[b->n_trains];
    *run = (struct plan_run){.spec = partial_spec(r), .needs = NO_NEEDS};
    if (backbone->problem.code || dataset->problem.code) {
        block(run, r, backbone, dataset);
        b->n_trains++;
        return 1;
    }
    add_hashes(run->spec, backbone, dataset);
    spec_id(run->spec, run->id);
    if (json_object_get(b->index, run->id)) {
        json_decref(run->spec);
        return 0;
    }
    json_object_set_new(b->index, run->id, json_integer((json_int_t)b->n_trains));
    b->n_trains++; // from here on it is freed with the others
    run->weights = mem_strdup(backbone->weights_path);
    run->merges = mem_strdup(backbone->merges_path);
    run->folder = mem_strdup(dataset->folder);
    if (judge(b->facts, run, e) < 0)
        return e->code;
    if (method->trains)
        run->needs[NEED_TRAIN_BANK] = add_bank(b, run, "train", dataset->train);
    run->needs[NEED_TEST_BANK] = add_bank(b, run, "test", dataset->test);
    if (method_validates(method))
        run->needs[NEED_VAL_BANK] = add_bank(b, run, "val", dataset->val);
    return 1;
}

/* A bank is wanted when a wanted run reads it and its row or its file is not there. */
static int judge_banks(struct building *b, struct err *e)
{
    bool *needed = mem_zero(b->n_banks + 1, sizeof *needed);
    int rc = 0;
    for (size_t i = 0; i < b->n_trains; i++)
        for (int k = 0; k < NEEDS; k++)
            if (b->trains[i].state == PLAN_WANTED && b->trains[i].needs[k] >= 0)
                needed[b->trains[i].needs[k]] = true;
    for (size_t i = 0; i < b->n_banks && rc == 0; i++) {
        struct plan_run *bank = &b->banks[i];
        rc = judge(b->facts, bank, e);
        if (rc < 0)
            break;
        bool whole = bank->state == PLAN_DONE && b->facts->has_bank(b->facts->arg, bank->id);
        const char *why = needed[i] && bank->state == PLAN_DONE && !whole ? "its file is gone"
                          : !needed[i] && !whole ? "not needed: its runs are done"
                                                 : NULL;
        if (!why)
            continue;
        bank->state = needed[i] ? PLAN_WANTED : PLAN_DONE;
        free(bank->why);
        bank->why = mem_strdup(why);
    }
    free(needed);
    return rc;
}

/* Seeds come side by side and cost the same. */
static bool differ_in_seed_only(const json_t *a, const json_t *b)
{
    const char *name;
    json_t *value;
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach((json_t *)a, name, value)
    {
        if (!str_eq(name, "seed") && !json_equal(value, json_object_get(b, name)))
            return false;
    }
    return true;
}

static int expect_seconds(struct plan *p, const struct plan_facts *f, struct err *e)
{
    const struct plan_run *last = NULL;
    for (size_t i = 0; i < p->n; i++) {
        struct plan_run *run = &p->runs[i];
        if (run->state != PLAN_WANTED)
            continue;
        if (last && differ_in_seed_only(last->spec, run->spec))
            run->seconds = last->seconds;
        else if (f->seconds(f->arg, run->spec, &run->seconds, e) < 0)
            return e->code;
        last = run;
    }
    return 0;
}

/* One line for each thing that cannot be used. */
static struct str *list_problems(const struct plan_facts *f)
{
    struct str *list = mem_zero(1, sizeof *list);
    *list = (struct str)STR_INIT;
    for (size_t i = 0; i < f->n_backbones; i++)
        if (f->backbones[i].problem.code)
            str_addf(list, "%s\n", f->backbones[i].problem.text);
    for (size_t i = 0; i < f->n_datasets; i++)
        if (f->datasets[i].problem.code)
            str_addf(list, "%s\n", f->datasets[i].problem.text);
    return list;
}

static void run_release(struct plan_run *run)
{
    json_decref(run->spec);
    free(run->why);
    free(run->weights);
    free(run->merges);
    free(run->folder);
}

/* The recipe's runs, less those that an earlier one equals. */
static int add_trains(struct building *b, struct recipe *recipe, struct err *e)
{
    size_t kept = 0;
    int rc = 0;
    b->trains = mem_zero(recipe->n + 1, sizeof *b->trains);
    for (size_t i = 0; i < recipe->n; i++) {
        struct grid_run run = recipe->runs[i];
        if (rc >= 0)
            rc = add_train(b, &run, e);
        recipe->runs[i] = recipe->runs[kept]; // swap: a dropped run is freed with the recipe
        recipe->runs[kept] = run;
        kept += rc != 0;
    }
    recipe_keep(recipe, kept);
    return rc < 0 ? rc : 0;
}

int plan_build(struct plan *p, struct recipe *recipe, const struct plan_facts *facts, struct err *e)
{
    struct building b = {.facts = facts, .index = json_object()};
    *p = (struct plan){.recipe = recipe, .missing = list_problems(facts)};
    int rc = add_trains(&b, recipe, e);
    if (rc == 0)
        rc = judge_banks(&b, e);
    p->banks = b.n_banks;
    p->n = b.n_banks + b.n_trains;
    p->runs = mem_zero(p->n + 1, sizeof *p->runs);
    for (size_t i = 0; i < p->n; i++) {
        p->runs[i] = i < p->banks ? b.banks[i] : b.trains[i - p->banks];
        p->done += p->runs[i].state == PLAN_DONE;
        p->wanted += p->runs[i].state == PLAN_WANTED;
        p->blocked += p->runs[i].state == PLAN_BLOCKED;
    }
    free(b.banks);
    free(b.trains);
    json_decref(b.index);
    if (rc == 0)
        rc = expect_seconds(p, facts, e);
    if (rc < 0)
        plan_release(p);
    return rc;
}

void plan_release(struct plan *p)
{
    for (size_t i = 0; i < p->n; i++)
        run_release(&p->runs[i]);
    free(p->runs);
    recipe_free(p->recipe);
    if (p->missing)
        str_release(p->missing);
    free(p->missing);
    *p = (struct plan){0};
}

/* ---- JSON ---- */

json_t *plan_json(const struct plan *p)
{
    static const char *const keys[] = {"job",   "dataset", "method",   "shots",  "seed",
                                       "state", "why",     "protocol", "params", "backbone",
                                       "views", "part",    "cover"};
    json_t *array = json_array();
    for (size_t i = 0; i < p->n; i++) {
        const struct plan_run *run = &p->runs[i];
        json_t *o = json_object(), *banks = json_array();
        json_object_set_new(o, "run", *run->id ? json_string(run->id) : json_null());
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            json_t *value = json_object_get(run->spec, keys[k]);
            json_object_set_new(o, keys[k], value ? json_incref(value) : json_null());
        }
        json_object_set_new(o, "state", json_string(plan_state_names[run->state]));
        json_object_set_new(o, "why", json_string(run->why));
        json_object_set_new(o, "seconds", json_real(run->seconds));
        for (int k = 0; k < NEEDS; k++)
            if (run->needs[k] >= 0)
                json_array_append_new(banks, json_string(p->runs[run->needs[k]].id));
        json_object_set_new(o, "banks", banks);
        json_array_append_new(array, o);
    }
    return array;
}
