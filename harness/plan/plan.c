/*
 * Grid and facts -> plan. Pure: it touches no file and starts nothing, so it is tested alone.
 *
 * What is wanted is resolved from the end: an evaluation wants the training run whose prompt it
 * reads, and a run wants its banks, only if it is wanted itself.
 */
#include "harness/plan/plan.h"

#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"
#include "harness/plan/plan_facts.h"
#include "harness/plan/plan_spec.h"
#include "harness/recipe/recipe.h"
#include "harness/recipe/prompt_path.h"

#include <stdint.h>
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
    struct map *words; // the plan's
    struct plan_parts parts;
    struct runs runs[STAGES];
    struct map ids; // of runs
    size_t *at;     // by number of id: the run's index within its stage
    size_t n_at, at_capacity;
    json_t *bank_specs; // array
    struct map banks;   // what a bank follows from
    int *bank;          // by number of that: its index, BANK_PICKS
    size_t n_bank, bank_capacity;
    struct map counts; // what a number of parameters follows from
    long *count;       // by number of that
    size_t n_count, count_capacity;
    struct place *wants; // (recipe->n) what each of the recipe's runs stands for
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

/* The file that the run tests; NULL: its method tests none. */
static const struct plan_file *find_file(const struct plan_facts *f, const struct grid_run *r)
{
    char *name = prompt_path(r);
    const struct plan_file *found = NULL;
    for (size_t i = 0; i < f->n_files && name && !found; i++)
        if (str_eq(f->files[i].name, name))
            found = &f->files[i];
    if (name && !found)
        BUG("no facts about prompt '%s'", name);
    free(name);
    return found;
}

/* ---- states ---- */

static const char *keep_format(struct map *words, const char *format, const char *text)
{
    char *whole = str_format(format, text);
    const char *kept = map_keep(words, whole);
    free(whole);
    return kept;
}

static const char *reason(struct map *words, const struct store_state *s)
{
    if (!*s->state)
        return "no result";
    if (str_eq(s->state, "failed"))
        return keep_format(words, "failed before: %s", s->reason ? s->reason : s->class_);
    if (str_eq(s->state, "cancelled"))
        return "cancelled before";
    if (str_eq(s->state, "lost"))
        return "lost: its scheduler died";
    return "running now";
}

/* What the store knows of the run: its state and why. */
static int judge(const struct building *b, struct plan_run *run, struct err *e)
{
    const struct plan_facts *f = b->facts;
    struct store_state s = {0};
    if (f->state(f->arg, run->id, &s, e) < 0)
        return e->code;
    if (str_eq(s.state, "done")) {
        run->state = PLAN_DONE;
        run->seconds = s.seconds;
        bool other = *s.commit && *f->commit && !str_eq(s.commit, f->commit);
        run->why =
            other ? keep_format(b->words, "done; code changed since: %.10s", s.commit) : "done";
    } else {
        run->state = PLAN_WANTED;
        run->why = reason(b->words, &s);
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

/* Why `r` cannot run here; NULL when it can. */
static const char *find_problems(const struct building *b, const struct grid_run *r)
{
    const struct plan_facts *f = b->facts;
    struct str why = STR_INIT;
    add_problem(&why, "backbone", r->backbone, &find_backbone(f, r->backbone)->problem);
    if (grid_run_is_eval(r))
        add_problem(&why, "dataset", r->source, &find_dataset(f, r->source)->problem);
    add_problem(&why, "dataset", r->dataset, &find_dataset(f, r->dataset)->problem);
    const struct plan_file *file = find_file(b->facts, r);
    if (file)
        add_problem(&why, "prompt", file->name, &file->problem);
    const char *kept = why.size ? map_keep(b->words, why.data) : NULL;
    str_release(&why);
    return kept;
}

/* ---- runs ---- */

/* The run of this id within its stage, or -1. */
static int find_run(const struct building *b, const char *id)
{
    size_t number;
    return map_find_text(&b->ids, id, &number) ? (int)b->at[number] : -1;
}

static int push_run(struct building *b, enum stage stage, struct plan_run run)
{
    struct runs *runs = &b->runs[stage];
    if (*run.id) {
        map_add_text(&b->ids, run.id, NULL);
        MEM_PUSH(b->at, b->n_at, b->at_capacity) = runs->n;
    }
    MEM_PUSH(runs->items, runs->n, runs->capacity) = run;
    return (int)runs->n - 1;
}

/* The index of the bank, added when it is new. */
static int make_bank(struct building *b, const struct plan_run *reader, const char *part,
                     size_t images)
{
    json_t *spec = plan_join_parts(reader, NULL), *bank = spec_bank(spec, part, images);
    struct plan_run run = {.common = bank,
                           .shots = (int)json_integer_value(json_object_get(bank, "shots")),
                           .seed = (int)json_integer_value(json_object_get(bank, "seed")),
                           .needs = NO_NEEDS,
                           .parameters = -1,
                           .weights = reader->weights,
                           .merges = reader->merges,
                           .folder = reader->folder};
    spec_id(bank, run.id);
    int at = find_run(b, run.id);
    if (at < 0) {
        at = push_run(b, STAGE_ENCODE, run);
        json_array_append(b->bank_specs, bank);
    }
    json_decref(bank);
    json_decref(spec);
    return at;
}

/* The bank that a run reads. What it is like follows from all that the run has in common with its
 * other seeds and shots, and where it covers picks, from those too. */
static int add_bank(struct building *b, const struct plan_run *reader, const char *part,
                    size_t images)
{
    enum { PICKS = -1 };
    const void *key[] = {part, reader->common, reader->params};
    bool is_new;
    if (method_pixels(method_find(reader->grid->method), reader->params))
        return -1;
    size_t number = map_add(&b->banks, key, sizeof key, &is_new);
    if (is_new) {
        int bank = make_bank(b, reader, part, images);
        bool whole = str_eq(plan_text(&b->runs[STAGE_ENCODE].items[bank], "cover"), "all");
        MEM_PUSH(b->bank, b->n_bank, b->bank_capacity) = whole ? bank : PICKS;
        return bank;
    }
    return b->bank[number] == PICKS ? make_bank(b, reader, part, images) : b->bank[number];
}

/* A run with its files. */
static struct plan_run make_run(struct building *b, const struct grid_run *r,
                                const struct plan_dataset *d)
{
    const struct plan_backbone *backbone = find_backbone(b->facts, r->backbone);
    return (struct plan_run){.grid = r,
                             .parameters = -1,
                             .needs = NO_NEEDS,
                             .weights = map_keep(b->words, backbone->weights_path),
                             .merges = map_keep(b->words, backbone->merges_path),
                             .folder = map_keep(b->words, d->folder)};
}

/* How many parameters it trains: the same for all seeds. */
static long count_parameters(struct building *b, const struct plan_run *run,
                             const struct plan_dataset *d)
{
    const void *key[] = {run->common, run->params, (const void *)(intptr_t)run->shots};
    bool is_new;
    size_t number = map_add(&b->counts, key, sizeof key, &is_new);
    if (is_new)
        MEM_PUSH(b->count, b->n_count, b->count_capacity) =
            plan_parameters(find_backbone(b->facts, run->grid->backbone), d, run);
    return b->count[number];
}

/* The index of the run that trains `r`, added when it is new. */
static int add_train(struct building *b, const struct grid_run *r, const char *dataset,
                     struct err *e)
{
    const struct plan_dataset *d = find_dataset(b->facts, dataset);
    const struct method_row *method = method_find(r->method);
    const struct plan_file *file = find_file(b->facts, r);
    struct plan_run run = make_run(b, r, d);
    plan_train_parts(&b->parts, &run, r, dataset, find_backbone(b->facts, r->backbone), d, file);
    plan_identify(&b->parts, &run, NULL);
    int known = find_run(b, run.id);
    if (known >= 0)
        return known;
    run.file = file ? map_keep(b->words, file->path) : NULL;
    run.parameters = count_parameters(b, &run, d);
    if (method->trains)
        run.needs[NEED_TRAIN_BANK] = add_bank(b, &run, "train", d->train);
    run.needs[NEED_TEST_BANK] = add_bank(b, &run, "test", d->test);
    if (method_validates(method))
        run.needs[NEED_VAL_BANK] = add_bank(b, &run, "val", d->val);
    int rc = judge(b, &run, e), at = push_run(b, STAGE_TRAIN, run);
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
    struct plan_run run = make_run(b, r, d);
    plan_eval_parts(&b->parts, &run, r, trained, d);
    plan_identify(&b->parts, &run, trained->id);
    int known = find_run(b, run.id);
    if (known >= 0)
        return known;
    run.needs[NEED_TEST_BANK] = add_bank(b, &run, "test", d->test);
    run.needs[NEED_PROMPT] = train;
    int rc = judge(b, &run, e), at = push_run(b, STAGE_EVAL, run);
    return rc < 0 ? rc : at;
}

/* A run that cannot run here: what is known of its spec, and why. */
static int add_blocked(struct building *b, const struct grid_run *r, const char *why)
{
    bool eval = grid_run_is_eval(r);
    struct plan_run run = {
        .grid = r, .needs = NO_NEEDS, .state = PLAN_BLOCKED, .why = why, .parameters = -1};
    plan_train_parts(&b->parts, &run, r, eval ? r->source : r->dataset, NULL, NULL, NULL);
    if (eval) {
        struct plan_run train = run;
        plan_eval_parts(&b->parts, &run, r, &train, NULL);
    }
    return push_run(b, eval ? STAGE_EVAL : STAGE_TRAIN, run);
}

/* What `r` stands for. */
static int add_run(struct building *b, const struct grid_run *r, struct place *out, struct err *e)
{
    const char *why = find_problems(b, r);
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
    run->why = why;
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
        if ((rc = judge(b, bank, e)) < 0 || (rc = find_flaw(b, bank, &flaw, e)) < 0)
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
    for (size_t i = 0; i < f->n_files; i++)
        if (f->files[i].problem.code)
            str_addf(list, "%s\n", f->files[i].problem.text);
    return list;
}

/* ---- the plan ---- */

/* Does an earlier run of the recipe stand for the same, at the same place in tables? */
static bool is_repeated(const struct building *b, const struct place *p, const struct grid_run *r,
                        struct map *seen)
{
    const void *key[] = {&b->runs[p->stage], (const void *)p->at, r->protocol, r->source};
    bool is_new = true;
    if (*b->runs[p->stage].items[p->at].id)
        map_add(seen, key, sizeof key, &is_new);
    return !is_new;
}

/* The recipe's runs, less those that an earlier one equals. */
static int add_runs(struct building *b, struct recipe *recipe, struct err *e)
{
    size_t kept = 0;
    int rc = 0;
    struct map seen = {0};
    b->wants = mem_zero(recipe->n + 1, sizeof *b->wants);
    for (size_t i = 0; i < recipe->n && rc == 0; i++) {
        recipe->runs[kept] = recipe->runs[i];
        rc = add_run(b, &recipe->runs[kept], &b->wants[kept], e);
        kept += rc == 0 && !is_repeated(b, &b->wants[kept], &recipe->runs[kept], &seen);
    }
    map_release(&seen);
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

static void building_release(struct building *b)
{
    for (int s = 0; s < STAGES; s++)
        free(b->runs[s].items);
    plan_parts_release(&b->parts);
    json_decref(b->bank_specs);
    map_release(&b->ids);
    map_release(&b->banks);
    map_release(&b->counts);
    free(b->at);
    free(b->bank);
    free(b->count);
    free(b->wants);
}

int plan_build(struct plan *p, struct recipe *recipe, const struct plan_facts *facts, struct err *e)
{
    struct building b = {.facts = facts, .words = &p->words};
    *p = (struct plan){.recipe = recipe, .missing = list_problems(facts)};
    b.bank_specs = json_array();
    plan_parts_init(&b.parts);
    int rc = add_runs(&b, recipe, e);
    if (rc == 0)
        rc = judge_trains(&b, recipe->n, e);
    if (rc == 0)
        rc = judge_banks(&b, e);
    order_runs(p, &b);
    p->parts = json_pack("[O, O, O]", b.bank_specs, b.parts.of_commons, b.parts.of_params);
    building_release(&b);
    if (rc < 0)
        plan_release(p);
    return rc;
}

void plan_release(struct plan *p)
{
    free(p->runs);
    free(p->of);
    map_release(&p->words);
    json_decref(p->parts);
    recipe_free(p->recipe);
    if (p->missing)
        str_release(p->missing);
    free(p->missing);
    *p = (struct plan){0};
}

json_t *plan_spec(const struct plan *p, const struct plan_run *run)
{
    int train = run->needs[NEED_PROMPT];
    return plan_join_parts(run, train < 0 ? NULL : p->runs[train].id);
}

const char *plan_text(const struct plan_run *run, const char *key)
{
    return json_string_value(json_object_get(run->common, key));
}

/* ---- JSON ---- */

json_t *plan_json(const struct plan *p, size_t i)
{
    static const char *const keys[] = {"job",   "dataset", "method",   "shots",  "seed",
                                       "state", "why",     "protocol", "params", "backbone",
                                       "views", "part",    "cover",    "source", "train"};
    const struct plan_run *run = &p->runs[i];
    json_t *o = json_object(), *banks = json_array(), *spec = plan_spec(p, run);
    json_object_set_new(o, "run", *run->id ? json_string(run->id) : json_null());
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        json_t *value = json_object_get(spec, keys[k]);
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
    json_decref(spec);
    return o;
}
