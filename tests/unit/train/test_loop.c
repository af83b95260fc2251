/*
 * Ten training steps of CoOp and RLP against PyTorch's autograd and SGD in float64
 * (tests/oracle/clip), the low-rank factors' gradients, and which view an epoch sees.
 */
#include "t.h"

#include "core/method/context.h"
#include "core/train/loop.h"
#include "tests/unit/clip/oracle.h"

#include <math.h>

enum { M = 4, R = 2 };

static const struct method plain = {.name = "plain", .step = context_step, .release = context_free};

/* SOT, M contexts, the fixture's name ids, EOT. */
static void plan_prompts(struct learner *l, const struct oracle *o)
{
    struct text_prompts p = {0};
    struct err e;
    const struct tensor *t = safetensors_find(&o->fixture, "names");
    float *rows = oracle_floats(o, "names");
    for (size_t k = 0; k < t->shape[0]; k++) {
        int items[128] = {o->shape.vocab - 2, -1, -2, -3, -4}, n = 5;
        for (size_t i = 0; i < t->shape[1] && rows[k * t->shape[1] + i] >= 0; i++)
            items[n++] = (int)rows[k * t->shape[1] + i];
        items[n++] = o->shape.vocab - 1;
        text_prompts_add(&p, items, (size_t)n);
    }
    assert_ok(context_plan(l, &p, true, &e), &e);
    text_prompts_release(&p);
    free(rows);
}

/* A context method with the fixture's start; `initial` NULL: trained in full. */
static void open_learner(struct learner *l, const struct oracle *o, const struct clip *m,
                         const json_t *params, const float *initial)
{
    float *own = NULL;
    *l = (struct learner){
        .method = &plain, .clip = m, .device = m->device, .params = params, .seed = 1};
    context_open(l, oracle_values("start", (size_t)(M * m->shape.text_width), 0.1), 1, M, &own);
    learner_parameters(l, l->context->n, initial ? initial : own);
    plan_prompts(l, o);
    free(own);
}

static json_t *lowrank(double dropout)
{
    return json_pack("{s:i, s:f, s:s, s:f}", "rank", R, "dropout", dropout, "zero", "A", "std",
                     0.02);
}

/* All of the fixture's steps: losses[step]; the learner is left trained. */
static void train(const struct oracle *o, struct learner *l, float *losses)
{
    const struct tensor *t = safetensors_find(&o->fixture, "train.labels");
    size_t steps = t->shape[0], B = t->shape[1], E = (size_t)o->shape.embed;
    float *images = oracle_values("train.images", steps * B * E, 1);
    float *given = oracle_floats(o, "train.labels");
    struct loop_config config = {.momentum = 0.9, .weight_decay = 5e-4};
    struct loop *s;
    struct err e;
    assert_ok(loop_open(&s, l, B, (int)B, &e), &e);
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
    struct learner l;
    float losses[64];
    json_t *params = json_object();
    open_learner(&l, o, m, params, NULL);
    train(o, &l, losses);
    compare(o, "coop.losses", losses, safetensors_find(&o->fixture, "coop.losses")->count);
    compare(o, "coop.context", l.parameters, (size_t)(M * m->shape.text_width));
    learner_release(&l);
    json_decref(params);
}

static void rlp(const struct oracle *o, const struct clip *m, bool masked)
{
    struct learner l;
    size_t C = (size_t)m->shape.text_width;
    float *initial = mem_zero(R * (M + C), sizeof *initial), losses[64];
    float *B = oracle_values("rlp.B", R * C, 0.1);
    json_t *params = lowrank(masked ? 0.1 : 0);
    char name[32];
    memcpy(initial + M * R, B, R * C * sizeof *B);
    open_learner(&l, o, m, params, initial);
    train(o, &l, losses);
    snprintf(name, sizeof name, "%s.losses", masked ? "masked" : "rlp");
    compare(o, name, losses, safetensors_find(&o->fixture, name)->count);
    snprintf(name, sizeof name, "%s.A", masked ? "masked" : "rlp");
    compare(o, name, l.parameters, M * R);
    snprintf(name, sizeof name, "%s.B", masked ? "masked" : "rlp");
    compare(o, name, l.parameters + M * R, R * C);
    learner_release(&l);
    json_decref(params);
    free(initial);
    free(B);
}

/* One step at rate 0: its gradient stays in the learner. */
static void factor_gradients(const struct oracle *o, const struct clip *m)
{
    struct learner l;
    size_t C = (size_t)m->shape.text_width, B = safetensors_find(&o->fixture, "labels")->count;
    float *a = oracle_values("factor.A", M * R, 0.5), *b = oracle_values("factor.B", R * C, 0.1);
    float *initial = mem_alloc(R * (M + C), sizeof *initial), *labels = oracle_floats(o, "labels");
    float *images = oracle_values("batch", B * (size_t)o->shape.embed, 1), loss;
    int rows[64], numbers[64];
    json_t *params = lowrank(0.1);
    struct loop_config config = {0};
    struct loop_epoch epoch = {0};
    struct loop *s;
    struct err e;
    memcpy(initial, a, M * R * sizeof *a);
    memcpy(initial + M * R, b, R * C * sizeof *b);
    open_learner(&l, o, m, params, initial);
    for (size_t i = 0; i < B; i++) {
        rows[i] = (int)i;
        numbers[i] = (int)labels[i];
    }
    assert_ok(loop_open(&s, &l, B, (int)B, &e), &e);
    loop_images(s, images);
    loop_step(s, &config, rows, numbers, (int)B, 0, 0, 0);
    assert_ok(loop_read(s, &epoch, B, &e), &e);
    loss = (float)epoch.loss;
    compare(o, "factor.loss", &loss, 1);
    compare(o, "factor.dA", l.gradient, M * R);
    compare(o, "factor.dB", l.gradient + M * R, R * C);
    loop_close(s);
    learner_release(&l);
    json_decref(params);
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

/* ---- views ---- */

enum { EPOCHS = 7, IMAGES = 6 };

/* What the loop asked for, and the losses that came back. */
struct views {
    int n, asked[EPOCHS], epochs;
    double loss[EPOCHS];
};

/* Every number of view v is v. */
static void fill_view(void *arg, size_t view, float *out)
{
    struct views *v = arg;
    assert_true(v->n < EPOCHS);
    v->asked[v->n++] = (int)view;
    for (int i = 0; i < IMAGES; i++)
        out[i] = (float)view;
}

/* The loss of an image is the image. */
static void mirror_step(struct learner *l, const struct batch *b)
{
    *l->gradient = 0;
    for (int i = 0; i < b->n; i++) {
        b->loss[i] = b->images[i];
        b->hit[i] = 0;
    }
}

static int note_loss(void *arg, struct learner *l, const struct loop_epoch *epoch,
                     const struct loop_state *state, struct err *e)
{
    struct views *v = arg;
    (void)l;
    (void)e;
    assert_int_equal(state->epoch, epoch->epoch + 1);
    v->loss[epoch->epoch] = epoch->loss;
    v->epochs++;
    return 0;
}

/* Train from epoch `first` on V views. */
static struct views train_views(size_t V, int first)
{
    static const struct method mirror = {.name = "mirror", .step = mirror_step};
    static const int labels[IMAGES];
    static const float zero;
    const struct clip clip = {.shape.embed = 1};
    struct learner l = {.method = &mirror, .clip = &clip};
    struct views v = {0};
    struct rng r;
    struct device *d;
    struct err e;
    struct loop_data data = {.view = fill_view, .arg = &v, .V = V, .N = IMAGES, .labels = labels};
    struct loop_config config = {.epochs = EPOCHS, .batch = 4, .lr = 0.1, .warmup_lr = 0.1};
    struct loop_state state = {.epoch = first, .rng = &r};
    rng_seed_torch(&r, 1);
    assert_ok(device_open(&d, "cpu", 1, &e), &e);
    l.device = d;
    learner_parameters(&l, 1, &zero);
    assert_ok(loop_train(&l, &data, &config, &state, note_loss, &v, &e), &e);
    learner_release(&l);
    device_close(d);
    return v;
}

static void an_epoch_sees_its_number_modulo_the_views(void **unused)
{
    (void)unused;
    static const struct {
        int V, first;
    } cases[] = {{2, 0}, {3, 0}, {EPOCHS, 0}, {3, 4}, {2, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct views v = train_views((size_t)cases[i].V, cases[i].first);
        assert_int_equal(v.epochs, EPOCHS - cases[i].first);
        assert_int_equal(v.n, v.epochs);
        for (int epoch = cases[i].first; epoch < EPOCHS; epoch++) {
            assert_int_equal(v.asked[epoch - cases[i].first], epoch % cases[i].V);
            assert_true(v.loss[epoch] == epoch % cases[i].V);
        }
    }
    assert_int_equal(train_views(1, 0).n, 1); // and is not fetched again while it stays
}

/* ---- numbers that go wrong ---- */

static enum { SPOIL_IMAGES, SPOIL_LOSS, SPOIL_GRADIENT, SPOIL_PARAMETERS } spoiled;

static void fill_spoiled(void *arg, size_t view, float *out)
{
    (void)arg, (void)view;
    for (int i = 0; i < IMAGES; i++)
        out[i] = spoiled == SPOIL_IMAGES ? NAN : 1;
}

/* What is spoiled is so in the first step but the loss, in the second: parameters are 0 before. */
static void spoiled_step(struct learner *l, const struct batch *b)
{
    bool first = *l->parameters == 0;
    *l->gradient = !first ? 0 : spoiled == SPOIL_GRADIENT ? INFINITY : 1e30F;
    for (int i = 0; i < b->n; i++) {
        b->loss[i] = spoiled == SPOIL_LOSS && !first ? NAN : b->images[i] + *l->parameters;
        b->hit[i] = 0;
    }
}

static void a_loss_that_is_not_finite_is_traced_to_the_first_tensor(void **unused)
{
    (void)unused;
    static const struct {
        int what;
        double lr;
        const char *want;
    } cases[] = {
        {SPOIL_IMAGES, 1e-9,
         "loss is nan in epoch 1, step 1; first not finite: 'images' in step 1"},
        {SPOIL_LOSS, 1e-9, "loss is nan in epoch 1, step 2; first not finite: 'loss' in step 2"},
        {SPOIL_GRADIENT, 1e-9,
         "loss is -inf in epoch 1, step 2; first not finite: 'gradient' in step 1"},
        {SPOIL_PARAMETERS, 1e30,
         "loss is -inf in epoch 1, step 2; first not finite: 'parameters' in step 1"},
    };
    static const struct method spoiler = {.name = "spoiler", .step = spoiled_step};
    static const int labels[IMAGES];
    static const float zero;
    const struct clip clip = {.shape.embed = 1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct learner l = {.method = &spoiler, .clip = &clip};
        struct views v = {0};
        struct rng r;
        struct device *d;
        struct err e;
        struct loop_data data = {
            .view = fill_spoiled, .arg = &v, .V = 1, .N = IMAGES, .labels = labels};
        struct loop_config config = {
            .epochs = EPOCHS, .batch = 1, .lr = cases[i].lr, .warmup_lr = cases[i].lr};
        struct loop_state state = {.rng = &r};
        spoiled = cases[i].what;
        rng_seed_torch(&r, 1);
        assert_ok(device_open(&d, "cpu", 1, &e), &e);
        l.device = d;
        learner_parameters(&l, 1, &zero);
        assert_int_equal(loop_train(&l, &data, &config, &state, note_loss, &v, &e), ERR_NUMERIC);
        assert_text(&e, cases[i].want);
        learner_release(&l);
        device_close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factor_gradients_and_ten_steps_match_autograd_and_torchs_sgd),
        cmocka_unit_test(an_epoch_sees_its_number_modulo_the_views),
        cmocka_unit_test(a_loss_that_is_not_finite_is_traced_to_the_first_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
