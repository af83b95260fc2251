/*
 * VPT with rows of low rank against autograd and torch's SGD in float64 (tests/oracle/deep): every
 * gradient and the losses of 20 steps; and what is saved.
 */
#include "t.h"

#include "core/method/vpt.h"
#include "tests/unit/method/deep_steps.h"

enum { DEPTH = 2, RANK = 1 };

static json_t *keys(int rank, double dropout)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:f, s:s, s:f, s:i}", "context", "a photo of a",
                     "length", DEEP_V, "depth", DEPTH, "rank", rank, "dropout", dropout, "zero",
                     "A", "std", 0.02, "batch", DEEP_B);
}

static void plan(struct deep_case *t)
{
    struct err e;
    int K = (int)safetensors_find(&t->o.fixture, "names")->shape[0];
    float *text = oracle_values("teacher", (size_t)(K * t->o.shape.embed), 1);
    assert_ok(vpt_plan(&t->l, text, K, true, &e), &e);
    free(text);
}

static void gradients_and_twenty_steps_match_autograd(void **unused)
{
    (void)unused;
    struct deep_case t;
    json_t *params = keys(RANK, 0);
    deep_case_open(&t, "three", &method_vpt, params, 2);
    size_t V = (size_t)t.o.shape.vision_width, a = DEPTH * DEEP_V * RANK, b = DEPTH * RANK * V;
    const struct deep_part parts[] = {{"A", 0, a, 0.5}, {"B", a, b, 0.1}, {0}};
    struct vpt *own = t.l.own;
    float *start = oracle_values("visual", DEPTH * DEEP_V * V, 0.3);
    t.d->ops->upload(t.d, own->factors.start, start, DEPTH * DEEP_V * V * sizeof *start);
    deep_set(&t, parts);
    plan(&t);
    deep_steps(&t, "vpt", parts);
    free(start);
    deep_case_close(&t);
    json_decref(params);
}

/* With dropout the rows of a step are not those that are deployed. */
static void what_is_saved_has_no_dropout(void **unused)
{
    (void)unused;
    struct deep_case t;
    json_t *params = keys(RANK, 0.5);
    deep_case_open(&t, "three", &method_vpt, params, 1);
    size_t V = (size_t)t.o.shape.vision_width, n = DEPTH * DEEP_V * V;
    struct vpt *own = t.l.own;
    const float *A = t.l.parameters, *B = A + DEPTH * DEEP_V, *visual = own->image.vectors;
    float *ones = oracle_values("ones", t.l.n, 1);
    for (size_t i = 0; i < t.l.n; i++)
        ones[i] = 1;
    t.d->ops->upload(t.d, t.l.parameters, ones, t.l.n * sizeof *ones);
    plan(&t);
    int labels[DEEP_B] = {0};
    float *pixels = oracle_values(
        "pixels.0", DEEP_B * 3 * (size_t)t.o.shape.image_size * (size_t)t.o.shape.image_size, 2);
    float loss[DEEP_B], hit[DEEP_B];
    const struct batch b = {DEEP_B, pixels, labels, loss, hit};
    learner_draw(&t.l, 0);
    t.l.method->step(&t.l, &b);
    size_t dropped = 0;
    for (size_t i = 0; i < n; i++)
        dropped += visual[i] == own->factors.start[i];
    assert_in_range(dropped, n / 4, 3 * n / 4);
    t.l.method->epoch(&t.l, 0);
    for (size_t i = 0; i < n; i++)
        assert_true(visual[i] ==
                    own->factors.start[i] + A[i / V] * B[i / (DEEP_V * V) * V + i % V]);
    free(ones);
    free(pixels);
    deep_case_close(&t);
    json_decref(params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_and_twenty_steps_match_autograd),
        cmocka_unit_test(what_is_saved_has_no_dropout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
