/* See prompt_work.h. */
#include "runner/prompt_work.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/thread.h"
#include "core/proto/spec.h"

#include <stdlib.h>

enum { MERGES_LIMIT = 64 << 20 };

static void set_text(json_t *object, const char *key, const char *value)
{
    if (value)
        json_object_set_new(object, key, json_string(value));
}

/* The hashes of what is there: whoever asks for a test now asks for one of these files. */
static int set_hashes(struct prompt_work *p, const struct dataset_row *row, struct err *e)
{
    struct split split;
    char hash[HASH_HEX], *text = NULL;
    size_t size;
    int rc = hash_file(hash, p->files.weights, e);
    if (rc < 0)
        return rc;
    set_text(p->spec, "weights", hash);
    if ((rc = fs_read_gzip(&text, &size, p->files.merges, MERGES_LIMIT, e)) < 0)
        return rc;
    hash_bytes(hash, text, size);
    set_text(p->spec, "bpe", hash);
    free(text);
    if ((rc = split_load(&split, row, p->folder, e)) < 0)
        return rc;
    set_text(p->spec, "split", split.hash);
    rc = split_check_classes(&split, row, e);
    split_release(&split);
    return rc;
}

static json_t *make_spec(const struct prompt_options *o, const struct trained *t,
                         const char *backbone, const char *dataset)
{
    json_t *params = json_pack("{s:s, s:s}", "file", t->sha256, "trainer", t->trainer);
    set_text(params, "words", o->as.context);
    set_text(params, "name-position", o->as.position);
    const char *precision = t->spec ? spec_get_text(t->spec, "precision") : "fp32";
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:o}", "version",
                     SPEC_VERSION, "job", "train", "backbone", fs_base(backbone), "dataset",
                     dataset, "precision", precision, "views", "none", "protocol", "few-shot",
                     "method", "checkpoint", "shots", 0, "seed", 0, "params", params);
}

int prompt_work_open(struct prompt_work *p, const struct prompt_options *o, const struct trained *t,
                     struct err *e)
{
    const struct dataset_row *row;
    const char *dataset = o->dataset ? o->dataset
                          : t->spec  ? spec_get_text(t->spec, "dataset")
                                     : NULL;
    const char *backbone;
    struct rng r;
    int rc;
    *p = (struct prompt_work){0};
    if (!dataset)
        return err_set(e, ERR_USAGE, "'%s' is of no run: name a dataset with --dataset", t->path);
    if ((rc = prompt_roots(&p->roots, o, e)) < 0 || (rc = dataset_get(&row, dataset, e)) < 0 ||
        (rc = prompt_backbone(t, o->backbone, &backbone, e)) < 0 ||
        (rc = roots_backbone(&p->roots, backbone, &p->files, e)) < 0 ||
        (rc = prompt_check_weights(t, p->files.weights, e)) < 0 ||
        (rc = roots_dataset(&p->roots, row, &p->folder, e)) < 0)
        return rc;
    p->spec = make_spec(o, t, backbone, dataset);
    BUG_IF(!p->spec);
    if ((rc = set_hashes(p, row, e)) < 0 || (rc = spec_check(p->spec, e)) < 0)
        return rc;
    p->job = (struct job){.spec = p->spec,
                          .threads = thread_cores(),
                          .weights = p->files.weights,
                          .bpe = p->files.merges,
                          .dataset = p->folder,
                          .prompt = t->path};
    if ((rc = work_open(&p->work, &p->job, e)) < 0 || (rc = work_files(&p->work, e)) < 0)
        return rc;
    return work_learner(&p->work, p->work.split.classes, &r, e);
}

void prompt_work_close(struct prompt_work *p)
{
    work_release(&p->work);
    json_decref(p->spec);
    free(p->folder);
    backbone_files_release(&p->files);
    roots_release(&p->roots);
    *p = (struct prompt_work){0};
}
