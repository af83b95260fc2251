/* Findings, the store, and the files of runs: see check.h. */
#include "harness/check/check.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/bank.h"
#include "core/data/cover.h"
#include "core/proto/job.h"
#include "core/proto/spec.h"
#include "harness/plan/jobfile.h"
#include "harness/system/proc.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const finding_names[FINDING_KINDS] = {"store", "spec",    "column", "seal",
                                                  "rows",  "bank",    "prompt", "checkpoint",
                                                  "job",   "weights", "merges", "split"};

char *finding_next(const struct finding *f)
{
    switch (f->kind) {
    case FINDING_WEIGHTS:
    case FINDING_MERGES:
        return mem_strdup("put the file back, or 'promptgrid run RECIPE' makes the runs anew");
    case FINDING_SPLIT:
        return mem_strdup("'promptgrid data check' looks at datasets; put the files back, or "
                          "'promptgrid run RECIPE' makes the runs anew");
    case FINDING_COLUMN:
        return mem_strdup("'promptgrid repair' writes it again from the spec");
    default:
        return mem_strdup("'promptgrid repair' keeps what verifies; then 'promptgrid run RECIPE' "
                          "makes the rest again");
    }
}

void check_add(struct check *c, enum finding_kind kind, const char *run, const char *path,
               const char *text)
{
    struct finding f = {
        .kind = kind, .path = path ? mem_strdup(path) : NULL, .text = mem_strdup(text)};
    snprintf(f.run, sizeof f.run, "%s", run);
    MEM_PUSH(c->findings, c->n, c->capacity) = f;
}

/* ---- which runs count ---- */

/* The same for runs that differ only in what their files' hashes are. */
static void shape_of(const json_t *spec, char out[HASH_HEX])
{
    static const char *const hashes[] = {"weights", "bpe", "split", "train"};
    json_t *copy = json_copy((json_t *)spec);
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
        json_object_del(copy, hashes[i]);
    spec_id(copy, out);
    json_decref(copy);
}

void check_init(struct check *c, const char *workspace, const char *runner, const struct plan *plan,
                const struct roots *roots)
{
    *c = (struct check){
        .workspace = workspace, .runner = runner, .roots = roots, .labels = {json_object()}};
    if (!plan)
        return;
    c->scope = json_object();
    c->ids = json_object();
    for (size_t i = 0; i < plan->n; i++) {
        char shape[HASH_HEX];
        json_t *spec = plan_spec(plan, &plan->runs[i]);
        shape_of(spec, shape);
        json_decref(spec);
        json_object_set_new(c->scope, shape, json_true());
    }
}

void check_release(struct check *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->findings[i].path);
        free(c->findings[i].text);
    }
    for (size_t i = 0; i < c->n_files; i++) {
        struct check_file *f = &c->files[i];
        if (f->split)
            split_release(f->split);
        manifest_release(&c->files[i].manifest);
        free(f->split);
        free(f->name);
        free(f->hash);
        free(f->path);
    }
    free(c->findings);
    free(c->files);
    json_decref(c->scope);
    json_decref(c->ids);
    labels_release(&c->labels);
    *c = (struct check){0};
}

static bool counts(const struct check *c, const char *run)
{
    return !c->scope || !*run || json_object_get(c->ids, run);
}

static int note_scope(void *arg, const struct store_made *m, struct err *e)
{
    struct check *c = arg;
    char shape[HASH_HEX];
    (void)e;
    shape_of(m->spec, shape);
    if (json_object_get(c->scope, shape))
        json_object_set_new(c->ids, m->run, json_true());
    return 0;
}

/* ---- the store ---- */

static void store_found(void *arg, enum store_flaw flaw, const char *run, const char *text)
{
    static const enum finding_kind kinds[] = {[STORE_FLAW_FILE] = FINDING_STORE,
                                              [STORE_FLAW_SPEC] = FINDING_SPEC,
                                              [STORE_FLAW_COLUMN] = FINDING_COLUMN,
                                              [STORE_FLAW_SEAL] = FINDING_SEAL,
                                              [STORE_FLAW_ROWS] = FINDING_ROWS};
    struct check *c = arg;
    if (counts(c, run))
        check_add(c, kinds[flaw], run, NULL, text);
}

int check_store(struct check *c, struct store *s, struct err *e)
{
    struct store_check flaws = {.found = store_found, .arg = c};
    int rc = c->scope ? store_each(s, note_scope, c, e) : 0;
    if (rc == ERR_CORRUPT) { // store_check says what is wrong
        e->code = 0;
        rc = 0;
    }
    if (rc == 0)
        rc = store_check(s, &flaws, e);
    c->runs = flaws.runs;
    c->results = flaws.sealed;
    return rc;
}

/* ---- what runs made ---- */

/* The hash of the bank's images, made of the manifest's lines, against the bank's own. */
static int check_images(const struct check_file *f, const struct store_made *m,
                        const struct bank *b, struct err *e)
{
    const struct split_list *list = &f->split->part[cover_part(m->spec)];
    struct hash *h = hash_new();
    char found[HASH_HEX];
    size_t missing = 0;
    for (size_t i = 0; i < b->images; i++) {
        const char *image = list->items[b->index[i]].path,
                   *hash = manifest_find(&f->manifest, image);
        missing += !hash;
        if (hash)
            manifest_hash_image(h, hash, image);
    }
    hash_end(h, found);
    if (!missing && str_eq(found, b->data))
        return 0;
    return err_set(
        e, ERR_CORRUPT,
        "it was made of other images than those of '%s/%s': their hash is %s, it says %s", f->path,
        manifest_file, missing ? "unknown" : found, b->data);
}

/* The bank's list of images against the one that its spec gives, and what it says of their content
 * against the manifest, where the dataset is known. */
static int check_list(struct check *c, const struct store_made *m, const struct bank *b,
                      const char *path)
{
    const struct check_file *f = check_dataset(c, m->spec);
    struct err e = {0};
    size_t *items = NULL, n = 0;
    if (!f)
        return 0;
    int rc = cover_items(f->split, m->spec, &items, &n, &e);
    if (rc == 0 && (n != b->images || memcmp(items, b->index, n * sizeof *items)))
        rc = err_set(&e, ERR_CORRUPT,
                     "its images are not those of its spec: %zu of them, where the dataset's list "
                     "gives %zu",
                     b->images, n);
    if (rc == 0 && b->data && f->manifest.n)
        rc = check_images(f, m, b, &e);
    free(items);
    if (rc < 0)
        check_add(c, FINDING_BANK, m->run, path, e.text);
    else
        c->lists++;
    return rc;
}

static void check_bank(struct check *c, const struct store_made *m)
{
    struct bank bank;
    struct err e = {0};
    char *path = jobfile_bank(c->workspace, m->run);
    if (!fs_is_file(path)) {
        c->gone_banks++; // made again when a run needs it
    } else if (bank_open(&bank, path, m->spec, &e) < 0) {
        check_add(c, FINDING_BANK, m->run, path, e.text);
    } else {
        c->banks += check_list(c, m, &bank, path) == 0;
        bank_close(&bank);
    }
    free(path);
}

static void check_prompt(struct check *c, const struct store_made *m)
{
    struct err e = {0};
    char found[HASH_HEX], *path = jobfile_prompt(c->workspace, m->run);
    if (!fs_is_file(path)) {
        c->gone_prompts++;
    } else if (hash_file(found, path, &e) < 0) {
        check_add(c, FINDING_PROMPT, m->run, path, e.text);
    } else if (!str_eq(found, m->sha256)) {
        char *text = str_format("its SHA-256 is %s, recorded was %s", found, m->sha256);
        check_add(c, FINDING_PROMPT, m->run, path, text);
        free(text);
    } else {
        c->prompts++;
    }
    free(path);
}

static int check_made(void *arg, const struct store_made *m, struct err *e)
{
    struct check *c = arg;
    (void)e;
    if (!counts(c, m->run))
        return 0;
    if (c->roots)
        check_inputs(c, m->run, m->spec);
    if (m->done && str_eq(m->kind, "bank"))
        check_bank(c, m);
    if (m->done && str_eq(m->kind, "prompt"))
        check_prompt(c, m);
    return 0;
}

/* ---- job files and checkpoints, by the names of their files ---- */

static void check_job(struct check *c, const char *run, const char *path)
{
    struct job job;
    struct err e = {0};
    int rc = job_read(&job, path, &e);
    if (rc == 0 && !str_eq(job.run, run))
        rc = err_set(&e, ERR_CORRUPT, "job file '%s' is of run '%.12s'", path, job.run);
    if (rc < 0)
        check_add(c, FINDING_JOB, run, path, e.text);
    else
        c->jobs++;
    job_release(&job);
}

/* Only the runner knows what is inside. Its last line says what is wrong. */
static int verify(const char *runner, const char *run, const char *path, struct str *why,
                  struct err *e)
{
    const char *argv[] = {runner, "verify", run, path, NULL};
    struct proc p;
    struct proc_options options = {.argv = argv};
    int rc = proc_start(&p, &options, e);
    if (rc < 0)
        return rc;
    for (bool ended = false; !ended; ended = proc_serve(&p)) {
        struct pollfd fds[PROC_FDS];
        proc_watch(&p, fds);
        poll(fds, PROC_FDS, -1);
    }
    return proc_reap(&p, 1, why) ? 1 : 0;
}

static int check_checkpoint(struct check *c, const char *run, const char *path, struct err *e)
{
    static const char prefix[] = "promptgrid-runner: error: ";
    struct str why = STR_INIT;
    if (str_ends(path, ".next")) // half-written by a runner that was killed; nobody reads it
        return 0;
    int rc = verify(c->runner, run, path, &why, e);
    if (why.size)
        why.data[why.size - 1] = 0;
    if (rc == 1)
        check_add(c, FINDING_CHECKPOINT, run, path,
                  str_starts(why.data, prefix) ? why.data + strlen(prefix) : why.data);
    c->checkpoints += rc == 0;
    str_release(&why);
    return rc < 0 ? rc : 0;
}

/* Every file of a folder of the workspace that is named after a run. */
static int check_folder(struct check *c, const char *folder, bool jobs, struct err *e)
{
    struct fs_names names;
    char *path = fs_join(c->workspace, folder);
    int rc = fs_list(&names, path, e);
    if (rc == ERR_MISSING) {
        free(path);
        e->code = 0;
        return 0;
    }
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        char run[HASH_HEX] = "";
        size_t digits = strspn(names.names[i], "0123456789abcdef");
        if (digits != HASH_HEX - 1 || strstr(names.names[i], ".part-"))
            continue;
        memcpy(run, names.names[i], digits);
        char *file = fs_join(path, names.names[i]);
        if (!counts(c, run))
            rc = 0;
        else if (jobs)
            check_job(c, run, file);
        else
            rc = check_checkpoint(c, run, file, e);
        free(file);
    }
    fs_names_release(&names);
    free(path);
    return rc;
}

int check_files(struct check *c, struct store *s, struct err *e)
{
    int rc = s ? store_each(s, check_made, c, e) : 0;
    if (rc == 0)
        rc = check_folder(c, "jobs", true, e);
    if (rc == 0)
        rc = check_folder(c, "checkpoints", false, e);
    if (rc == 0 && c->roots)
        check_inputs_end(c);
    return rc;
}
