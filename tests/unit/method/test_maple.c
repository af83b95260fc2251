/*
 * MaPLe against autograd and torch's SGD in float64 (tests/oracle/deep): every gradient and the
 * losses of 20 steps, with a full and with a low-rank context.
 */
#include "t.h"

#include "core/method/image_prompt.h"
#include "tests/unit/method/deep_steps.h"

enum { DEPTH = 2 };

static json_t *keys(int rank, int depth)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:f, s:s, s:f, s:i}", "context", "", "length", DEEP_M,
                     "depth", depth, "rank", rank, "dropout", 0.0, "zero", "A", "std", 0.02,
                     "batch", DEEP_B);
}

static void run(int rank, const char *key)
{
    struct deep_case t;
    struct text_prompts prompts = {0};
    struct err e;
    json_t *params = keys(rank, DEPTH);
    deep_case_open(&t, "small", &method_maple, params, 2);
    size_t C = (size_t)t.o.shape.text_width, V = (size_t)t.o.shape.vision_width;
    size_t R = (size_t)rank, first = rank ? R * (DEEP_M + C) : DEEP_M * C;
    size_t deep = (DEPTH - 1) * DEEP_M * C, weight = DEPTH * V * C;
    const struct deep_part full[] = {{"ctx", 0, DEEP_M * C, 0.1},
                                     {"deep", first, deep, 0.1},
                                     {"weight", first + deep, weight, 0.2},
                                     {"bias", first + deep + weight, DEPTH * V, 0.1},
                                     {0}};
    const struct deep_part low[] = {{"A", 0, DEEP_M * R, 0.5},
                                    {"B", DEEP_M * R, R * C, 0.1},
                                    {"deep", first, deep, 0.1},
                                    {"weight", first + deep, weight, 0.2},
                                    {"bias", first + deep + weight, DEPTH * V, 0.1},
                                    {0}};
    if (rank) { // what the product is added to
        float *start = oracle_values("ctx", DEEP_M * C, 0.1);
        t.d->ops->upload(t.d, t.l.context->factors.start, start, DEEP_M * C * sizeof *start);
        free(start);
    }
    deep_set(&t, rank ? low : full);
    deep_prompts(&prompts, &t.o);
    assert_ok(context_plan(&t.l, &prompts, true, &e), &e);
    assert_ok(image_prompt_plan(t.l.own, &t.l, true, &e), &e); // first in what it owns
    deep_steps(&t, key, rank ? low : full);
    text_prompts_release(&prompts);
    deep_case_close(&t);
    json_decref(params);
}

static void gradients_and_twenty_steps_match_autograd(void **unused)
{
    (void)unused;
    run(0, "maple");
    run(1, "ranked");
}

static void levels_after_the_first_start_from_one_layer(void **unused)
{
    (void)unused;
    struct deep_case t;
    json_t *params = keys(0, 3);
    deep_case_open(&t, "three", &method_maple, params, 1);
    size_t C = (size_t)t.o.shape.text_width, V = (size_t)t.o.shape.vision_width;
    const float *weight = t.l.parameters + 3 * DEEP_M * C, *bias = weight + 3 * V * C;
    assert_memory_equal(weight + V * C, weight + 2 * V * C, V * C * sizeof *weight);
    assert_memory_equal(bias + V, bias + 2 * V, V * sizeof *bias);
    assert_memory_not_equal(weight, weight + V * C, V * C * sizeof *weight);
    deep_case_close(&t);
    json_decref(params);
}

static void more_levels_than_blocks_are_refused(void **unused)
{
    (void)unused;
    struct oracle o;
    struct device *d;
    struct clip m;
    struct learner l;
    struct rng r;
    struct err e;
    json_t *params = keys(0, 3);
    deep_open(&o, "small");
    assert_ok(device_open(&d, "cpu", 1, &e), &e);
    assert_ok(clip_open(&m, o.model, d, CLIP_TEXT, &e), &e);
    rng_seed_torch(&r, 1);
    assert_int_equal(learner_init(&l, &method_maple, &m, NULL, params, 1, 5, &r, &e), ERR_RANGE);
    assert_text(&e, "'depth' is 3, the image tower has 2 blocks: expected 1 to 2");
    clip_close(&m);
    device_close(d);
    oracle_close(&o);
    json_decref(params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_and_twenty_steps_match_autograd),
        cmocka_unit_test(levels_after_the_first_start_from_one_layer),
        cmocka_unit_test(more_levels_than_blocks_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
