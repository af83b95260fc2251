/* See import.h. */
#include "core/clip/import.h"

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "core/clip/architecture.h"
#include "core/clip/torchfile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char module_prefix[] = "module.";

/* A file of any kind, as tensors. */
struct reader {
    struct torchfile torch;
    struct safetensors safe;
    const struct tensor *tensors;
    size_t n;
    const char *kind;
};

static void reader_close(struct reader *r)
{
    torchfile_close(&r->torch);
    safetensors_close(&r->safe);
}

static int reader_open(struct reader *r, const char *path, struct err *e)
{
    struct fs_map map;
    struct weights check;
    int rc = fs_map_open(&map, path, e);
    *r = (struct reader){0};
    if (rc < 0)
        return rc;
    const bool torch = torchfile_is(map.data, map.size);
    fs_map_close(&map);
    if (torch) {
        if ((rc = torchfile_open(&r->torch, path, e)) < 0)
            return rc;
        r->kind = r->torch.script ? "torchscript" : "state-dict";
        r->tensors = r->torch.tensors;
        r->n = r->torch.n;
        return 0;
    }
    // A config.json beside the file may ask for what is not CLIP: seen only here.
    if ((rc = weights_open(&check, path, e)) < 0)
        return rc;
    weights_close(&check);
    if ((rc = safetensors_open(&r->safe, path, e)) < 0)
        return rc;
    r->kind = "safetensors";
    r->tensors = r->safe.tensors;
    r->n = r->safe.n;
    return 0;
}

/* What is kept of the file's tensors. */
static size_t select_tensors(const struct reader *r, struct tensor_out *out)
{
    bool wrapped = r->n > 0;
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        wrapped = wrapped && str_starts(r->tensors[i].name, module_prefix);
    for (size_t i = 0; i < r->n; i++) {
        const struct tensor *t = &r->tensors[i];
        if (t->dtype > DTYPE_F64)
            continue;
        out[n] = (struct tensor_out){.name = t->name + (wrapped ? strlen(module_prefix) : 0),
                                     .dims = t->dims,
                                     .data = t->data,
                                     .dtype = t->dtype};
        memcpy(out[n++].shape, t->shape, sizeof t->shape);
    }
    return n;
}

static size_t count_of(const struct tensor_out *t)
{
    size_t n = 1;
    for (int i = 0; i < t->dims; i++)
        n *= t->shape[i];
    return n;
}

static char *count_types(const struct tensor_out *tensors, size_t n)
{
    struct str text = STR_INIT;
    for (enum dtype type = DTYPE_F32; type <= DTYPE_F64; type++) {
        size_t count = 0;
        for (size_t i = 0; i < n; i++)
            count += tensors[i].dtype == type;
        if (count)
            str_addf(&text, "%s%zu %s", text.size ? ", " : "as stored: ", count, dtype_name(type));
    }
    return str_detach(&text);
}

static json_t *provenance(const struct reader *r, const struct import_source *from,
                          const struct tensor_out *tensors, size_t n)
{
    char content[HASH_HEX], *types = count_types(tensors, n),
                            *name = str_visible(fs_base(from->path));
    struct hash *h = hash_new();
    for (size_t i = 0; i < n; i++)
        hash_add(h, tensors[i].data, count_of(&tensors[i]) * dtype_bytes(tensors[i].dtype));
    hash_end(h, content);
    json_t *metadata =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "source", name, "source_sha256", from->sha256,
                  "kind", r->kind, "content_sha256", content, "dtypes", types);
    BUG_IF(!metadata);
    if (from->known_as)
        json_object_set_new(metadata, "known_as", json_string(from->known_as));
    free(types);
    free(name);
    return metadata;
}

/* ---- checks ---- */

static int check_finite(const struct safetensors *s, struct err *e)
{
    enum { CHUNK = 4096 };
    float numbers[CHUNK];
    for (size_t i = 0; i < s->n; i++) {
        const struct tensor *t = &s->tensors[i];
        for (size_t at = 0; t->dtype <= DTYPE_F64 && at < t->count; at += CHUNK) {
            const size_t n = t->count - at < CHUNK ? t->count - at : CHUNK;
            safetensors_slice(t, at, n, numbers);
            for (size_t k = 0; k < n; k++)
                if (!isfinite(numbers[k]))
                    return err_set(e, ERR_NUMERIC, "'%s': tensor '%.200s' holds %s at element %zu",
                                   s->path, t->name, isnan(numbers[k]) ? "NaN" : "infinity",
                                   at + k);
        }
    }
    return 0;
}

static int by_address(const void *a, const void *b)
{
    const char *x = ((const struct tensor *)a)->data, *y = ((const struct tensor *)b)->data;
    return x < y ? -1 : x > y;
}

/* The content's hash against the header's. Tensors cover the data without a gap. */
static int check_content(const struct safetensors *s, bool *hashed, struct err *e)
{
    const json_t *metadata = json_object_get(s->header, "__metadata__");
    const char *want = json_string_value(json_object_get(metadata, "content_sha256"));
    char found[HASH_HEX];
    *hashed = want != NULL;
    if (!want || !s->n)
        return 0;
    struct tensor *sorted = mem_dup(s->tensors, s->n * sizeof *sorted);
    qsort(sorted, s->n, sizeof *sorted, by_address);
    const unsigned char *first = sorted[0].data;
    hash_bytes(found, first, (size_t)(s->map.data + s->map.size - first));
    free(sorted);
    if (str_eq(found, want))
        return 0;
    return err_set(e, ERR_CORRUPT,
                   "'%s' was damaged or changed: SHA-256 of its tensors %s, expected %.64s; import "
                   "it again",
                   s->path, found, want);
}

int import_check(const char *path, struct clip_shape *shape, bool *hashed, struct err *e)
{
    struct safetensors s = {0};
    struct device *d = NULL;
    struct clip model;
    int rc;
    if ((rc = safetensors_open(&s, path, e)) < 0 || (rc = check_content(&s, hashed, e)) < 0 ||
        (rc = check_finite(&s, e)) < 0 || (rc = device_open(&d, "cpu", 1, e)) < 0 ||
        (rc = clip_open(&model, path, d, CLIP_TEXT | CLIP_VISION, e)) < 0)
        goto out;
    *shape = model.shape;
    clip_close(&model);
out:
    safetensors_close(&s);
    device_close(d);
    return rc;
}

static int check_label(const struct import_source *from, const struct clip_shape *shape,
                       struct err *e)
{
    const char *found = architecture_label(shape);
    if (!from->label || str_eq(found, from->label))
        return 0;
    char *text = architecture_text(shape);
    err_set(e, ERR_USAGE, "its sizes are %s, expected %s", text, from->label);
    free(text);
    return e->code;
}

int import_weights(const struct import_source *from, const char *to, struct clip_shape *shape,
                   struct err *e)
{
    struct reader r;
    struct tensor_out *tensors = NULL;
    char *candidate = str_format("%s.new", to);
    json_t *metadata = NULL;
    bool hashed;
    int rc = reader_open(&r, from->path, e);
    if (rc < 0)
        goto out;
    tensors = mem_zero(r.n + 1, sizeof *tensors);
    const size_t n = select_tensors(&r, tensors);
    metadata = provenance(&r, from, tensors, n);
    if ((rc = safetensors_write(candidate, tensors, n, metadata, e)) < 0)
        goto out;
    if ((rc = import_check(candidate, shape, &hashed, e)) == 0 &&
        (rc = check_label(from, shape, e)) == 0 && sys_rename(candidate, to) < 0)
        rc = err_sys(e, "unable to rename '%s' to '%s'", candidate, to);
    if (rc < 0) {
        unlink(candidate);
        err_wrap(e, "'%s' was not imported", from->path);
    }
out:
    reader_close(&r);
    json_decref(metadata);
    free(tensors);
    free(candidate);
    return rc;
}
