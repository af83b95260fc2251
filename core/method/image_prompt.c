/* Prompts inside the image tower: see image_prompt.h. */
#include "core/method/image_prompt.h"

#include "core/proto/spec.h"

enum { EVALUATION_IMAGES = 64 }; // at once, at most

static int check_tower(const char *tower, int blocks, int depth, struct err *e)
{
    if (depth >= 1 && depth <= blocks)
        return 0;
    return err_set(e, ERR_RANGE, "'depth' is %d, the %s tower has %d blocks: expected 1 to %d",
                   depth, tower, blocks, blocks);
}

int image_prompt_check(const struct learner *l, int depth, bool text, struct err *e)
{
    const struct clip_shape *s = &l->clip->shape;
    int rc;
    if (s->kind != CLIP_VIT)
        return err_set(e, ERR_RANGE,
                       "method '%s' has prompts inside the image tower, which must be a ViT, not a "
                       "ResNet",
                       l->method->name);
    if ((rc = check_tower("image", s->vision_layers, depth, e)) < 0)
        return rc;
    return text ? check_tower("text", s->text_layers, depth, e) : 0;
}

void image_prompt_open(struct image_prompt *p, const struct learner *l, int M, int depth)
{
    *p = (struct image_prompt){.M = M, .V = l->clip->shape.vision_width, .depth = depth};
    size_t n = (size_t)depth * (size_t)M * (size_t)p->V;
    p->vectors = device_floats(l->device, n);
    p->dvectors = device_floats(l->device, n);
}

void image_prompt_release(struct image_prompt *p, const struct learner *l)
{
    vision_prompt_free(p->tower);
    device_release(l->device, p->vectors);
    device_release(l->device, p->dvectors);
    device_release(l->device, p->features);
    *p = (struct image_prompt){0};
}

int image_prompt_plan(struct image_prompt *p, const struct learner *l, bool training, struct err *e)
{
    int batch = training ? (int)spec_get_int(l->params, "batch") : EVALUATION_IMAGES;
    vision_prompt_free(p->tower);
    p->tower = NULL;
    return vision_prompt_new(&p->tower, l->clip, p->M, p->depth, batch,
                             training ? VISION_BACKWARD : VISION_FORWARD, e);
}

static void reserve(struct image_prompt *p, struct learner *l, int n)
{
    size_t ne = (size_t)n * (size_t)l->clip->shape.embed;
    if (n <= p->B)
        return;
    learner_moves(l);
    device_release(l->device, p->features);
    p->features = device_floats(l->device, 3 * ne);
    p->dfeatures = p->features + ne;
    p->dunit = p->dfeatures + ne;
    p->B = n;
}

void image_prompt_forward(struct image_prompt *p, struct learner *l, const float *pixels, int n)
{
    reserve(p, l, n);
    vision_prompt_forward(p->tower, pixels, n, p->vectors, p->features);
}

void image_prompt_dunit(struct image_prompt *p, const struct learner *l, const float *dlogits,
                        const float *text, int n)
{
    l->device->ops->matmul_nn(l->device, p->dunit, dlogits, text, n, l->clip->shape.embed, l->K,
                              l->clip->logit_scale);
}

void image_prompt_backward(struct image_prompt *p, const struct learner *l, const float *unit,
                           const float *norm, int n)
{
    l->device->ops->l2norm_bwd(l->device, p->dfeatures, p->dunit, unit, norm, n,
                               l->clip->shape.embed);
    vision_prompt_backward(p->tower, p->dfeatures, p->dvectors);
}
