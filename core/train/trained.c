/* Opening trained prompts: see trained.h. */
#include "core/train/trained.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/torchfile.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"
#include "core/train/reference.h"
#include "core/train/trained_params.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The tensors of a file of either kind. */
struct source {
    const struct tensor *tensors; // borrowed
    size_t n;
    bool *used; // (n)
};

static bool is_floating(const struct tensor *t)
{
    return t->dtype <= DTYPE_F64;
}

/* The index of a tensor by its plain name, or -1. */
static long find_plain(const struct source *s, const char *plain)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(reference_plain(s->tensors[i].name), plain))
            return (long)i;
    return -1;
}

static struct tensor_out *add_array(struct trained *t, const char *name, int dims,
                                    const size_t *shape)
{
    t->arrays = mem_grow(t->arrays, t->n + 1, sizeof *t->arrays);
    struct tensor_out *a = &t->arrays[t->n++];
    *a = (struct tensor_out){.name = mem_strdup(name), .dims = dims, .dtype = DTYPE_F32};
    size_t count = 1;
    for (int d = 0; d < dims; d++)
        count *= a->shape[d] = shape[d];
    a->data = mem_alloc(count + 1, sizeof(float));
    return a;
}

const struct tensor_out *trained_find(const struct trained *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_eq(t->arrays[i].name, name))
            return &t->arrays[i];
    return NULL;
}

/* Numbers of an array, widened; they must be some. */
static int take_numbers(const struct trained *t, const struct tensor *from, float *out,
                        struct err *e)
{
    safetensors_slice(from, 0, from->count, out);
    for (size_t i = 0; i < from->count; i++)
        if (!isfinite(out[i]))
            return err_set(e, ERR_NUMERIC, "'%s': '%.200s' holds numbers that are not finite",
                           t->path, from->name);
    return 0;
}

/* ---- a reference's checkpoint ---- */

/* Tensors of one array: their levels, which are of one shape. */
struct levels {
    const struct tensor **items;
    size_t n, capacity;
};

static int find_levels(const struct trained *t, struct source *s, const struct reference *r,
                       const char *ours, struct levels *out, struct err *e)
{
    *out = (struct levels){0};
    for (int level = 0;; level++) {
        char *name = reference_name(r, ours, level);
        long at = name ? find_plain(s, name) : -1;
        free(name);
        if (at < 0)
            return 0;
        const struct tensor *tensor = &s->tensors[at], *first = level ? out->items[0] : tensor;
        s->used[at] = true;
        bool same = is_floating(tensor) && tensor->count && tensor->dims == first->dims &&
                    tensor->dims >= 1 && tensor->dims <= (str_eq(ours, "ctx") ? 3 : 2);
        for (int d = 0; d < tensor->dims && same; d++)
            same = tensor->shape[d] == first->shape[d];
        if (!same)
            return err_set(e, ERR_CORRUPT, "'%s': '%.200s' has not the shape of a %s prompt's",
                           t->path, tensor->name, method_find(r->trainer)->label);
        MEM_PUSH(out->items, out->n, out->capacity) = tensor;
    }
}

/* Levels below one another: (levels * rows, columns). What has one row a level is (levels, columns)
 * too, unless it has but one level by its kind. */
static int stack_levels(struct trained *t, const struct reference *r, const char *ours,
                        const struct levels *levels, struct err *e)
{
    const struct tensor *first = levels->items[0];
    const size_t columns = first->shape[first->dims - 1], rows = first->count / columns;
    const bool flat = first->dims == 1 && !reference_is_stacked(r, ours);
    const size_t shape[2] = {flat ? columns : levels->n * rows, columns};
    struct tensor_out *a = add_array(t, ours, flat ? 1 : 2, shape);
    int rc = 0;
    for (size_t i = 0; i < levels->n && rc == 0; i++)
        rc = take_numbers(t, levels->items[i], (float *)a->data + i * first->count, e);
    if (str_eq(ours, "ctx") && first->dims == 3)
        t->classes = (int)first->shape[0];
    return rc;
}

static int take_arrays(struct trained *t, struct source *s, const struct reference *r,
                       struct err *e)
{
    int rc = 0;
    for (const struct reference_tensor *row = r->tensors; row->theirs && rc == 0; row++) {
        struct levels levels;
        if (!row->ours || trained_find(t, row->ours))
            continue;
        rc = find_levels(t, s, r, row->ours, &levels, e);
        if (rc == 0 && levels.n)
            rc = stack_levels(t, r, row->ours, &levels, e);
        else if (rc == 0 && row->level == 0 && !strchr(row->theirs, '#'))
            rc = err_set(e, ERR_CORRUPT, "'%s' looks like a %s prompt without its '%s'", t->path,
                         method_find(r->trainer)->label, row->theirs);
        free(levels.items);
    }
    return rc;
}

/* Every other tensor must be one that is known to be saved along. */
static int check_rest(const struct trained *t, const struct source *s, const struct reference *r,
                      struct err *e)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->used[i] || reference_is_ballast(r, reference_plain(s->tensors[i].name)))
            continue;
        char *name = str_visible(s->tensors[i].name);
        err_set(e, ERR_CORRUPT,
                "'%s' looks like a %s prompt, but its tensor '%.200s' has no place there: it is of "
                "a trainer that is not known here",
                t->path, method_find(r->trainer)->label, name);
        free(name);
        return e->code;
    }
    return 0;
}

static void take_start(struct trained *t, const struct source *s)
{
    long at = find_plain(s, "token_prefix");
    if (at < 0 || !is_floating(&s->tensors[at]) || s->tensors[at].dims != 3)
        return;
    t->width = s->tensors[at].shape[2];
    t->start = mem_alloc(t->width + 1, sizeof *t->start);
    if (s->tensors[at].count >= t->width)
        safetensors_slice(&s->tensors[at], 0, t->width, t->start);
}

static int unknown(const struct trained *t, const struct source *s, struct err *e)
{
    enum { SHOWN = 3 };
    struct str some = STR_INIT;
    for (size_t i = 0; i < s->n && i < SHOWN; i++) {
        char *name = str_visible(s->tensors[i].name);
        str_addf(&some, "%s'%.100s'", i ? ", " : "", name);
        free(name);
    }
    err_set(e, ERR_MISSING,
            "'%s' holds no prompt that is known here: none of its %zu tensor%s (%s%s) is the "
            "context 'ctx' of CoOp, CoCoOp, KgCoOp, ProGrad, MaPLe, IVLP or PromptSRC",
            t->path, s->n, s->n == 1 ? "" : "s", some.data, s->n > SHOWN ? ", ..." : "");
    str_release(&some);
    return e->code;
}

static int read_reference(struct trained *t, struct source *s, const struct trained_options *o,
                          struct err *e)
{
    const struct reference *r = references;
    while (r->trainer && find_plain(s, r->mark) < 0)
        r++;
    if (!r->trainer || find_plain(s, "ctx") < 0)
        return unknown(t, s, e);
    if (o->trainer && !reference_is(r, o->trainer))
        return err_set(e, ERR_RANGE, "'%s' is a prompt of %s by its tensors, not of %s", t->path,
                       method_find(r->trainer)->label, method_find(o->trainer)->label);
    t->trainer = method_find(o->trainer ? o->trainer : r->trainer)->name;
    int rc = take_arrays(t, s, r, e);
    if (rc == 0)
        rc = check_rest(t, s, r, e);
    if (rc == 0)
        take_start(t, s);
    return rc < 0 ? rc : trained_params_of(t, r, o, e);
}

/* ---- a result of ours ---- */

static const char *said(const struct trained *t, const char *key)
{
    return json_string_value(json_object_get(t->metadata, key));
}

/* The classes that one file before the method was said in it knew alone. */
static void read_classes(struct trained *t)
{
    long n;
    if (said(t, "classes") && str_to_long(said(t, "classes"), 1, 1 << 20, &n))
        t->classes = (int)n;
}

static int read_own(struct trained *t, const struct source *s, const struct trained_options *o,
                    struct err *e)
{
    if (o->context || o->position)
        return err_set(e, ERR_RANGE,
                       "'%s' is a result of ours, which says its words and the name's position "
                       "itself: leave them out",
                       t->path);
    t->own = true;
    int rc = trained_params_said(t, e);
    if (rc == 0 && o->trainer && !str_eq(o->trainer, t->trainer))
        rc = err_set(e, ERR_RANGE, "'%s' is a result of %s, not of %s", t->path,
                     method_find(t->trainer)->label, method_find(o->trainer)->label);
    for (size_t i = 0; i < s->n && rc == 0; i++) {
        const struct tensor *from = &s->tensors[i];
        if (!is_floating(from) || from->dims < 1 || from->dims > 2)
            return err_set(e, ERR_CORRUPT, "'%s': '%.200s' is no array of a result", t->path,
                           from->name);
        rc = take_numbers(t, from, (float *)add_array(t, from->name, from->dims, from->shape)->data,
                          e);
    }
    return rc < 0 ? rc : trained_params_classes(t, e);
}

/* ---- files ---- */

static int read_torch(struct trained *t, const struct trained_options *o, struct err *e)
{
    struct torchfile f;
    int rc = torchfile_open(&f, t->path, e);
    if (rc < 0)
        return rc;
    struct source s = {f.tensors, f.n, mem_zero(f.n + 1, sizeof(bool))};
    rc = read_reference(t, &s, o, e);
    free(s.used);
    torchfile_close(&f);
    return rc;
}

static int read_safetensors(struct trained *t, const struct trained_options *o, struct err *e)
{
    struct safetensors f;
    int rc = safetensors_open(&f, t->path, e);
    if (rc < 0)
        return rc;
    struct source s = {f.tensors, f.n, mem_zero(f.n + 1, sizeof(bool))};
    t->metadata = json_incref(json_object_get(f.header, "__metadata__"));
    if (said(t, "spec") || said(t, "method")) {
        rc = read_own(t, &s, o, e);
    } else {
        read_classes(t);
        rc = read_reference(t, &s, o, e);
    }
    free(s.used);
    safetensors_close(&f);
    return rc;
}

/* By its first bytes; those of safetensors are a length and the '{' of the header. */
static int is_torch(const char *path, bool *torch, struct err *e)
{
    enum { BRACE = 8 };
    struct fs_map map;
    int rc = fs_map_open(&map, path, e);
    if (rc < 0)
        return rc;
    *torch = torchfile_is(map.data, map.size);
    if (!*torch && (map.size <= BRACE || map.data[BRACE] != '{'))
        rc = err_set(e, ERR_CORRUPT, "'%s' is neither a file of torch.save nor safetensors", path);
    fs_map_close(&map);
    return rc;
}

int trained_open(struct trained *t, const char *path, const struct trained_options *o,
                 struct err *e)
{
    bool torch = false;
    *t = (struct trained){0};
    int rc = trained_locate(path, &t->path, e);
    if (rc == 0 && (rc = hash_file(t->sha256, t->path, e)) == 0 &&
        (rc = is_torch(t->path, &torch, e)) == 0)
        rc = torch ? read_torch(t, o, e) : read_safetensors(t, o, e);
    if (rc < 0)
        trained_close(t);
    return rc;
}

void trained_close(struct trained *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free((char *)t->arrays[i].name);
        free((float *)t->arrays[i].data);
    }
    free(t->arrays);
    free(t->start);
    free(t->path);
    json_decref(t->params);
    json_decref(t->spec);
    json_decref(t->metadata);
    *t = (struct trained){0};
}

/* ---- use ---- */

static int apply_one(const struct trained *t, struct learner *l, const struct kept *k,
                     struct err *e)
{
    const struct tensor_out *a = trained_find(t, k->name);
    if (!a)
        return err_set(e, ERR_CORRUPT, "'%s' has no '%s', which a %s prompt needs", t->path,
                       k->name, method_find(t->trainer)->label);
    bool same = a->dims == k->dims;
    for (int d = 0; d < k->dims && same; d++)
        same = a->shape[d] == k->shape[d];
    const size_t rows = k->dims == 2 ? k->shape[0] : 1, columns = k->shape[k->dims - 1];
    if (!same)
        return err_set(e, ERR_RANGE,
                       "'%s': '%s' is %zu x %zu, expected %zu x %zu: was it trained with another "
                       "CLIP or another number of classes?",
                       t->path, k->name, a->dims == 2 ? a->shape[0] : 1, a->shape[a->dims - 1],
                       rows, columns);
    l->device->ops->upload(l->device, k->data, a->data, rows * columns * sizeof(float));
    return 0;
}

/* All CLIPs of one width take each other's vectors and make nonsense of them; the embedding that
 * the trainer saved along tells them apart. It may have been rounded to fp16. */
static int check_start(const struct trained *t, const struct learner *l, struct err *e)
{
    const size_t C = (size_t)l->clip->shape.text_width;
    const int token = bpe_start(l->bpe);
    bool same = t->width == C;
    if (!t->start)
        return 0;
    float *ours = mem_alloc(C, sizeof *ours);
    clip_embed_tokens(l->clip, &token, 1, ours);
    for (size_t c = 0; c < C && same; c++)
        same = fabsf(ours[c] - t->start[c]) <= 1e-4f + 1e-2f * fabsf(ours[c]);
    free(ours);
    return same ? 0
                : err_set(e, ERR_RANGE,
                          "'%s' was trained with another CLIP than these weights: its "
                          "'token_prefix' is not their embedding of the start of a text",
                          t->path);
}

int trained_apply(const struct trained *t, struct learner *l, struct err *e)
{
    int rc = check_start(t, l, e);
    for (int i = 0; i < l->n_kept && rc == 0; i++)
        if (l->kept[i].when & KEEP_RESULT)
            rc = apply_one(t, l, &l->kept[i], e);
    return rc < 0 ? rc : device_sync(l->device, e);
}
