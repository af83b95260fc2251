/*
 * Zero-shot CLIP: hand-written templates with the class name in place of {}, one or the mean of
 * many (spec/training.md section 6). Nothing is trained.
 */
#include "core/base/mem.h"
#include "core/method/classifier.h"

#include <stdlib.h>

struct zero_shot {
    float *text; // device, (K, E), unit length
};

static int classes(struct learner *l, char *const *names, int K, bool training, struct err *e)
{
    (void)training;
    if (!l->own)
        l->own = mem_zero(1, sizeof(struct zero_shot));
    struct zero_shot *z = l->own;
    device_release(l->device, z->text);
    z->text = device_floats(l->device, (size_t)K * (size_t)l->clip->shape.embed);
    l->K = K;
    return classifier_ensemble(l, names, K, CLASSIFIER_UNIT, z->text, e);
}

static void logits(struct learner *l, const float *images, int n, float *out)
{
    const struct zero_shot *z = l->own;
    classifier_logits(l, z->text, l->K, images, n, out);
}

static void release(struct learner *l)
{
    struct zero_shot *z = l->own;
    if (z)
        device_release(l->device, z->text);
    free(z);
}

const struct method method_zero_shot = {
    .name = "zero-shot",
    .classes = classes,
    .logits = logits,
    .release = release,
};
