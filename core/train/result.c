/* Results: see result.h. */
#include "core/train/result.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/safetensors.h"
#include "core/method/context.h"

#include <stdlib.h>

static size_t count_of(const struct kept *k)
{
    return k->shape[0] * (k->dims == 2 ? k->shape[1] : 1);
}

int result_save(struct learner *l, const char *path, const json_t *metadata, struct err *e)
{
    struct tensor_out tensors[LEARNER_KEPT + 1];
    size_t n = 0;
    bool merged = l->context != NULL;
    for (int i = 0; i < l->n_kept; i++) {
        const struct kept *k = &l->kept[i];
        if (!(k->when & KEEP_RESULT))
            continue;
        float *host = mem_alloc(count_of(k), sizeof *host);
        l->device->ops->download(l->device, host, k->data, count_of(k) * sizeof *host);
        tensors[n++] =
            (struct tensor_out){k->name, k->dims, {k->shape[0], k->shape[1]}, host, DTYPE_F32};
        merged = merged && !str_eq(k->name, "ctx");
    }
    if (merged)
        tensors[n++] = (struct tensor_out){"ctx",
                                           2,
                                           {(size_t)l->context->contexts, (size_t)l->context->C},
                                           context_deployed(l),
                                           DTYPE_F32};
    int rc = device_sync(l->device, e);
    if (rc == 0)
        rc = safetensors_write(path, tensors, n, metadata, e);
    for (size_t i = 0; i < n; i++)
        free((float *)tensors[i].data);
    return rc;
}

int result_load(struct learner *l, const char *path, struct err *e)
{
    struct safetensors file;
    int rc = safetensors_open(&file, path, e);
    if (rc < 0)
        return rc;
    for (int i = 0; i < l->n_kept && rc == 0; i++) {
        const struct kept *k = &l->kept[i];
        float *host = NULL;
        if (!(k->when & KEEP_RESULT))
            continue;
        rc = safetensors_floats(&file, k->name, k->dims, k->shape, &host, e);
        if (rc == 0)
            l->device->ops->upload(l->device, k->data, host, count_of(k) * sizeof *host);
        free(host);
    }
    safetensors_close(&file);
    return rc < 0 ? rc : device_sync(l->device, e);
}
