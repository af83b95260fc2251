/* Weights, merges and datasets against the hashes in specs: see check.h. */
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/split.h"
#include "core/proto/job.h"
#include "harness/check/check.h"
#include "harness/plan/jobfile.h"

#include <stdlib.h>
#include <string.h>

/* What a spec names, and where its hash and its file are said. */
static const struct {
    enum finding_kind kind;
    const char *name, *hash; // keys of the spec
    const char *path;        // in a job file
} inputs[] = {
    {FINDING_WEIGHTS, "backbone", "weights", "weights"},
    {FINDING_MERGES, "backbone", "bpe", "bpe"},
    {FINDING_SPLIT, "dataset", "split", "dataset"},
};
enum { INPUTS = sizeof inputs / sizeof inputs[0] };

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static struct check_file *find(const struct check *c, enum finding_kind kind, const char *name,
                               const char *hash)
{
    for (size_t i = 0; i < c->n_files; i++) {
        struct check_file *f = &c->files[i];
        if (f->kind == kind && str_eq(f->name, name) && str_eq(f->hash, hash))
            return f;
    }
    return NULL;
}

/* Where the run read it, if that is still there. */
static char *path_of_job(const struct check *c, const char *run, const char *key)
{
    struct job job;
    struct err e = {0};
    char *file = jobfile_job(c->workspace, run), *path = NULL;
    if (job_read(&job, file, &e) == 0) {
        const char *text = text_of(json_object_get(job.root, "paths"), key);
        if (text && (fs_is_file(text) || fs_is_folder(text)))
            path = mem_strdup(text);
    }
    job_release(&job);
    free(file);
    return path;
}

static char *path_of_roots(const struct check *c, struct check_file *f)
{
    const struct dataset_row *row = dataset_find(f->name);
    struct backbone_files files;
    char *path = NULL;
    if (f->kind == FINDING_SPLIT) {
        if (!row)
            err_set(&f->problem, ERR_MISSING, "there is no dataset of this name");
        else
            roots_dataset(c->roots, row, &path, &f->problem);
        return path;
    }
    if (roots_backbone(c->roots, f->name, &files, &f->problem) < 0)
        return NULL;
    path = mem_strdup(f->kind == FINDING_WEIGHTS ? files.weights : files.merges);
    backbone_files_release(&files);
    return path;
}

static int look_at_split(struct check_file *f, char out[HASH_HEX])
{
    const struct dataset_row *row;
    struct split *split = mem_zero(1, sizeof *split);
    int rc = dataset_in(&row, f->name, f->path, &f->problem);
    if (rc == 0)
        rc = split_load(split, row, f->path, &f->problem);
    if (rc == 0 && (rc = manifest_open(&f->manifest, row, f->path, &f->problem)) < 0)
        split_release(split);
    if (rc < 0) {
        free(split);
        return rc;
    }
    memcpy(out, split->hash, HASH_HEX);
    f->split = split;
    return 0;
}

static void look_at(struct check_file *f)
{
    char found[HASH_HEX] = "";
    int rc = f->kind == FINDING_WEIGHTS  ? hash_file(found, f->path, &f->problem)
             : f->kind == FINDING_MERGES ? backbone_merges_hash(found, f->path, &f->problem)
                                         : look_at_split(f, found);
    if (rc == 0 && !str_eq(found, f->hash))
        rc = err_set(&f->problem, ERR_CORRUPT, "its SHA-256 is %s, the runs were made with %s",
                     found, f->hash);
    else if (rc == 0 && f->split)
        rc = split_check(f->split, &f->problem);
    if (rc < 0 && f->split) {
        split_release(f->split);
        free(f->split);
        f->split = NULL;
    }
}

void check_inputs(struct check *c, const char *run, const json_t *spec)
{
    for (int i = 0; i < INPUTS; i++) {
        const char *name = text_of(spec, inputs[i].name), *hash = text_of(spec, inputs[i].hash);
        if (!name || !hash)
            continue;
        struct check_file *f = find(c, inputs[i].kind, name, hash);
        if (!f) {
            MEM_PUSH(c->files, c->n_files, c->files_capacity) = (struct check_file){
                .kind = inputs[i].kind, .name = mem_strdup(name), .hash = mem_strdup(hash)};
            f = &c->files[c->n_files - 1];
            f->path = path_of_job(c, run, inputs[i].path);
            if (!f->path)
                f->path = path_of_roots(c, f);
            if (f->path)
                look_at(f);
        }
        f->runs++;
    }
}

const struct check_file *check_dataset(const struct check *c, const json_t *spec)
{
    const char *name = text_of(spec, "dataset"), *hash = text_of(spec, "split");
    const struct check_file *f = name && hash ? find(c, FINDING_SPLIT, name, hash) : NULL;
    return f && f->split ? f : NULL;
}

void check_inputs_end(struct check *c)
{
    for (size_t i = 0; i < c->n_files; i++) {
        const struct check_file *f = &c->files[i];
        if (!f->problem.code)
            continue;
        char *text = str_format("'%s', of %zu %s: %s", f->name, f->runs,
                                f->runs == 1 ? "run" : "runs", f->problem.text);
        check_add(c, f->kind, "", f->path, text);
        free(text);
    }
}
