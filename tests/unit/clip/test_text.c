/*
 * The text tower over a prefix tree against plain PyTorch in float64 (tests/oracle/clip), where
 * every class runs all tokens of the context: features, loss and context gradient.
 */
#include "t.h"

#include "core/clip/text.h"
#include "tests/unit/clip/oracle.h"

/* Rows of ids (K, n), each up to the first -1, as ints. */
static size_t row_ids(const float *row, size_t n, int *out)
{
    size_t length = 0;
    while (length < n && row[length] >= 0) {
        out[length] = (int)row[length];
        length++;
    }
    return length;
}

static void text_features_match_the_reference(void **unused)
{
    (void)unused;
    for (int i = 0; i < ORACLES; i++) {
        struct oracle o;
        struct device *d;
        struct clip m;
        struct err e;
        struct text *t;
        oracle_open(&o, oracle_names[i]);
        assert_ok(device_open(&d, "cpu", 2, &e), &e);
        assert_ok(clip_open(&m, o.model, d, CLIP_TEXT, &e), &e);
        const struct tensor *ids = safetensors_find(&o.fixture, "text_ids");
        size_t K = ids->shape[0], T = ids->shape[1], E = (size_t)o.shape.embed;
        float *rows = oracle_floats(&o, "text_ids"), *want = oracle_floats(&o, "text_features");
        struct text_prompts p = {0};
        for (size_t k = 0; k < K; k++) {
            int items[128];
            text_prompts_add(&p, items, row_ids(rows + k * T, T, items));
        }
        assert_ok(text_new(&t, &m, &p, 0, TEXT_FORWARD, &e), &e);
        float *out = device_floats(d, K * E);
        text_forward(t, NULL, out);
        assert_near(out, want, K * E, 1e-5);
        for (size_t k = 0; k < K; k++)
            assert_near(out + k * E, want + k * E, E, 1e-5);
        device_release(d, out);
        text_free(t);
        text_prompts_release(&p);
        clip_close(&m);
        device_close(d);
        free(rows);
        free(want);
        oracle_close(&o);
    }
}

/* Prompts SOT, M contexts, name, EOT; `own`: every class has contexts of its own. */
static void context_prompts(struct text_prompts *p, const struct oracle *o, int M, bool own)
{
    const struct tensor *names = safetensors_find(&o->fixture, "names");
    float *rows = oracle_floats(o, "names");
    for (size_t k = 0; k < names->shape[0]; k++) {
        int items[128] = {o->shape.vocab - 2};
        size_t n = 1;
        for (int m = 0; m < M; m++)
            items[n++] = TEXT_CONTEXT(own ? (int)k * M + m : m);
        n += row_ids(rows + k * names->shape[1], names->shape[1], items + n);
        items[n++] = o->shape.vocab - 1;
        text_prompts_add(p, items, n);
    }
    free(rows);
}

/* Mean cross entropy of the fixture's batch and dfeatures of it, through the device's operations.
 */
static double batch_loss(const struct oracle *o, const struct clip *m, const float *features, int K,
                         float *dfeatures)
{
    struct device *d = m->device;
    const struct tensor *t = safetensors_find(&o->fixture, "labels");
    int B = (int)t->shape[0], E = o->shape.embed, labels[64];
    size_t ke = (size_t)(K * E);
    float *given = oracle_floats(o, "labels"), *batch = oracle_values("batch", (size_t)(B * E), 1);
    float *unit = device_floats(d, ke), *dunit = device_floats(d, ke), norm[128];
    float *logits = device_floats(d, (size_t)(B * K)), loss[64], hit[64];
    for (int b = 0; b < B; b++)
        labels[b] = (int)given[b];
    d->ops->l2norm_fwd(d, batch, norm, batch, B, E);
    d->ops->l2norm_fwd(d, unit, norm, features, K, E);
    d->ops->matmul_nt(d, logits, batch, unit, B, K, E, m->logit_scale);
    d->ops->cross_entropy(d, loss, hit, logits, logits, labels, B, K);
    d->ops->matmul_tn(d, dunit, logits, batch, K, E, B, m->logit_scale);
    d->ops->l2norm_bwd(d, dfeatures, dunit, unit, norm, K, E);
    double sum = 0;
    for (int b = 0; b < B; b++)
        sum += loss[b];
    free(given);
    free(batch);
    device_release(d, unit);
    device_release(d, dunit);
    device_release(d, logits);
    return sum / B;
}

static void check_context(const struct oracle *o, const struct clip *m, int M, bool own)
{
    struct device *d = m->device;
    struct text_prompts p = {0};
    struct text *t;
    struct err e;
    char name[32], part[64];
    snprintf(name, sizeof name, "%s.%d", own ? "class" : "shared", M);
    context_prompts(&p, o, M, own);
    int contexts = own ? (int)p.K * M : M;
    size_t n = (size_t)(contexts * o->shape.text_width), ke = p.K * (size_t)o->shape.embed;
    assert_ok(text_new(&t, m, &p, contexts, TEXT_KEEP, &e), &e);
    snprintf(part, sizeof part, "%s.context", name);
    float *context = oracle_values(part, n, 0.1), *grad = device_floats(d, n);
    float *features = device_floats(d, ke), *dfeatures = device_floats(d, ke);

    text_forward(t, context, features);
    snprintf(part, sizeof part, "%s.features", name);
    float *want = oracle_floats(o, part);
    assert_near(features, want, ke, 1e-5);
    free(want);

    double loss = batch_loss(o, m, features, (int)p.K, dfeatures);
    snprintf(part, sizeof part, "%s.loss", name);
    want = oracle_floats(o, part);
    assert_true(fabs(loss - *want) <= 1e-4 * fabs(*want));
    free(want);

    text_backward(t, dfeatures, grad);
    snprintf(part, sizeof part, "%s.grad", name);
    want = oracle_floats(o, part);
    assert_near(grad, want, n, 1e-4);
    free(want);

    // A second pass over the same memory gives the same bits, and so does keeping less.
    float *again = device_floats(d, n);
    text_forward(t, context, features);
    text_backward(t, dfeatures, again);
    assert_memory_equal(grad, again, n * sizeof *grad);
    text_free(t);
    assert_ok(text_new(&t, m, &p, contexts, TEXT_RECOMPUTE, &e), &e);
    text_forward(t, context, features);
    for (int i = 0; i < 2; i++) { // and so does a second backward pass of one forward pass
        memset(again, 0xff, n * sizeof *again);
        text_backward(t, dfeatures, again);
        assert_memory_equal(grad, again, n * sizeof *grad);
    }

    device_release(d, again);
    free(context);
    device_release(d, grad);
    device_release(d, features);
    device_release(d, dfeatures);
    text_free(t);
    text_prompts_release(&p);
}

static void loss_and_context_gradient_match_autograd(void **unused)
{
    (void)unused;
    static const int lengths[] = {1, 2, 4, 16};
    for (int i = 0; i < ORACLES; i++) {
        struct oracle o;
        struct device *d;
        struct clip m;
        struct err e;
        oracle_open(&o, oracle_names[i]);
        assert_ok(device_open(&d, "cpu", 2, &e), &e);
        assert_ok(clip_open(&m, o.model, d, CLIP_TEXT, &e), &e);
        for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++)
            for (int own = 0; own < 2; own++)
                check_context(&o, &m, lengths[l], own);
        clip_close(&m);
        device_close(d);
        oracle_close(&o);
    }
}

static void equal_prefixes_are_one_row(void **unused)
{
    (void)unused;
    struct oracle o;
    struct device *d;
    struct clip m;
    struct err e;
    struct text *t;
    oracle_open(&o, "small");
    assert_ok(device_open(&d, "cpu", 1, &e), &e);
    assert_ok(clip_open(&m, o.model, d, CLIP_TEXT, &e), &e);
    int start = o.shape.vocab - 2, end = o.shape.vocab - 1;
    const int first[] = {start, -1, -2, 7, 8, end}, second[] = {start, -1, -2, 7, 9, end};
    struct text_prompts p = {0};
    text_prompts_add(&p, first, 6);
    text_prompts_add(&p, second, 6);
    text_prompts_add(&p, first, 6); // two classes of one name are one path
    assert_ok(text_new(&t, &m, &p, 2, TEXT_BACKWARD, &e), &e);
    assert_int_equal(text_rows(t), 4 + 2 * 2);
    text_free(t);

    int longest[128] = {start};
    text_prompts_add(&p, longest, (size_t)o.shape.context + 1);
    assert_int_equal(text_new(&t, &m, &p, 2, TEXT_BACKWARD, &e), ERR_RANGE);
    char want[128];
    snprintf(want, sizeof want, "the prompt of class 3 needs %d tokens, the model's context has %d",
             o.shape.context + 1, o.shape.context);
    assert_text(&e, want);
    text_prompts_release(&p);
    clip_close(&m);
    device_close(d);
    oracle_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_features_match_the_reference),
        cmocka_unit_test(loss_and_context_gradient_match_autograd),
        cmocka_unit_test(equal_prefixes_are_one_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
