/* Which model a file holds: sizes from shapes, torch's draws for it, and files that hold none or
 * not all of one. */
#include "clip/resnet_oracle.h"

static void draws_of_construction_match_the_measured_numbers(void **unused)
{
    (void)unused;
    const struct {
        struct clip_shape shape;
        uint64_t draws;
    } known[] = {
        {{224, 32, 768, 12, 512, 12, 77, 49408, 512, CLIP_VIT, {0}}, 214211328},
        {{224, 16, 768, 12, 512, 12, 77, 49408, 512, CLIP_VIT, {0}}, 212554752},
        {{224, 14, 1024, 24, 768, 12, 77, 49408, 768, CLIP_VIT, {0}}, 550254336},
        {{224, 32, 64, 16, 512, 12, 77, 49408, 1024, CLIP_RESNET, {3, 4, 6, 3}}, 179635552},
        {{224, 32, 64, 33, 512, 12, 77, 49408, 512, CLIP_RESNET, {3, 4, 23, 3}}, 196215648},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_int_equal(clip_init_draws(&known[i].shape), known[i].draws);
}

static int open_model(const char *path, int what, struct err *e)
{
    struct device *d;
    struct clip m;
    assert_ok(device_open(&d, "cpu", 1, e), e);
    const int rc = clip_open(&m, path, d, what, e);
    if (rc == 0)
        clip_close(&m);
    device_close(d);
    return rc;
}

static void each_tower_loads_alone_and_both_together(void **unused)
{
    (void)unused;
    static const int whats[] = {0, CLIP_TEXT, CLIP_VISION, CLIP_TEXT | CLIP_VISION};
    struct oracle o;
    struct err e;
    for (int kind = 0; kind < 2; kind++) {
        if (kind)
            resnet_open(&o, "odd");
        else
            oracle_open(&o, "small");
        for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++)
            assert_ok(open_model(o.model, whats[i], &e), &e);
        oracle_close(&o);
    }
}

static void prompts_inside_the_image_tower_need_a_vit(void **unused)
{
    (void)unused;
    struct oracle o;
    struct err e = {0};
    oracle_open(&o, "small");
    assert_ok(open_model(o.model, CLIP_VISION | CLIP_VISION_BACKWARD, &e), &e);
    oracle_close(&o);
    resnet_open(&o, "odd");
    assert_int_equal(open_model(o.model, CLIP_VISION | CLIP_VISION_BACKWARD, &e), ERR_RANGE);
    char *want = str_format(
        "'%s' has a ResNet image tower; prompts inside the image tower need a ViT", o.model);
    assert_text(&e, want);
    free(want);
    oracle_close(&o);
}

/* The random models with one tensor's shape changed to (rows, columns). */
static void refused(bool resnet, const char *name, size_t rows, size_t columns, const char *format)
{
    struct oracle o;
    struct safetensors s;
    struct oracle_model m = {0};
    struct err e = {0};
    if (resnet)
        resnet_open(&o, "odd");
    else
        oracle_open(&o, "small");
    assert_ok(safetensors_open(&s, o.model, &e), &e);
    for (size_t i = 0; i < s.n; i++) {
        const struct tensor *t = &s.tensors[i];
        const bool changed = str_eq(t->name, name);
        struct tensor_out out = {.name = mem_strdup(t->name), .dims = t->dims};
        memcpy(out.shape, t->shape, sizeof out.shape);
        if (changed) {
            out.shape[0] = rows;
            out.shape[1] = columns;
        }
        out.data = mem_zero(changed ? rows * columns : t->count, sizeof(float));
        MEM_PUSH(m.tensors, m.n, m.capacity) = out;
    }
    safetensors_close(&s);
    oracle_save(&m, o.model);
    assert_int_equal(open_model(o.model, CLIP_TEXT | CLIP_VISION, &e), ERR_CORRUPT);
    const char *at = strchr(format, '$');
    char *want = str_format("%.*s%s%s", (int)(at - format), format, o.model, at + 1);
    assert_text(&e, want);
    free(want);
    oracle_close(&o);
}

static void sizes_that_fit_no_model_are_named(void **unused)
{
    (void)unused;
    refused(false, "visual.positional_embedding", 12, 64,
            "'$': the image tower has positions for 12 tokens, expected 1 + a square");
    refused(true, "visual.attnpool.positional_embedding", 1, 192,
            "'$': the image tower has positions for 1 tokens, expected 1 + a square");
    refused(false, "token_embedding.weight", 600, 65,
            "'$': token embeddings are 65 wide, expected 64");
    refused(false, "text_projection", 64, 33,
            "'$': tensor 'visual.proj' has shape (64, 32), expected (64, 33)");
    refused(true, "visual.attnpool.k_proj.weight", 192, 191,
            "'$': tensor 'visual.attnpool.k_proj.weight' has shape (192, 191), expected (192, "
            "192)");
    refused(true, "visual.attnpool.positional_embedding", 10, 191,
            "'$': tensor 'visual.attnpool.positional_embedding' has shape (10, 191), expected (10, "
            "192)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_of_construction_match_the_measured_numbers),
        cmocka_unit_test(each_tower_loads_alone_and_both_together),
        cmocka_unit_test(prompts_inside_the_image_tower_need_a_vit),
        cmocka_unit_test(sizes_that_fit_no_model_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
