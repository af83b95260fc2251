/*
 * Loading CLIP: sizes from shapes, the text tower to the device, the image tower by its kind. See
 * model.h.
 */
#include "core/clip/model.h"

#include "core/clip/tower.h"

#include <math.h>
#include <stdlib.h>

static int text_shape(struct clip_shape *s, const struct weights *w, struct err *e)
{
    int rc;
    if ((rc = weights_size(w, "ln_final.weight", 1, 0, &s->text_width, e)) < 0 ||
        (rc = weights_size(w, "positional_embedding", 2, 0, &s->context, e)) < 0 ||
        (rc = weights_size(w, "token_embedding.weight", 2, 0, &s->vocab, e)) < 0 ||
        (rc = weights_size(w, "text_projection", 2, 1, &s->embed, e)) < 0)
        return rc;
    s->text_layers = weights_count(w, "transformer.resblocks.");
    if (s->text_width % DEVICE_HEAD || !s->text_layers)
        return err_set(e, ERR_CORRUPT,
                       "'%s': the text tower has %d blocks of width %d, expected at least one and "
                       "a multiple of 64",
                       w->file.path, s->text_layers, s->text_width);
    return 0;
}

int clip_shape_read(struct clip_shape *s, const struct weights *w, struct err *e)
{
    const bool resnet = weights_has(w, "visual.attnpool.positional_embedding");
    *s = (struct clip_shape){0};
    if (!resnet && !w->hf && !weights_has(w, "visual.proj"))
        return err_set(e, ERR_MISSING,
                       "'%s': the image tower is of unknown architecture: expected a ViT with "
                       "'visual.proj' or a ResNet with 'visual.attnpool.*'",
                       w->file.path);
    const int rc = (resnet ? tower_resnet : tower_vit).shape(s, w, e);
    return rc < 0 ? rc : text_shape(s, w, e);
}

static void load_text(struct clip *m, struct loader *l)
{
    const struct clip_shape *s = &m->shape;
    const size_t C = (size_t)s->text_width;
    int width = 0;
    l->directions = LINEAR_FORWARD | LINEAR_BACKWARD;
    l->rc = weights_size(l->weights, "token_embedding.weight", 2, 1, &width, l->e);
    if (l->rc == 0 && width != s->text_width)
        l->rc = err_set(l->e, ERR_CORRUPT, "'%s': token embeddings are %d wide, expected %d",
                        l->weights->file.path, width, s->text_width);
    m->text_position = LOAD(l, "positional_embedding", (size_t)s->context, C);
    m->text = load_blocks(l, "", s->text_layers, C, true);
    m->final_gamma = load_vector(l, "ln_final.weight", C);
    m->final_beta = load_vector(l, "ln_final.bias", C);
    m->text_proj = load_projection(l, "text_projection", C, (size_t)s->embed);
}

int clip_open(struct clip *m, const char *path, struct device *d, int what, struct err *e)
{
    *m = (struct clip){.device = d};
    int rc = weights_open(&m->weights, path, e);
    if (rc < 0)
        return rc;
    if ((rc = clip_shape_read(&m->shape, &m->weights, e)) < 0)
        goto out;
    if (what & CLIP_VISION_BACKWARD && m->shape.kind != CLIP_VIT) {
        rc = err_set(e, ERR_RANGE,
                     "'%s' has a ResNet image tower; prompts inside the image tower need a ViT",
                     path);
        goto out;
    }
    struct loader l = {.weights = &m->weights, .device = d, .e = e};
    float *scale = load_floats(&l, "logit_scale", 0, NULL);
    if (scale)
        m->logit_scale = expf(*scale);
    free(scale);
    if (what & CLIP_TEXT && l.rc == 0)
        load_text(m, &l);
    if (what & CLIP_VISION && l.rc == 0) {
        l.directions = LINEAR_FORWARD | (what & CLIP_VISION_BACKWARD ? LINEAR_BACKWARD : 0) |
                       (what & CLIP_BF16 ? LINEAR_BF16 : 0);
        tower_of(&m->shape)->load(m, &l);
    }
    if ((rc = l.rc) == 0)
        rc = device_sync(d, e);
out:
    if (rc < 0)
        clip_close(m);
    else
        safetensors_rest(&m->weights.file);
    return rc;
}

void clip_close(struct clip *m)
{
    struct device *d = m->device;
    if (!d)
        return;
    device_release(d, m->final_gamma);
    device_release(d, m->final_beta);
    d->ops->linear_free(d, m->text_proj);
    load_blocks_free(d, m->text, m->shape.text_layers);
    tower_of(&m->shape)->unload(m);
    free(m->text_position);
    weights_close(&m->weights);
    *m = (struct clip){0};
}

void clip_embed_tokens(const struct clip *m, const int *ids, size_t n, float *out)
{
    const size_t C = (size_t)m->shape.text_width;
    for (size_t i = 0; i < n; i++) {
        BUG_IF(ids[i] < 0 || ids[i] >= m->shape.vocab);
        weights_embedding(&m->weights, (size_t)ids[i] * C, C, out + i * C);
    }
}

uint64_t clip_init_draws(const struct clip_shape *s)
{
    const uint64_t t = (uint64_t)s->text_width, embedding = (uint64_t)s->vocab * t;
    // The text tower is drawn with the layers' own starts, then again with CLIP's.
    return tower_of(s)->draws(s) + (uint64_t)s->text_layers * (draws_block(t) + 12 * t * t) +
           2 * draws_normal(embedding) + draws_normal((uint64_t)s->context * t) +
           draws_normal(t * (uint64_t)s->embed);
}
