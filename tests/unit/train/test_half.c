/* Precision fp16-storage: what is stored is fp16, what is computed is near to fp32's. */
#include "rig.h"

#include "core/base/half.h"
#include "core/method/context.h"

static void assert_half(const float *x, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (x[i] != half_round(x[i]))
            fail_msg("%s: element %zu is %.9g, no fp16 value", what, i, (double)x[i]);
}

static int add_loss(void *arg, struct learner *l, const struct loop_epoch *epoch,
                    const struct loop_state *state, struct err *e)
{
    double *losses = arg;
    (void)l;
    (void)state;
    (void)e;
    losses[epoch->epoch] = epoch->loss;
    return 0;
}

static void train(struct rig *g, const char *method, json_t *set, bool half, double *losses)
{
    struct err e = {0};
    rig_device_half = half;
    rig_open(g, method, set);
    rig_device_half = false;
    assert_ok(loop_train(&g->l, &g->data, &g->config, &g->state, add_loss, losses, &e), &e);
}

static void trains_in_fp16(const char *method, json_t *set)
{
    struct rig half, full;
    double halves[RIG_EPOCHS], fulls[RIG_EPOCHS];
    struct err e = {0};
    print_message("    %s\n", method);
    train(&half, method, json_incref(set), true, halves);
    train(&full, method, json_incref(set), false, fulls);
    json_decref(set);
    struct learner *l = &half.l;
    const struct context *c = l->context;
    size_t E = (size_t)half.clip.shape.embed, level = (size_t)(c->contexts * c->C);
    assert_half(l->parameters, l->n, "parameters");
    assert_half(l->gradient, l->n, "gradient");
    assert_half(l->moment, l->n, "momentum");
    assert_half(c->start, level, "start");
    float *deployed = context_deployed(l);
    assert_half(deployed, level, "context");
    assert_true(memcmp(l->parameters, full.l.parameters, l->n * sizeof(float)) != 0);
    bool words = *json_string_value(json_object_get(half.params, "context")); // not drawn apart
    for (int i = 0; words && i < RIG_EPOCHS; i++) // an epoch's losses are near, not the same
        if (!(halves[i] != fulls[i] && fabs(halves[i] - fulls[i]) < 0.05 * fulls[i]))
            fail_msg("epoch %d: loss %.9g, in fp32 %.9g", i, halves[i], fulls[i]);

    float *images = rig_normal(9, 5 * E), logits[5 * RIG_CLASSES];
    assert_ok(learner_classes(l, rig_names, RIG_CLASSES, false, &e), &e);
    half.method->logits(l, images, 5, logits);
    assert_half(c->features, RIG_CLASSES * E, "text features");
    assert_half(c->unit, RIG_CLASSES * E, "unit text features");
    assert_half(logits, 5 * RIG_CLASSES, "logits");
    for (size_t i = 0; i < 5; i++) { // exp(scale) times the unit image first, as the reference does
        double square = 0;
        half_round_all(images + i * E, E);
        for (size_t c0 = 0; c0 < E; c0++)
            square += (double)images[i * E + c0] * images[i * E + c0];
        float norm = half_round((float)sqrt(square));
        for (size_t k = 0; k < RIG_CLASSES; k++) {
            double sum = 0;
            for (size_t c0 = 0; c0 < E; c0++)
                sum += (double)half_round(half.clip.logit_scale *
                                          half_round(images[i * E + c0] / norm)) *
                       c->unit[k * E + c0];
            double step = fabs(sum) / 1024; // at most one step of fp16
            assert_true(fabs(logits[i * RIG_CLASSES + k] - sum) <= step);
        }
    }
    free(images);
    free(deployed);
    rig_close(&half);
    rig_close(&full);
}

static void what_is_stored_is_fp16_and_training_is_near_to_fp32(void **state)
{
    (void)state;
    trains_in_fp16("coop", NULL);
    trains_in_fp16(
        "coop", json_pack("{s:s, s:i, s:s}", "context", "", "length", 4, "class-specific", "yes"));
    trains_in_fp16("coop", json_pack("{s:i, s:f}", "rank", 2, "std", 0.5));
    trains_in_fp16("rlp", json_pack("{s:f}", "std", 0.5));
}

static void random_contexts_are_drawn_as_fp16_tensors_are(void **state)
{
    (void)state;
    struct rig g;
    struct rng r;
    rig_device_half = true;
    rig_open(&g, "coop", json_pack("{s:s, s:i}", "context", "", "length", 4));
    rig_device_half = false;
    size_t n = 4 * (size_t)g.clip.shape.text_width;
    float *want = mem_alloc(n, sizeof *want);
    rng_seed_torch(&r, 1);
    rng_torch_normal_half(&r, 0.02f, n, want);
    assert_memory_equal(g.l.parameters, want, n * sizeof *want);
    free(want);
    rig_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_stored_is_fp16_and_training_is_near_to_fp32),
        cmocka_unit_test(random_contexts_are_drawn_as_fp16_tensors_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
