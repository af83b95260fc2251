/*
 * IVLP and PromptSRC against autograd and torch's SGD in float64 (tests/oracle/deep): every
 * gradient, the losses of 20 steps and the mean over their epochs; and where their prompts lie in
 * torch's stream.
 */
#include "t.h"

#include "core/method/ivlp.h"
#include "core/method/promptsrc.h"
#include "tests/unit/method/deep_steps.h"

enum { DEPTH = 3 };

static json_t *keys(int image_length, int depth)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f}", "context", "",
                     "length", DEEP_M, "image-length", image_length, "depth", depth, "rank", 0,
                     "batch", DEEP_B, "epochs", DEEP_STEPS / DEEP_EPOCH, "text-weight", 25.0,
                     "image-weight", 10.0, "mean", 3.0, "mean-std", 1.0);
}

static void parts_of(const struct oracle *o, int image_length, struct deep_part parts[4])
{
    size_t C = (size_t)o->shape.text_width, V = (size_t)o->shape.vision_width;
    size_t level = DEEP_M * C, visual = DEPTH * (size_t)image_length * V;
    parts[0] = (struct deep_part){"ctx", 0, level, 0.1};
    parts[1] = (struct deep_part){"deep", level, (DEPTH - 1) * level, 0.1};
    parts[2] = (struct deep_part){"visual", DEPTH * level, visual, 0.3};
    parts[3] = (struct deep_part){0};
}

static void open_case(struct deep_case *t, const struct method *method, int image_length,
                      json_t *params, struct deep_part parts[4])
{
    struct text_prompts prompts = {0};
    struct err e;
    deep_case_open(t, "three", method, params, 2);
    parts_of(&t->o, image_length, parts);
    deep_set(t, parts);
    deep_prompts(&prompts, &t->o);
    assert_ok(context_plan(&t->l, &prompts, true, &e), &e);
    text_prompts_release(&prompts);
}

static void ivlps_gradients_and_twenty_steps_match_autograd(void **unused)
{
    (void)unused;
    struct deep_case t;
    struct deep_part parts[4];
    struct err e;
    json_t *params = keys(DEEP_V, DEPTH);
    open_case(&t, &method_ivlp, DEEP_V, params, parts);
    assert_ok(ivlp_plan(t.l.own, &t.l, true, &e), &e);
    deep_steps(&t, "ivlp", parts);
    deep_case_close(&t);
    json_decref(params);
}

static void promptsrcs_gradients_steps_and_mean_match_autograd(void **unused)
{
    (void)unused;
    struct deep_case t;
    struct deep_part parts[4];
    struct err e;
    json_t *params = keys(DEEP_M, DEPTH);
    open_case(&t, &method_promptsrc, DEEP_M, params, parts);
    float *teacher = oracle_values("teacher", (size_t)(t.l.K * t.o.shape.embed), 1);
    assert_ok(promptsrc_teach(&t.l, teacher, &e), &e);
    deep_steps(&t, "promptsrc", parts);
    for (const struct deep_part *p = parts; p->name; p++) {
        char name[64];
        snprintf(name, sizeof name, "gpa.%s", p->name);
        deep_compare(&t.o, name, t.l.parameters + p->at, p->n, 1e-4);
    }
    free(teacher);
    deep_case_close(&t);
    json_decref(params);
}

/* The n draws of torch's stream of seed 1 at `offset`, as normal numbers. */
static void expect_draws(uint64_t offset, const float *got, size_t n)
{
    struct rng r;
    float *want = mem_alloc(n, sizeof *want);
    rng_seed_torch(&r, 1);
    rng_skip(&r, offset);
    rng_torch_normal(&r, 0.02f, n, want);
    assert_memory_equal(got, want, n * sizeof *want);
    free(want);
}

/* spec/training.md section 3 gives the offsets of a ViT-B/16; these are counted the same way. */
static void prompts_are_drawn_where_the_reference_constructs_them(void **unused)
{
    (void)unused;
    struct deep_case t;
    json_t *params = keys(DEEP_M, DEPTH);
    deep_case_open(&t, "three", &method_promptsrc, params, 1);
    const struct clip_shape *s = &t.o.shape;
    uint64_t w = (uint64_t)s->vision_width, c = (uint64_t)s->text_width, p = (uint64_t)s->patch;
    uint64_t g = (uint64_t)s->image_size / p, block = 12 * w * w + 6 * w;
    uint64_t text_block = 12 * c * c + 6 * c, visual = DEEP_M * w, deep = DEEP_M * c;
    uint64_t first = w * 3 * p * p, second = first + visual + w + (1 + g * g) * w + 2 * block;
    uint64_t image = second + (DEPTH - 2) * block + (DEPTH - 1) * visual + w * (uint64_t)s->embed;
    const float *text = t.l.parameters, *rows = text + DEPTH * deep;
    expect_draws(first, rows, visual);
    expect_draws(second, rows + visual, visual);
    expect_draws(second + block + visual, rows + 2 * visual, visual);
    expect_draws(image + 2 * text_block, text + deep, deep);
    expect_draws(image + 3 * text_block + deep, text + 2 * deep, deep);

    // The order of the data begins after this construction and two plain ones.
    struct rng r;
    rng_seed_torch(&r, 1);
    rng_skip(&r, 3 * clip_init_draws(s) + DEPTH * visual + (DEPTH - 1) * deep + deep);
    assert_int_equal(rng_u32(&t.r), rng_u32(&r)); // "" as context: its draws come last
    deep_case_close(&t);
    json_decref(params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ivlps_gradients_and_twenty_steps_match_autograd),
        cmocka_unit_test(promptsrcs_gradients_steps_and_mean_match_autograd),
        cmocka_unit_test(prompts_are_drawn_where_the_reference_constructs_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
