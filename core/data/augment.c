/*
 * The two transforms of CLIP's input: see augment.h. Float and double arithmetic follow
 * spec/image-preprocess.md sections 2, 4 and 5 operation by operation.
 */
#include "core/data/augment.h"

#include "core/base/err.h"
#include "core/base/rng.h"
#include "core/data/resize.h"

#include <math.h>
#include <stddef.h>

/* ---- test transform ---- */

/* size * long side / short side, as Python evaluates it. */
static int long_side(int size, int longer, int shorter)
{
    return (int)((double)size * longer / shorter);
}

void augment_test(struct device_view *out, const struct image *in, int size)
{
    int w = size, h = size;
    if (in->w <= in->h)
        h = long_side(size, in->h, in->w);
    else
        w = long_side(size, in->w, in->h);
    // rint: halves go to the even neighbour
    int left = (int)rint((w - size) / 2.0), top = (int)rint((h - size) / 2.0);
    *out = (struct device_view){in->rgb, 3 * (size_t)in->w, resize_axis(in->w, w, left, size),
                                resize_axis(in->h, h, top, size), false};
}

/* ---- train transform ---- */

/* torch's uniform_(a, b): the low 24 bits, one fused multiply-add, all in float32. */
static float uniform(float a, float b, augment_draw draw, void *state)
{
    return fmaf((float)(draw(state) & 0xffffff) * 0x1p-24f, b - a, a);
}

/* randint(0, n) */
static int below(int n, augment_draw draw, void *state)
{
    return (int)(draw(state) % (uint32_t)n);
}

static struct augment_crop choose_crop(int w, int h, double scale_min, augment_draw draw,
                                       void *state)
{
    const float log_low = -0.28768208622932434f, log_high = 0.28768211603164673f; // ln 3/4, ln 4/3
    for (int i = 0; i < 10; i++) {
        double area = (double)w * h * (double)uniform((float)scale_min, 1.0f, draw, state);
        double aspect = (double)expf(uniform(log_low, log_high, draw, state));
        double cw = rint(sqrt(area * aspect)), ch = rint(sqrt(area / aspect));
        if (cw > 0 && cw <= w && ch > 0 && ch <= h) {
            struct augment_crop crop = {.h = (int)ch, .w = (int)cw};
            crop.top = below(h - crop.h + 1, draw, state);
            crop.left = below(w - crop.w + 1, draw, state);
            return crop;
        }
    }
    // The largest centred crop of an allowed aspect.
    double ratio = (double)w / h;
    struct augment_crop crop = {.h = h, .w = w};
    if (ratio < 3.0 / 4.0)
        crop.h = (int)rint(w / (3.0 / 4.0));
    else if (ratio > 4.0 / 3.0)
        crop.w = (int)rint(h * (4.0 / 3.0));
    crop.top = (h - crop.h) / 2;
    crop.left = (w - crop.w) / 2;
    return crop;
}

struct augment_crop augment_choose(int w, int h, double scale_min, augment_draw draw, void *state)
{
    struct augment_crop crop = choose_crop(w, h, scale_min, draw, state);
    crop.flip = (draw(state) & 0xffffff) < 1 << 23; // rand() < 0.5
    return crop;
}

/* The words of one view of one image. */
struct view_stream {
    uint64_t seed, view, image;
    unsigned at; // words drawn
    uint32_t words[4];
};

static uint32_t view_draw(void *state)
{
    struct view_stream *s = state;
    if (s->at % 4 == 0)
        rng_at(s->seed, s->view << 8 | s->at / 4, s->image, s->words);
    return s->words[s->at++ % 4];
}

void augment_train(struct device_view *out, const struct image *in, int size, double scale_min,
                   uint64_t seed, uint64_t view, uint64_t image)
{
    struct view_stream stream = {.seed = seed, .view = view, .image = image};
    struct augment_crop crop = augment_choose(in->w, in->h, scale_min, view_draw, &stream);
    *out = (struct device_view){
        in->rgb + 3 * ((size_t)crop.top * (size_t)in->w + (size_t)crop.left), 3 * (size_t)in->w,
        resize_axis(crop.w, size, 0, size), resize_axis(crop.h, size, 0, size), crop.flip};
}

void augment_release(struct device_view *v)
{
    resize_axis_release(&v->across);
    resize_axis_release(&v->down);
}

/* ---- to numbers ---- */

void augment_values(float value[AUGMENT_VALUES])
{
    static const float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
    static const float std[3] = {0.26862954f, 0.26130258f, 0.27577711f};
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++)
            value[256 * c + v] = ((float)v / 255 - mean[c]) / std[c];
}
