/*
 * Grid and facts -> plan. Pure: it touches no file and starts nothing, so it is tested alone.
 *
 * What is wanted is resolved from the end: an evaluation wants the training run whose prompt it
 * reads, and a run wants its banks, only if it is wanted itself.
 */
#include "harness/plan.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"
#include "harness/plan_facts.h"
#include "harness/plan_spec.h"
#include "harness/recipe.h"

#include <stdlib.h>
#include <string.h>

const char *const plan_state_names[] = {
    [PLAN_DONE] = "done", [PLAN_WANTED] = "wanted", [PLAN_BLOCKED] = "blocked"};

struct runs {
    struct plan_run *items;
    size_t n, capacity;
};

enum stage { STAGE_ENCODE, STAGE_TRAIN, STAGE_EVAL, STAGES }; // the order of the plan's runs

/* A run before the plan has its order. */
struct place {
    enum stage stage;
    size_t at;
};

struct building {
    const struct plan_facts *facts;
    struct runs runs[STAGES];
    json_t *index;       // id -> its index within its stage
    struct place *wants; // (recipe->n) what each of the recipe's runs stands for
};

static void run_release(struct plan_run *run)
{
    json_decref(run->spec);
    free(run->why);
    free(run->weights);
    free(run->merges);
    free(run->folder);
}

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

static void add_problem(struct str *why, const char *what, const char *name, const struct err *e)
{
    if (e->code)
        str_addf(why, "%s%s: %s '%s'", why->size ? "; " : "",
                 e->code == ERR_MISSING ? "missing" : "unusable", what, name);
}

/* Why `r` cannot run here, yours to free(); NULL when it can. */
static char *find_problems(const struct plan_facts *f, const struct grid_run *r)
{
    struct str why = STR_INIT;
    add_problem(&why, "backbone", r->backbone, &find_backbone(f, r->backbone)->problem);
    if (grid_run_is_eval(r))
        add_problem(&why, "dataset", r->source, &find_dataset(f, r->source)->problem);
    add_problem(&why, "dataset", r->dataset, &find_dataset(f, r->dataset)->problem);
    if (why.size)
        return str_detach(&why);
    str_release(&why);
    return NULL;
}

/* ---- runs ---- */

/* The run of this id within its stage, or -1. */
static int find_run(const struct building *b, const char *id)
{
    const json_t *known = json_object_get(b->index, id);
    return known ? (int)json_integer_value(known) : -1;
}

static int push_run(struct building *b, enum stage stage, struct plan_run run)
{
    struct runs *runs = &b->runs[stage];
    if (*run.id)
        json_object_set_new(b->index, run.id, json_integer((json_int_t)runs->n));
    MEM_PUSH(runs->items, runs->n, runs->capacity) = run;
    return (int)runs->n - 1;
}

static int add_bank(struct building *b, const struct plan_run *reader, const char *part,
                    size_t images)
{
    if (method_find(spec_get_text(reader->spec, "method"))->needs & METHOD_PIXELS)
        return -1;
    struct plan_run bank = {
        .spec = spec_bank(reader->spec, part, images), .needs = NO_NEEDS, .parameters = -1};
    spec_id(bank.spec, bank.id);
    int known = find_run(b, bank.id);
    if (known >= 0) {
        json_decref(bank.spec);
        return known;
    }
    bank.weights = mem_strdup(reader->weights);
    bank.merges = mem_strdup(reader->merges);
    bank.folder = mem_strdup(reader->folder);
    return push_run(b, STAGE_ENCODE, bank);
}

/* A run with its files, whose spec is whole; takes the spec. */
static struct plan_run make_run(const struct plan_facts *f, const struct grid_run *r, json_t *spec,
                                const struct plan_dataset *d)
{
    const struct plan_backbone *backbone = find_backbone(f, r->backbone);
    struct plan_run run = {.spec = spec,
                           .grid = r,
                           .parameters = -1,
                           .needs = NO_NEEDS,
                           .weights = mem_strdup(backbone->weights_path),
                           .merges = mem_strdup(backbone->merges_path),
                           .folder = mem_strdup(d->folder)};
    spec_id(spec, run.id);
    return run;
}

/* The index of the run that trains `r`, added when it is new. */
static int add_train(struct building *b, const struct grid_run *r, const char *dataset,
                     struct err *e)
{
    const struct plan_dataset *d = find_dataset(b->facts, dataset);
    const struct method_row *method = method_find(r->method);
    json_t *spec = plan_train_spec(r, dataset);
    plan_spec_hashes(spec, find_backbone(b->facts, r->backbone), d);
    struct plan_run run = make_run(b->facts, r, spec, d);
    int known = find_run(b, run.id);
    if (known >= 0) {
        run_release(&run);
        return known;
    }
    run.parameters = plan_parameters(find_backbone(b->facts, r->backbone), d, run.spec);
    if (method->trains)
        run.needs[NEED_TRAIN_BANK] = add_bank(b, &run, "train", d->train);
    run.needs[NEED_TEST_BANK] = add_bank(b, &run, "test", d->test);
    if (method_validates(method))
        run.needs[NEED_VAL_BANK] = add_bank(b, &run, "val", d->val);
    int rc = judge(b->facts, &run, e), at = push_run(b, STAGE_TRAIN, run);
    return rc < 0 ? rc : at;
}

/* The index of the run that tests on `r->dataset` what was trained on `r->source`. */
static int add_eval(struct building *b, const struct grid_run *r, struct err *e)
{
    const struct plan_dataset *d = find_dataset(b->facts, r->dataset);
    int train = add_train(b, r, r->source, e);
    if (train < 0)
        return train;
    const struct plan_run *trained = &b->runs[STAGE_TRAIN].items[train];
    struct plan_run run =
        make_run(b->facts, r, plan_eval_spec(r, trained->spec, trained->id, d), d);
    int known = find_run(b, run.id);
    if (known >= 0) {
        run_release(&run);
        return known;
    }
    run.needs[NEED_TEST_BANK] = add_bank(b, &run, "test", d->test);
    run.needs[NEED_PROMPT] = train;
    int rc = judge(b->facts, &run, e), at = push_run(b, STAGE_EVAL, run);
    return rc < 0 ? rc : at;
}

/* A run that cannot run here: what is known of its spec, and why. */
static int add_blocked(struct building *b, const struct grid_run *r, char *why)
{
    bool eval = grid_run_is_eval(r);
    json_t *train = plan_train_spec(r, grid_run_source(r));
    json_t *spec = eval ? plan_eval_spec(r, train, NULL, NULL) : json_incref(train);
    json_decref(train);
    return push_run(b, eval ? STAGE_EVAL : STAGE_TRAIN,
                    (struct plan_run){.spec = spec,
                                      .grid = r,
                                      .needs = NO_NEEDS,
                                      .state = PLAN_BLOCKED,
                                      .why = why,
                                      .parameters = -1});
}

/* What `r` stands for. */
static int add_run(struct building *b, const struct grid_run *r, struct place *out, struct err *e)
{
    char *why = find_problems(b->facts, r);
    bool eval = grid_run_is_eval(r);
    int at = why    ? add_blocked(b, r, why)
             : eval ? add_eval(b, r, e)
                    : add_train(b, r, r->dataset, e);
    *out = (struct place){eval ? STAGE_EVAL : STAGE_TRAIN, (size_t)at};
    return at < 0 ? at : 0;
}

/* ---- what is needed ---- */

static void set_state(struct plan_run *run, enum plan_state state, const char *why)
{
    run->state = state;
    free(run->why);
    run->why = mem_strdup(why);
}

/* Mark what the wanted runs of `stage` need by one of needs[first..last]. */
static void mark(const struct building *b, enum stage stage, int first, int last, bool *needed)
{
    for (size_t i = 0; i < b->runs[stage].n; i++) {
        const struct plan_run *run = &b->runs[stage].items[i];
        for (int k = first; k <= last; k++)
            if (run->state == PLAN_WANTED && run->needs[k] >= 0)
                needed[run->needs[k]] = true;
    }
}

/* What the run made, when it is done: NULL while it is there and whole. */
static int find_flaw(const struct building *b, const struct plan_run *run, const char **flaw,
                     struct err *e)
{
    *flaw = NULL;
    return run->state == PLAN_DONE ? b->facts->flaw(b->facts->arg, run, flaw, e) : 0;
}

/* A training run is wanted for itself, or for the prompt that a wanted evaluation reads. */
static int judge_trains(struct building *b, size_t wants, struct err *e)
{
    struct runs *trains = &b->runs[STAGE_TRAIN];
    bool *needed = mem_zero(trains->n + 1, sizeof *needed);
    bool *asked = mem_zero(trains->n + 1, sizeof *asked);
    int rc = 0;
    mark(b, STAGE_EVAL, NEED_PROMPT, NEED_PROMPT, needed);
    for (size_t i = 0; i < wants; i++)
        if (b->wants[i].stage == STAGE_TRAIN)
            asked[b->wants[i].at] = true;
    for (size_t i = 0; i < trains->n && rc == 0; i++) {
        struct plan_run *run = &trains->items[i];
        const char *flaw = NULL;
        if (needed[i])
            rc = find_flaw(b, run, &flaw, e);
        if (flaw)
            set_state(run, PLAN_WANTED, flaw);
        else if (!needed[i] && !asked[i] && run->state == PLAN_WANTED)
            set_state(run, PLAN_DONE, "not needed: its evaluations are done");
    }
    free(needed);
    free(asked);
    return rc;
}

/* A bank is wanted when a wanted run reads it and its row or its file is not there. */
static int judge_banks(struct building *b, struct err *e)
{
    struct runs *banks = &b->runs[STAGE_ENCODE];
    bool *needed = mem_zero(banks->n + 1, sizeof *needed);
    int rc = 0;
    mark(b, STAGE_TRAIN, 0, NEED_VAL_BANK, needed);
    mark(b, STAGE_EVAL, 0, NEED_VAL_BANK, needed);
    for (size_t i = 0; i < banks->n && rc == 0; i++) {
        struct plan_run *bank = &banks->items[i];
        const char *flaw = NULL;
        if ((rc = judge(b->facts, bank, e)) < 0 || (rc = find_flaw(b, bank, &flaw, e)) < 0)
            break;
        bool whole = bank->state == PLAN_DONE && !flaw;
        if (needed[i] && flaw)
            set_state(bank, PLAN_WANTED, flaw);
        else if (!needed[i] && !whole)
            set_state(bank, PLAN_DONE, "not needed: its runs are done");
    }
    free(needed);
    return rc;
}

/* ---- what is expected ---- */

/* Seeds come side by side and cost the same. */
static bool differ_in_seed_only(const json_t *a, const json_t *b)
{
    const char *name;
    json_t *value;
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach((json_t *)a, name, value)
    {
        bool seeded = str_eq(name, "seed") || str_eq(name, "train"); // the training run's id
        if (!seeded && !json_equal(value, json_object_get(b, name)))
            return false;
    }
    return true;
}

static int expect_one(struct plan_run *run, const struct plan_facts *f, struct err *e)
{
    struct store_usage usage = {0};
    if (f->seconds(f->arg, run->spec, &run->seconds, e) < 0 ||
        (f->usage && f->usage(f->arg, run->spec, &usage, e) < 0))
        return e->code;
    run->memory = usage.memory;
    run->bytes = usage.bytes;
    return 0;
}

/* Time, memory and disk of the wanted runs, as far as runs like them were done before. */
static int expect(struct plan *p, const struct plan_facts *f, struct err *e)
{
    const struct plan_run *last = NULL;
    for (size_t i = 0; i < p->n; i++) {
        struct plan_run *run = &p->runs[i];
        if (run->state != PLAN_WANTED)
            continue;
        if (last && differ_in_seed_only(last->spec, run->spec)) {
            run->seconds = last->seconds;
            run->memory = last->memory;
            run->bytes = last->bytes;
        } else if (expect_one(run, f, e) < 0) {
            return e->code;
        }
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

/* ---- the plan ---- */

/* Does an earlier run of the recipe stand for the same, at the same place in tables? */
static bool is_repeated(const struct building *b, const struct place *p, const struct grid_run *r,
                        json_t *seen)
{
    const char *id = b->runs[p->stage].items[p->at].id;
    if (!*id)
        return false;
    char *key = str_format("%s %s %s", id, r->protocol, r->source ? r->source : "");
    bool repeated = json_object_get(seen, key) != NULL;
    json_object_set_new(seen, key, json_true());
    free(key);
    return repeated;
}

/* The recipe's runs, less those that an earlier one equals. */
static int add_runs(struct building *b, struct recipe *recipe, struct err *e)
{
    size_t kept = 0;
    int rc = 0;
    json_t *seen = json_object();
    b->wants = mem_zero(recipe->n + 1, sizeof *b->wants);
    for (size_t i = 0; i < recipe->n && rc == 0; i++) {
        // A dropped run moves behind the kept ones and is freed with the recipe.
        struct grid_run run = recipe->runs[i];
        recipe->runs[i] = recipe->runs[kept];
        recipe->runs[kept] = run;
        rc = add_run(b, &recipe->runs[kept], &b->wants[kept], e);
        kept += rc == 0 && !is_repeated(b, &b->wants[kept], &run, seen);
    }
    json_decref(seen);
    if (rc == 0)
        recipe_keep(recipe, kept);
    return rc;
}

/* Runs of all stages in one row, and what pointed into a stage into that row. */
static void order_runs(struct plan *p, const struct building *b)
{
    size_t first[STAGES], n = 0;
    for (int s = 0; s < STAGES; s++) {
        first[s] = n;
        n += b->runs[s].n;
    }
    p->banks = b->runs[STAGE_ENCODE].n;
    p->n = n;
    p->runs = mem_zero(n + 1, sizeof *p->runs);
    for (int s = 0; s < STAGES; s++)
        for (size_t i = 0; i < b->runs[s].n; i++) {
            struct plan_run *run = &p->runs[first[s] + i];
            *run = b->runs[s].items[i];
            if (run->needs[NEED_PROMPT] >= 0)
                run->needs[NEED_PROMPT] += (int)first[STAGE_TRAIN];
            p->done += run->state == PLAN_DONE;
            p->wanted += run->state == PLAN_WANTED;
            p->blocked += run->state == PLAN_BLOCKED;
        }
    p->of = mem_alloc(p->recipe->n + 1, sizeof *p->of);
    for (size_t i = 0; i < p->recipe->n; i++)
        p->of[i] = first[b->wants[i].stage] + b->wants[i].at;
}

int plan_build(struct plan *p, struct recipe *recipe, const struct plan_facts *facts, struct err *e)
{
    struct building b = {.facts = facts, .index = json_object()};
    *p = (struct plan){.recipe = recipe, .missing = list_problems(facts)};
    int rc = add_runs(&b, recipe, e);
    if (rc == 0)
        rc = judge_trains(&b, recipe->n, e);
    if (rc == 0)
        rc = judge_banks(&b, e);
    order_runs(p, &b);
    for (int s = 0; s < STAGES; s++)
        free(b.runs[s].items);
    free(b.wants);
    json_decref(b.index);
    if (rc == 0)
        rc = expect(p, facts, e);
    if (rc < 0)
        plan_release(p);
    return rc;
}

void plan_release(struct plan *p)
{
    for (size_t i = 0; i < p->n; i++)
        run_release(&p->runs[i]);
    free(p->runs);
    free(p->of);
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
                                       "views", "part",    "cover",    "source", "train"};
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
        json_object_set_new(o, "memory", json_real(run->memory));
        json_object_set_new(o, "bytes", json_real(run->bytes));
        json_object_set_new(o, "parameters",
                            run->parameters < 0 ? json_null() : json_integer(run->parameters));
        for (int k = 0; k <= NEED_VAL_BANK; k++)
            if (run->needs[k] >= 0)
                json_array_append_new(banks, json_string(p->runs[run->needs[k]].id));
        json_object_set_new(o, "banks", banks);
        json_array_append_new(array, o);
    }
    return array;
}
