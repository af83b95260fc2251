/*
 * `prompt export`: a learned context for CoOp's trainer, or the classifier that it makes of the
 * class names, (K, E) rows of unit length, for whoever has image features.
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/thread.h"
#include "core/clip/torchwrite.h"
#include "core/method/context.h"
#include "core/proto/spec.h"
#include "core/train/result.h"
#include "runner/prompt.h"
#include "runner/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int say_path(const char *path, struct err *e)
{
    return puts(path) < 0 || fflush(stdout) ? err_sys(e, "unable to write to stdout") : 0;
}

/* ---- for CoOp ---- */

/* Vectors of each class; 0: one context serves all. */
static size_t own_vectors(const struct prompt *p)
{
    const json_t *params = json_object_get(p->spec, "params");
    const json_t *metadata = json_object_get(p->file.header, "__metadata__");
    const char *classes = json_string_value(json_object_get(metadata, "classes"));
    long n;
    if (classes && str_to_long(classes, 1, 1 << 20, &n) && p->ctx->shape[0] % (size_t)n == 0)
        return p->ctx->shape[0] / (size_t)n;
    return str_eq(json_string_value(json_object_get(params, "class-specific")), "yes")
               ? (size_t)json_integer_value(json_object_get(params, "length"))
               : 0;
}

static int export_coop(const struct prompt_options *o, const struct prompt *p, struct err *e)
{
    const size_t M = own_vectors(p), contexts = p->ctx->shape[0], C = p->ctx->shape[1];
    struct tensor_out out = {.name = "ctx", .dims = 2, .shape = {contexts, C}};
    if (M && contexts % M == 0)
        out = (struct tensor_out){.name = "ctx", .dims = 3, .shape = {contexts / M, M, C}};
    const json_t *params = json_object_get(p->spec, "params");
    const int epoch = (int)json_integer_value(json_object_get(params, "epochs"));
    const char *position = json_string_value(json_object_get(params, "position"));
    float *data = mem_alloc(p->ctx->count, sizeof *data);
    safetensors_slice(p->ctx, 0, p->ctx->count, data);
    out.data = data;
    char *folder = fs_join(o->out ? o->out : ".", "prompt_learner");
    char *path = str_format("%s/model.pth.tar-%d", folder, epoch);
    int rc = fs_make_folders(folder, e);
    if (rc == 0 && (rc = torchwrite_checkpoint(path, &out, 1, epoch, e)) == 0) {
        if (position && !str_eq(position, "end"))
            log_info("the class name's position is '%s': tell CoOp so "
                     "(TRAINER.COOP.CLASS_TOKEN_POSITION)",
                     position);
        rc = say_path(path, e);
    }
    free(path);
    free(folder);
    free(data);
    return rc;
}

/* ---- the classifier ---- */

/* numpy's format 1.0: magic, a literal of a dict padded to 64 bytes, the numbers. */
static int write_npy(const char *path, const float *data, size_t K, size_t E, struct err *e)
{
    enum { PREFIX = 10 };
    struct str header = STR_INIT, out = STR_INIT;
    str_addf(&header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", K, E);
    str_pad(&header, (64 - (PREFIX + header.size + 1) % 64) % 64, ' ');
    str_addc(&header, '\n');
    str_addn(&out, "\x93NUMPY\1\0", 8);
    str_addc(&out, (char)(header.size & 255));
    str_addc(&out, (char)(header.size >> 8));
    str_addn(&out, header.data, header.size);
    str_addn(&out, (const char *)data, K * E * sizeof *data);
    int rc = fs_write(path, out.data, out.size, e);
    str_release(&header);
    str_release(&out);
    return rc;
}

static int write_safetensors(const char *path, const struct work *w, const float *data, size_t K,
                             size_t E, struct err *e)
{
    json_t *names = json_array();
    for (size_t k = 0; k < K; k++)
        json_array_append_new(names, json_string(w->names[k]));
    char *text = json_dumps(names, JSON_COMPACT), *spec = spec_text(w->spec);
    json_t *metadata =
        json_pack("{s:s, s:s, s:s}", "format", "promptgrid head 1", "classes", text, "spec", spec);
    const struct tensor_out out = {.name = "weight", .dims = 2, .shape = {K, E}, .data = data};
    int rc = safetensors_write(path, &out, 1, metadata, e);
    json_decref(metadata);
    json_decref(names);
    free(text);
    free(spec);
    return rc;
}

/* The run's classes through its text tower: (K, E) on the host, yours to free(). */
static int class_features(struct work *w, const char *path, float **out, size_t *K, struct err *e)
{
    const int all = w->split.classes;
    const bool half = str_eq(spec_get_text(w->spec, "protocol"), "base-to-new");
    const int trained = half ? split_base_classes(all) : all;
    struct rng r;
    int rc = work_learner(w, trained, &r, e);
    if (rc < 0 || (rc = result_load(&w->learner, path, e)) < 0)
        return rc;
    if (!w->learner.context || w->method->pixels || w->method->logits != context_logits)
        return err_set(e, ERR_RANGE,
                       "the classifier of '%s' is not one of text features alone: none can be "
                       "written",
                       w->method->name);
    // classes with vectors of their own are those that it was trained on
    const int n = w->learner.context->groups > 1 ? trained : all;
    const size_t floats = (size_t)n * (size_t)w->clip.shape.embed;
    if ((rc = learner_classes(&w->learner, w->names, n, false, e)) < 0)
        return rc;
    context_forward(&w->learner, false);
    *out = mem_alloc(floats, sizeof **out);
    w->device->ops->download(w->device, *out, w->learner.context->unit, floats * sizeof **out);
    *K = (size_t)n;
    return device_sync(w->device, e);
}

static int export_head(const struct prompt_options *o, const struct prompt *p, struct err *e)
{
    struct roots roots = {0};
    struct backbone_files files = {0};
    struct work w = {0};
    char *dataset = NULL;
    float *head = NULL;
    const char *backbone;
    size_t K = 0;
    int rc;
    if (!o->out || (!str_ends(o->out, ".npy") && !str_ends(o->out, ".safetensors")))
        return err_set(e, ERR_USAGE, "--kind head: expected --out FILE.npy or FILE.safetensors");
    if (!p->spec)
        return err_set(e, ERR_USAGE, "'%s' is of no run: its classes are not known", p->file.path);
    const struct dataset_row *row;
    if ((rc = prompt_roots(&roots, o, e)) < 0 ||
        (rc = dataset_get(&row, spec_get_text(p->spec, "dataset"), e)) < 0 ||
        (rc = prompt_backbone(p, o, &backbone, e)) < 0 ||
        (rc = roots_backbone(&roots, backbone, &files, e)) < 0 ||
        (rc = roots_dataset(&roots, row, &dataset, e)) < 0)
        goto out;
    const struct job job = {.spec = p->spec,
                            .threads = thread_cores(),
                            .weights = files.weights,
                            .bpe = files.merges,
                            .dataset = dataset};
    if ((rc = work_open(&w, &job, e)) < 0 || (rc = work_files(&w, e)) < 0 ||
        (rc = class_features(&w, p->file.path, &head, &K, e)) < 0)
        goto out;
    const size_t E = (size_t)w.clip.shape.embed;
    rc = str_ends(o->out, ".npy") ? write_npy(o->out, head, K, E, e)
                                  : write_safetensors(o->out, &w, head, K, E, e);
    if (rc == 0)
        rc = say_path(o->out, e);
out:
    free(head);
    free(dataset);
    work_release(&w);
    backbone_files_release(&files);
    roots_release(&roots);
    return rc;
}

int prompt_export(const struct prompt_options *o, const char *word, struct err *e)
{
    static const struct {
        const char *kind;
        int (*run)(const struct prompt_options *o, const struct prompt *p, struct err *e);
    } kinds[] = {{"coop", export_coop}, {"head", export_head}};
    struct prompt p;
    int rc = prompt_open(&p, o, word, e);
    if (rc < 0)
        return rc;
    rc = prompt_context(&p, e);
    for (size_t i = 0; rc == 0 && i < sizeof kinds / sizeof kinds[0]; i++)
        if (str_eq(o->kind, kinds[i].kind)) {
            rc = kinds[i].run(o, &p, e);
            goto out;
        }
    if (rc == 0)
        rc = err_set(e, ERR_USAGE, "--kind '%s': expected coop or head", o->kind);
out:
    prompt_close(&p);
    return rc;
}
