/*
 * `prompt export --kind head`: the classifier that a prompt makes of a dataset's class names, (K,
 * E) rows of unit length, for whoever has image features.
 */
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/method/context.h"
#include "core/proto/spec.h"
#include "runner/prompt_work.h"

#include <stdlib.h>

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

static int write_safetensors(const char *path, const struct work *w, const struct trained *t,
                             const float *data, size_t K, size_t E, struct err *e)
{
    json_t *names = json_array();
    for (size_t k = 0; k < K; k++)
        json_array_append_new(names, json_string(w->names[k]));
    char *text = json_dumps(names, JSON_COMPACT), *spec = spec_text(t->spec ? t->spec : w->spec);
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

/* The dataset's classes through the text tower: (K, E) on the host, yours to free(). */
static int class_features(struct work *w, float **out, size_t *K, struct err *e)
{
    const struct method *m = w->method;
    if (!w->learner.context || m->pixels || m->logits != context_logits)
        return err_set(e, ERR_RANGE,
                       "the classifier of '%s' is not one of text features alone: none can be "
                       "written",
                       m->name);
    // classes with vectors of their own are those that it was trained on
    const int n = w->trained.classes ? w->trained.classes : w->split.classes;
    if (n > w->split.classes)
        return err_set(e, ERR_RANGE, "'%s' knows %d classes, the dataset has %d", w->trained.path,
                       n, w->split.classes);
    const size_t floats = (size_t)n * (size_t)w->clip.shape.embed;
    int rc = learner_classes(&w->learner, w->names, n, false, e);
    if (rc < 0)
        return rc;
    context_forward(&w->learner, false);
    *out = mem_alloc(floats, sizeof **out);
    w->device->ops->download(w->device, *out, w->learner.context->unit, floats * sizeof **out);
    *K = (size_t)n;
    return device_sync(w->device, e);
}

int prompt_export_head(const struct prompt_options *o, const struct trained *t, struct err *e)
{
    struct prompt_work p;
    float *head = NULL;
    size_t K = 0;
    if (!o->out || (!str_ends(o->out, ".npy") && !str_ends(o->out, ".safetensors")))
        return err_set(e, ERR_USAGE, "--kind head: expected --out FILE.npy or FILE.safetensors");
    int rc = prompt_work_open(&p, o, t, e);
    if (rc == 0 && (rc = class_features(&p.work, &head, &K, e)) == 0) {
        const size_t E = (size_t)p.work.clip.shape.embed;
        rc = str_ends(o->out, ".npy") ? write_npy(o->out, head, K, E, e)
                                      : write_safetensors(o->out, &p.work, t, head, K, E, e);
    }
    if (rc == 0)
        rc = prompt_say_path(o->out, e);
    free(head);
    prompt_work_close(&p);
    return rc;
}
