/*
 * Deep prompts in both towers against plain PyTorch in float64 (tests/oracle/deep): features, and
 * the gradients of one loss to every level.
 */
#include "t.h"

#include "core/clip/vision_prompt.h"
#include "tests/unit/clip/deep.h"

/* What the two towers are run on, and what comes of it. */
struct towers {
    const struct oracle *o;
    const struct clip *m;
    int K, text_depth, image_depth;
    float *pixels, *text, *image; // inputs
    float *features, *dfeatures;  // (K, E)
    float *images, *dimages;      // (B, E)
    float *dtext, *dimage;        // (D, M, C), (D, V, W)
};

static size_t text_size(const struct towers *w)
{
    return (size_t)(w->text_depth * DEEP_M * w->o->shape.text_width);
}

static size_t image_size(const struct towers *w)
{
    return (size_t)(w->image_depth * DEEP_V * w->o->shape.vision_width);
}

static struct towers towers_new(const struct oracle *o, const struct clip *m, int depth)
{
    const struct clip_shape *s = &o->shape;
    struct towers w = {.o = o, .m = m};
    size_t S = (size_t)s->image_size, E = (size_t)s->embed;
    w.K = (int)safetensors_find(&o->fixture, "names")->shape[0];
    w.text_depth = depth < s->text_layers ? depth : s->text_layers;
    w.image_depth = depth < s->vision_layers ? depth : s->vision_layers;
    w.pixels = oracle_values("towers.pixels", DEEP_B * 3 * S * S, 2);
    w.text = oracle_values("towers.text", text_size(&w), 0.1);
    w.image = oracle_values("towers.image", image_size(&w), 0.3);
    w.features = device_floats(m->device, (size_t)w.K * E);
    w.dfeatures = device_floats(m->device, (size_t)w.K * E);
    w.images = device_floats(m->device, DEEP_B * E);
    w.dimages = device_floats(m->device, DEEP_B * E);
    w.dtext = device_floats(m->device, text_size(&w));
    w.dimage = device_floats(m->device, image_size(&w));
    return w;
}

static void towers_free(struct towers *w)
{
    float *blocks[] = {w->features, w->dfeatures, w->images, w->dimages, w->dtext, w->dimage};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        device_release(w->m->device, blocks[i]);
    free(w->pixels);
    free(w->text);
    free(w->image);
}

/* Mean cross entropy of the batch, and the gradients of both towers' features. */
static float loss_of(struct towers *w)
{
    struct device *d = w->m->device;
    int E = w->o->shape.embed, K = w->K, labels[DEEP_B];
    float scale = w->m->logit_scale, loss[DEEP_B], hit[DEEP_B], sum = 0;
    size_t ke = (size_t)(K * E), be = (size_t)(DEEP_B * E);
    float *unit = device_floats(d, 2 * ke + 2 * be), *batch = unit + ke, *dunit = batch + be;
    float *dbatch = dunit + ke, *logits = device_floats(d, (size_t)(DEEP_B * K)), norm[128];
    float batch_norm[DEEP_B];
    deep_labels(w->o, 0, labels);
    d->ops->l2norm_fwd(d, unit, norm, w->features, K, E);
    d->ops->l2norm_fwd(d, batch, batch_norm, w->images, DEEP_B, E);
    d->ops->matmul_nt(d, logits, batch, unit, DEEP_B, K, E, scale);
    d->ops->cross_entropy(d, loss, hit, logits, logits, labels, DEEP_B, K);
    d->ops->matmul_tn(d, dunit, logits, batch, K, E, DEEP_B, scale);
    d->ops->matmul_nn(d, dbatch, logits, unit, DEEP_B, E, K, scale);
    d->ops->l2norm_bwd(d, w->dfeatures, dunit, unit, norm, K, E);
    d->ops->l2norm_bwd(d, w->dimages, dbatch, batch, batch_norm, DEEP_B, E);
    for (int b = 0; b < DEEP_B; b++)
        sum += loss[b] / DEEP_B;
    device_release(d, unit);
    device_release(d, logits);
    return sum;
}

static void run(struct towers *w, enum text_mode text_mode, enum vision_mode vision_mode)
{
    struct text_prompts p = {0};
    struct text *text;
    struct vision_prompt *vision;
    struct err e;
    deep_prompts(&p, w->o);
    assert_ok(text_new(&text, w->m, &p, DEEP_M, text_mode, &e), &e);
    text_deep(text, w->text_depth);
    assert_ok(vision_prompt_new(&vision, w->m, DEEP_V, w->image_depth, DEEP_B, vision_mode, &e),
              &e);
    text_forward(text, w->text, w->features);
    vision_prompt_forward(vision, w->pixels, DEEP_B, w->image, w->images);
    float loss = loss_of(w);
    char name[64];
    int depth = w->text_depth > w->image_depth ? w->text_depth : w->image_depth;
    snprintf(name, sizeof name, "towers.%d.loss", depth);
    deep_compare(w->o, name, &loss, 1, 1e-4);
    text_backward(text, w->dfeatures, w->dtext);
    vision_prompt_backward(vision, w->dimages, w->dimage);
    text_free(text);
    vision_prompt_free(vision);
    text_prompts_release(&p);
}

static void check(const struct oracle *o, const struct clip *m, int depth)
{
    struct towers w = towers_new(o, m, depth);
    size_t E = (size_t)o->shape.embed, text = text_size(&w), image = image_size(&w);
    const struct {
        const char *name;
        const float *got;
        size_t n;
        double tolerance;
    } parts[] = {{"text", w.features, (size_t)w.K * E, 1e-5},
                 {"image", w.images, DEEP_B * E, 1e-5},
                 {"dtext", w.dtext, text, 1e-4},
                 {"dimage", w.dimage, image, 1e-4}};
    run(&w, TEXT_KEEP, VISION_KEEP);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char name[64];
        snprintf(name, sizeof name, "towers.%d.%s", depth, parts[i].name);
        deep_compare(o, name, parts[i].got, parts[i].n, parts[i].tolerance);
    }
    // Keeping less gives the same bits.
    float *dtext = mem_dup(w.dtext, text * sizeof *dtext);
    float *dimage = mem_dup(w.dimage, image * sizeof *dimage);
    run(&w, TEXT_RECOMPUTE, VISION_RECOMPUTE);
    assert_memory_equal(w.dtext, dtext, text * sizeof *dtext);
    assert_memory_equal(w.dimage, dimage, image * sizeof *dimage);
    free(dtext);
    free(dimage);
    towers_free(&w);
}

static void features_and_gradients_of_every_level_match_autograd(void **unused)
{
    (void)unused;
    for (int i = 0; i < ORACLES; i++) {
        struct oracle o;
        struct device *d;
        struct clip m;
        struct err e;
        deep_open(&o, oracle_names[i]);
        assert_ok(device_open(&d, "cpu", 2, &e), &e);
        assert_ok(clip_open(&m, o.model, d, CLIP_TEXT | CLIP_VISION | CLIP_VISION_BACKWARD, &e),
                  &e);
        int most = o.shape.vision_layers > o.shape.text_layers ? o.shape.vision_layers
                                                               : o.shape.text_layers;
        for (int depth = 1; depth <= most; depth++)
            check(&o, &m, depth);
        clip_close(&m);
        device_close(d);
        oracle_close(&o);
    }
}

static void without_prompts_it_is_the_plain_tower_for_any_number_of_images(void **unused)
{
    (void)unused;
    struct oracle o;
    struct device *d;
    struct clip m;
    struct vision_prompt *v;
    struct err e;
    oracle_open(&o, "small");
    assert_ok(device_open(&d, "cpu", 2, &e), &e);
    assert_ok(clip_open(&m, o.model, d, CLIP_VISION, &e), &e);
    const struct tensor *t = safetensors_find(&o.fixture, "image_features");
    size_t S = (size_t)o.shape.image_size, N = t->shape[0];
    float *images = oracle_values("images", N * 3 * S * S, 2);
    float *out = device_floats(d, t->count), *want = oracle_floats(&o, "image_features");
    assert_ok(vision_prompt_new(&v, &m, 0, 0, 2, VISION_FORWARD, &e), &e);
    vision_prompt_forward(v, images, (int)N, NULL, out); // 2, 2 and 1
    assert_near(out, want, t->count, 1e-5);
    vision_prompt_free(v);
    device_release(d, out);
    free(images);
    free(want);
    clip_close(&m);
    device_close(d);
    oracle_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_and_gradients_of_every_level_match_autograd),
        cmocka_unit_test(without_prompts_it_is_the_plain_tower_for_any_number_of_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
