/* The text tower and its gradient: against plain PyTorch in float64, which runs every prompt padded
 * to the whole context (tests/oracle/clip); ten steps of CoOp and RLP by the device's operations.
 */
#include "clip/oracle.h"

#include "core/clip/text.h"

enum { M = 4, R = 2 }; // as in make.py: context vectors and rank of what is trained

/* A case: the model, its class names and one batch. */
struct bench {
    struct oracle o;
    struct device *d;
    struct clip m;
    size_t K, name_columns, B;
    float *names, *batch, *labels;
};

static void bench_open(struct bench *b, const char *name)
{
    struct err e;
    oracle_open(&b->o, name);
    assert_ok(device_open(&b->d, "cpu", 2, &e), &e);
    assert_ok(clip_open(&b->m, b->o.model, b->d, CLIP_TEXT, &e), &e);
    const struct tensor *names = safetensors_find(&b->o.fixture, "names");
    b->K = names->shape[0];
    b->name_columns = names->shape[1];
    b->names = oracle_floats(&b->o, "names");
    b->labels = oracle_floats(&b->o, "labels");
    b->B = safetensors_find(&b->o.fixture, "labels")->count;
    b->batch = oracle_values("batch", b->B * (size_t)b->m.shape.embed, 1);
}

static void bench_close(struct bench *b)
{
    free(b->names);
    free(b->labels);
    free(b->batch);
    clip_close(&b->m);
    device_close(b->d);
    oracle_close(&b->o);
}

/* SOT, `count` context vectors, the class name, EOT; `own`: each class has its own vectors. */
static void add_prompts(const struct bench *b, struct text_prompts *p, int count, bool own)
{
    int items[64];
    for (size_t k = 0; k < b->K; k++) {
        size_t n = 0;
        items[n++] = b->m.shape.vocab - 2;
        for (int i = 0; i < count; i++)
            items[n++] = TEXT_CONTEXT(own ? (int)k * count + i : i);
        for (size_t j = 0; j < b->name_columns && b->names[k * b->name_columns + j] >= 0; j++)
            items[n++] = (int)b->names[k * b->name_columns + j];
        items[n++] = b->m.shape.vocab - 1;
        text_prompts_add(p, items, n);
    }
}

/* Loss of image features (B, E) and labels for a context on the device, and its gradient. */
struct step {
    struct bench *b;
    struct text *text;
    float *features, *unit, *norm, *image, *image_unit, *image_norm, *logits, *loss, *hit;
};

static void step_open(struct step *s, struct bench *b, int count, bool own)
{
    struct text_prompts p = {0};
    struct err e;
    const size_t K = b->K, B = b->B, E = (size_t)b->m.shape.embed;
    add_prompts(b, &p, count, own);
    *s = (struct step){.b = b};
    assert_ok(text_new(&s->text, &b->m, &p, own ? (int)K * count : count, true, &e), &e);
    text_prompts_release(&p);
    float **const parts[] = {&s->features,   &s->unit,   &s->norm, &s->image, &s->image_unit,
                             &s->image_norm, &s->logits, &s->loss, &s->hit};
    const size_t sizes[] = {K * E, K * E, K, B * E, B * E, B, B * K, B, B};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        *parts[i] = device_floats(b->d, sizes[i]);
}

static void step_close(struct step *s)
{
    float *const parts[] = {s->features,   s->unit,   s->norm, s->image, s->image_unit,
                            s->image_norm, s->logits, s->loss, s->hit};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        device_release(s->b->d, parts[i]);
    text_free(s->text);
}

static double step_run(struct step *s, const float *images, const float *labels,
                       const float *context, float *dcontext)
{
    struct device *d = s->b->d;
    const int B = (int)s->b->B, K = (int)s->b->K, E = s->b->m.shape.embed;
    const float scale = s->b->m.logit_scale;
    int label[16];
    float loss[16];
    for (int i = 0; i < B; i++)
        label[i] = (int)labels[i];
    text_forward(s->text, context, s->features);
    d->ops->l2norm_fwd(d, s->unit, s->norm, s->features, K, E);
    d->ops->upload(d, s->image, images, (size_t)B * (size_t)E * sizeof *images);
    d->ops->l2norm_fwd(d, s->image_unit, s->image_norm, s->image, B, E);
    d->ops->matmul_nt(d, s->logits, s->image_unit, s->unit, B, K, E, scale);
    d->ops->cross_entropy(d, s->loss, s->hit, s->logits, s->logits, label, B, K);
    float *dunit = device_floats(d, (size_t)K * (size_t)E);
    d->ops->matmul_tn(d, dunit, s->logits, s->image_unit, K, E, B, scale);
    d->ops->l2norm_bwd(d, dunit, dunit, s->unit, s->norm, K, E);
    text_backward(s->text, dunit, dcontext);
    d->ops->download(d, loss, s->loss, (size_t)B * sizeof *loss);
    struct err e;
    assert_ok(device_sync(d, &e), &e);
    device_release(d, dunit);
    double sum = 0;
    for (int i = 0; i < B; i++)
        sum += (double)loss[i] / B;
    return sum;
}

/* A device array against a tensor of the fixture. */
static void assert_device(const struct bench *b, const float *got, const char *name,
                          double tolerance)
{
    const size_t n = safetensors_find(&b->o.fixture, name)->count;
    float *want = oracle_floats(&b->o, name), *host = mem_alloc(n, sizeof *host);
    struct err e;
    b->d->ops->download(b->d, host, got, n * sizeof *host);
    assert_ok(device_sync(b->d, &e), &e);
    assert_near(host, want, n, tolerance);
    free(want);
    free(host);
}

static void features_of_plain_texts_equal_plain_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORACLES; i++) {
        struct bench b;
        struct err e;
        struct text_prompts p = {0};
        struct text *text;
        bench_open(&b, oracle_names[i]);
        const struct tensor *t = safetensors_find(&b.o.fixture, "text_ids");
        float *ids = oracle_floats(&b.o, "text_ids");
        for (size_t k = 0; k < t->shape[0]; k++) {
            int items[64];
            size_t n = 0;
            while (n < t->shape[1] && ids[k * t->shape[1] + n] >= 0) {
                items[n] = (int)ids[k * t->shape[1] + n];
                n++;
            }
            text_prompts_add(&p, items, n);
        }
        assert_ok(text_new(&text, &b.m, &p, 0, false, &e), &e);
        float *features = device_floats(b.d, t->shape[0] * (size_t)b.m.shape.embed);
        text_forward(text, NULL, features);
        assert_device(&b, features, "text_features", 1e-5);
        device_release(b.d, features);
        text_free(text);
        text_prompts_release(&p);
        free(ids);
        bench_close(&b);
    }
}

static void loss_and_context_gradient_equal_autograd(void **state)
{
    (void)state;
    const int lengths[] = {1, 2, 4, 16};
    for (size_t i = 0; i < 8 * ORACLES; i++) {
        const bool own = i % 2;
        const int length = lengths[i / 2 % 4];
        struct bench b;
        struct step s;
        bench_open(&b, oracle_names[i / 8]);
        step_open(&s, &b, length, own);
        const size_t n =
            (size_t)(own ? (int)b.K : 1) * (size_t)length * (size_t)b.m.shape.text_width;
        char *key[4];
        const char *const parts[4] = {"context", "features", "loss", "grad"};
        for (int j = 0; j < 4; j++)
            key[j] = str_format("%s.%d.%s", own ? "class" : "shared", length, parts[j]);
        float *host = oracle_values(key[0], n, 0.1), *context = device_put(b.d, host, n);
        float *grad = device_floats(b.d, n), *want = oracle_floats(&b.o, key[2]);
        const double loss = step_run(&s, b.batch, b.labels, context, grad);
        assert_true(fabs(loss - (double)*want) <= 1e-5 * (double)*want);
        assert_device(&b, s.features, key[1], 1e-5);
        assert_device(&b, grad, key[3], 1e-4);
        free(host);
        free(want);
        for (int j = 0; j < 4; j++)
            free(key[j]);
        device_release(b.d, context);
        device_release(b.d, grad);
        step_close(&s);
        bench_close(&b);
    }
}

/* What trains in a run: CoOp's context, or RLP's factors. */
struct run {
    float *start, *context, *dcontext; // (M, C)
    float *p, *g, *momentum;           // (n)
    size_t n;
    const float *mask; // host, (steps, M, C) or NULL
    bool factors;
};

static void run_step(struct run *r, struct step *s, const float *mask, double *loss,
                     const float *images, const float *labels, bool first)
{
    struct device *d = s->b->d;
    const int C = s->b->m.shape.text_width;
    if (!r->factors) {
        *loss = step_run(s, images, labels, r->p, r->g);
    } else {
        d->ops->lowrank_fwd(d, r->context, r->start, r->p, r->p + M * R, mask, M, R, C);
        *loss = step_run(s, images, labels, r->context, r->dcontext);
        d->ops->lowrank_bwd(d, r->g, r->g + M * R, r->dcontext, r->p, r->p + M * R, mask, M, R, C);
    }
    d->ops->sgd(d, r->p, r->momentum, r->g, r->n, 0.1f, 0.9f, 5e-4f, first);
}

static void run_release(struct run *r, struct device *d)
{
    float *const blocks[] = {r->start, r->context, r->dcontext, r->p, r->g, r->momentum};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        device_release(d, blocks[i]);
}

static void run_open(struct run *r, struct bench *b, const char *kind)
{
    const size_t C = (size_t)b->m.shape.text_width;
    float *start = oracle_values("start", M * C, 0.1), *B = oracle_values("rlp.B", R * C, 0.1);
    *r = (struct run){.factors = !str_eq(kind, "coop")};
    r->n = r->factors ? R * (M + C) : M * C;
    float *initial = mem_zero(r->n, sizeof *initial);
    if (r->factors)
        memcpy(initial + M * R, B, R * C * sizeof *B);
    else
        memcpy(initial, start, M * C * sizeof *start);
    r->start = device_put(b->d, start, M * C);
    r->context = device_floats(b->d, M * C);
    r->dcontext = device_floats(b->d, M * C);
    r->p = device_put(b->d, initial, r->n);
    r->g = device_floats(b->d, r->n);
    r->momentum = device_floats(b->d, r->n);
    free(initial);
    free(start);
    free(B);
}

static void ten_steps_of_coop_and_rlp_equal_torch(void **state)
{
    (void)state;
    static const char *const kinds[] = {"coop", "rlp", "masked"};
    for (size_t i = 0; i < 3 * ORACLES; i++) {
        const char *kind = kinds[i % 3];
        struct bench b;
        struct step s;
        struct run r;
        bench_open(&b, oracle_names[i / 3]);
        step_open(&s, &b, M, false);
        run_open(&r, &b, kind);
        const struct tensor *t = safetensors_find(&b.o.fixture, "train.labels");
        const size_t steps = t->shape[0], C = (size_t)b.m.shape.text_width;
        const size_t batch = b.B * (size_t)b.m.shape.embed;
        char *key = str_format("%s.losses", kind);
        float *images = oracle_values("train.images", steps * batch, 1);
        float *labels = oracle_floats(&b.o, "train.labels"), *losses = oracle_floats(&b.o, key);
        float *masks = oracle_floats(&b.o, "mask"), *mask = device_put(b.d, masks, steps * M * C);
        for (size_t j = 0; j < steps; j++) {
            double loss;
            run_step(&r, &s, str_eq(kind, "masked") ? mask + j * M * C : NULL, &loss,
                     images + j * batch, labels + j * b.B, j == 0);
            if (!(fabs(loss - (double)losses[j]) <= 1e-4 * (double)losses[j]))
                fail_msg("%s %s, step %zu: loss %.8g, want %.8g", oracle_names[i / 3], kind, j,
                         loss, losses[j]);
        }
        free(key);
        if (!r.factors) {
            assert_device(&b, r.p, "coop.context", 1e-4);
        } else {
            key = str_format("%s.A", kind);
            assert_device(&b, r.p, key, 1e-3);
            key[strlen(key) - 1] = 'B';
            assert_device(&b, r.p + M * R, key, 1e-3);
            free(key);
        }
        float *const host[] = {images, labels, losses, masks};
        for (size_t j = 0; j < sizeof host / sizeof *host; j++)
            free(host[j]);
        device_release(b.d, mask);
        run_release(&r, b.d);
        step_close(&s);
        bench_close(&b);
    }
}

static void factor_gradients_equal_autograd(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORACLES; i++) {
        struct bench b;
        struct step s;
        bench_open(&b, oracle_names[i]);
        step_open(&s, &b, M, false);
        const int C = b.m.shape.text_width;
        const size_t MC = (size_t)(M * C), RC = (size_t)(R * C);
        float *host[] = {oracle_values("start", MC, 0.1), oracle_values("factor.A", M * R, 0.5),
                         oracle_values("factor.B", RC, 0.1), oracle_floats(&b.o, "mask")};
        const size_t sizes[] = {MC, M * R, RC, MC};
        float *in[4], *context = device_floats(b.d, MC), *dcontext = device_floats(b.d, MC);
        float *dA = device_floats(b.d, M * R), *dB = device_floats(b.d, RC);
        for (int j = 0; j < 4; j++) {
            in[j] = device_put(b.d, host[j], sizes[j]);
            free(host[j]);
        }
        b.d->ops->lowrank_fwd(b.d, context, in[0], in[1], in[2], in[3], M, R, C);
        const double loss = step_run(&s, b.batch, b.labels, context, dcontext);
        b.d->ops->lowrank_bwd(b.d, dA, dB, dcontext, in[1], in[2], in[3], M, R, C);
        float *want = oracle_floats(&b.o, "factor.loss");
        assert_true(fabs(loss - (double)*want) <= 1e-5 * (double)*want);
        assert_device(&b, dA, "factor.dA", 1e-4);
        assert_device(&b, dB, "factor.dB", 1e-4);
        free(want);
        float *const blocks[] = {in[0], in[1], in[2], in[3], context, dcontext, dA, dB};
        for (size_t j = 0; j < sizeof blocks / sizeof *blocks; j++)
            device_release(b.d, blocks[j]);
        step_close(&s);
        bench_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_of_plain_texts_equal_plain_pytorch),
        cmocka_unit_test(loss_and_context_gradient_equal_autograd),
        cmocka_unit_test(factor_gradients_equal_autograd),
        cmocka_unit_test(ten_steps_of_coop_and_rlp_equal_torch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
