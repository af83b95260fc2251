/*
 * Image features, whatever the kind of image tower: see vision.h and tower.h.
 *
 * Images pass in groups of a fixed number; the last group is filled up with zero images. So every
 * matrix product has the same number of rows in every call, and an image's features do not depend
 * on how many others came with it.
 */
#include "core/clip/vision.h"

#include "core/base/mem.h"
#include "core/clip/tower.h"

#include <stdlib.h>

enum {
    GROUP_LEAST = 2
}; // libraries multiply a single row in another order: embed one = encode many

struct vision {
    const struct clip *m;
    const struct tower *tower;
    int group;       // images at once
    void *work;      // the tower's memory; this and the next two are NULL when there was not enough
    float *images;   // device, (group, 3, S, S)
    float *features; // device, (group, E)
};

/* Floats of one image. */
static size_t pixels_of(const struct clip_shape *s)
{
    return 3 * (size_t)s->image_size * (size_t)s->image_size;
}

struct vision *vision_new(const struct clip *m, int batch)
{
    BUG_IF(batch < 1);
    const struct tower *tower = tower_of(&m->shape);
    struct vision *v = mem_zero(1, sizeof *v);
    *v = (struct vision){
        .m = m, .tower = tower, .group = tower->group(&m->shape, m->device->ops->apart)};
    if (v->group > batch)
        v->group = batch;
    if (v->group < GROUP_LEAST)
        v->group = GROUP_LEAST;
    v->work = tower->begin(m, v->group);
    v->images = device_floats(m->device, (size_t)v->group * pixels_of(&m->shape));
    v->features = device_floats(m->device, (size_t)v->group * (size_t)m->shape.embed);
    return v;
}

void vision_free(struct vision *v)
{
    if (!v)
        return;
    v->tower->end(v->work);
    device_release(v->m->device, v->images);
    device_release(v->m->device, v->features);
    free(v);
}

int vision_group(const struct vision *v)
{
    return v->group;
}

int vision_ready(const struct vision *v, struct err *e)
{
    if (v->work && v->images && v->features)
        return 0;
    const int rc = device_sync(v->m->device, e);
    return rc < 0
               ? rc
               : err_set(e, ERR_MEMORY, "not enough device memory for %d images at once", v->group);
}

/* features = of the group's first n images */
static void run_group(struct vision *v, size_t n)
{
    struct device *d = v->m->device;
    const size_t pixels = pixels_of(&v->m->shape), group = (size_t)v->group;
    if (n < group)
        d->ops->zero(d, v->images + n * pixels, (group - n) * pixels * sizeof *v->images);
    v->tower->forward(v->work, v->features, v->images);
}

int vision_forward(struct vision *v, const float *images, size_t n, float *out, struct err *e)
{
    struct device *d = v->m->device;
    const size_t pixels = pixels_of(&v->m->shape), E = (size_t)v->m->shape.embed;
    const size_t group = (size_t)v->group;
    const int rc = vision_ready(v, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < n; i += group) {
        const size_t count = n - i < group ? n - i : group;
        d->ops->upload(d, v->images, images + i * pixels, count * pixels * sizeof *images);
        run_group(v, count);
        d->ops->download(d, out + i * E, v->features, count * E * sizeof *out);
    }
    return device_sync(d, e);
}

const float *vision_views(struct vision *v, const float *value, const struct device_view *views,
                          size_t n)
{
    struct device *d = v->m->device;
    const int S = v->m->shape.image_size;
    BUG_IF(n > (size_t)v->group || !v->work);
    d->ops->views(d, v->images, value, views, (int)n, S, S);
    run_group(v, n);
    return v->features;
}
