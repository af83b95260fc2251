/*
 * Ten training steps of CoOp and RLP against PyTorch's autograd and SGD in float64
 * (tests/oracle/clip), and the low-rank factors' gradients.
 */
#include "t.h"

#include "core/train/loop.h"
#include "tests/unit/clip/oracle.h"

enum { M = 4, R = 2 };

/* A learner whose start, factors and dropout masks come from the fixture. */
struct given {
    float *start, *masks; // (M, C), (steps, M, C) or NULL
    uint64_t step;
};

static const float *mask_of(const struct learner *l)
{
    const struct given *g = l->own;
    return g->masks ? g->masks + g->step * (uint64_t)(M * l->C) : NULL;
}

static void lowrank_compose(struct learner *l, bool training, uint64_t step)
{
    struct given *g = l->own;
    g->step = step;
    l->device->ops->lowrank_fwd(l->device, l->context, g->start, l->parameters,
                                l->parameters + M * R, training ? mask_of(l) : NULL, M, R, l->C);
}

static void lowrank_backward(struct learner *l)
{
    l->device->ops->lowrank_bwd(l->device, l->gradient, l->gradient + M * R, l->dcontext,
                                l->parameters, l->parameters + M * R, mask_of(l), M, R, l->C);
}

static const struct method lowrank = {
    .name = "given low rank", .compose = lowrank_compose, .backward = lowrank_backward};

static void prompts_of(struct text_prompts *p, const struct oracle *o)
{
    const struct tensor *names = safetensors_find(&o->fixture, "names");
    float *rows = oracle_floats(o, "names");
    for (size_t k = 0; k < names->shape[0]; k++) {
        int items[128] = {o->shape.vocab - 2, -1, -2, -3, -4}, n = 5;
        for (size_t i = 0; i < names->shape[1] && rows[k * names->shape[1] + i] >= 0; i++)
            items[n++] = (int)rows[k * names->shape[1] + i];
        items[n++] = o->shape.vocab - 1;
        text_prompts_add(p, items, (size_t)n);
    }
    free(rows);
}

/* All of the fixture's steps: losses[step]; the learner is left trained. */
static void train(const struct oracle *o, struct learner *l, float *losses)
{
    const struct tensor *t = safetensors_find(&o->fixture, "train.labels");
    size_t steps = t->shape[0], B = t->shape[1], E = (size_t)o->shape.embed;
    float *images = oracle_values("train.images", steps * B * E, 1);
    float *given = oracle_floats(o, "train.labels");
    struct loop_config config = {.momentum = 0.9, .weight_decay = 5e-4};
    struct text_prompts p = {0};
    struct loop *s;
    struct err e;
    prompts_of(&p, o);
    assert_ok(loop_open(&s, l, &p, B, (int)B, &e), &e);
    for (size_t i = 0; i < steps; i++) {
        int rows[64], labels[64];
        struct loop_epoch epoch = {.epoch = (int)i};
        for (size_t b = 0; b < B; b++) {
            rows[b] = (int)b;
            labels[b] = (int)given[i * B + b];
        }
        loop_images(s, images + i * B * E);
        loop_step(s, &config, rows, labels, (int)B, 0, 0.1, i);
        assert_ok(loop_read(s, &epoch, B, &e), &e);
        losses[i] = (float)epoch.loss;
    }
    loop_close(s);
    text_prompts_release(&p);
    free(images);
    free(given);
}

static void compare(const struct oracle *o, const char *name, const float *got, size_t n)
{
    float *want = oracle_floats(o, name);
    assert_near(got, want, n, 1e-4);
    free(want);
}

static void coop(const struct oracle *o, const struct clip *m)
{
    struct learner l = {.method = &method_coop, .clip = m, .device = m->device};
    l.C = m->shape.text_width;
    size_t n = (size_t)(M * l.C);
    float *start = oracle_values("start", n, 0.1), losses[64];
    learner_parameters(&l, M, n, start);
    train(o, &l, losses);
    compare(o, "coop.losses", losses, safetensors_find(&o->fixture, "coop.losses")->count);
    compare(o, "coop.context", l.parameters, n);
    learner_release(&l);
    free(start);
}

static void rlp(const struct oracle *o, const struct clip *m, bool masked)
{
    struct given g = {0};
    struct learner l = {.method = &lowrank, .clip = m, .device = m->device, .own = &g};
    l.C = m->shape.text_width;
    size_t C = (size_t)l.C, n = R * (M + C);
    float *initial = mem_zero(n, sizeof *initial), *B = oracle_values("rlp.B", R * C, 0.1);
    float losses[64];
    char name[32];
    g.start = oracle_values("start", M * C, 0.1);
    if (masked)
        g.masks = oracle_floats(o, "mask");
    memcpy(initial + M * R, B, R * C * sizeof *B);
    learner_parameters(&l, M, n, initial);
    train(o, &l, losses);
    snprintf(name, sizeof name, "%s.losses", masked ? "masked" : "rlp");
    compare(o, name, losses, safetensors_find(&o->fixture, name)->count);
    snprintf(name, sizeof name, "%s.A", masked ? "masked" : "rlp");
    compare(o, name, l.parameters, M * R);
    snprintf(name, sizeof name, "%s.B", masked ? "masked" : "rlp");
    compare(o, name, l.parameters + M * R, R * C);
    learner_release(&l);
    free(g.start);
    free(g.masks);
    free(initial);
    free(B);
}

/* One step at rate 0: its gradient stays in the learner. */
static void factor_gradients(const struct oracle *o, const struct clip *m)
{
    struct given g = {0};
    struct learner l = {.method = &lowrank, .clip = m, .device = m->device, .own = &g};
    l.C = m->shape.text_width;
    size_t C = (size_t)l.C, n = R * (M + C), B = safetensors_find(&o->fixture, "labels")->count;
    float *a = oracle_values("factor.A", M * R, 0.5), *b = oracle_values("factor.B", R * C, 0.1);
    float *initial = mem_alloc(n, sizeof *initial), *labels = oracle_floats(o, "labels");
    float *images = oracle_values("batch", B * (size_t)o->shape.embed, 1), loss;
    int rows[64], classes[64];
    struct text_prompts p = {0};
    struct loop_config config = {0};
    struct loop_epoch epoch = {0};
    struct loop *s;
    struct err e;
    g.start = oracle_values("start", M * C, 0.1);
    g.masks = oracle_floats(o, "mask");
    memcpy(initial, a, M * R * sizeof *a);
    memcpy(initial + M * R, b, R * C * sizeof *b);
    learner_parameters(&l, M, n, initial);
    for (size_t i = 0; i < B; i++) {
        rows[i] = (int)i;
        classes[i] = (int)labels[i];
    }
    prompts_of(&p, o);
    assert_ok(loop_open(&s, &l, &p, B, (int)B, &e), &e);
    loop_images(s, images);
    loop_step(s, &config, rows, classes, (int)B, 0, 0, 0);
    assert_ok(loop_read(s, &epoch, B, &e), &e);
    loss = (float)epoch.loss;
    compare(o, "factor.loss", &loss, 1);
    compare(o, "factor.dA", l.gradient, M * R);
    compare(o, "factor.dB", l.gradient + M * R, R * C);
    loop_close(s);
    learner_release(&l);
    text_prompts_release(&p);
    free(g.start);
    free(g.masks);
    free(a);
    free(b);
    free(initial);
    free(labels);
    free(images);
}

static void factor_gradients_and_ten_steps_match_autograd_and_torchs_sgd(void **unused)
{
    (void)unused;
    for (int i = 0; i < ORACLES; i++) {
        struct oracle o;
        struct device *d;
        struct clip m;
        struct err e;
        oracle_open(&o, oracle_names[i]);
        assert_ok(device_open(&d, "cpu", 2, &e), &e);
        assert_ok(clip_open(&m, o.model, d, CLIP_TEXT, &e), &e);
        factor_gradients(&o, &m);
        coop(&o, &m);
        rlp(&o, &m, false);
        rlp(&o, &m, true);
        clip_close(&m);
        device_close(d);
        oracle_close(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factor_gradients_and_ten_steps_match_autograd_and_torchs_sgd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
