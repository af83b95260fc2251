/* Widths from the header of weights, as the trainer's own reader finds them. */
#include "t.h"

#include "core/clip/model.h"
#include "harness/plan/weights_sizes.h"
#include "tests/unit/clip/oracle.h"

static void widths_are_those_the_trainer_reads(void **unused)
{
    (void)unused;
    for (int i = 0; i < ORACLES; i++) {
        struct oracle o;
        struct method_sizes s;
        oracle_open(&o, oracle_names[i]);
        assert_true(weights_sizes(&s, o.model));
        assert_int_equal(s.text_width, o.shape.text_width);
        assert_int_equal(s.image_width, o.shape.vision_width);
        assert_int_equal(s.embed, o.shape.embed);
        assert_int_equal(s.text_layers, o.shape.text_layers);
        if (o.shape.kind == CLIP_VIT) {
            int side = o.shape.image_size / o.shape.patch;
            assert_int_equal(s.image_layers, o.shape.vision_layers);
            assert_int_equal(s.image_tokens, 1 + side * side);
        }
        oracle_close(&o);
    }
}

static void hugging_faces_names_are_known(void **unused)
{
    (void)unused;
    char *folder = t_folder(), *path = fs_join(folder, "model.safetensors");
    float zeros[4 * 6] = {0};
    const struct tensor_out tensors[] = {
        {"text_model.final_layer_norm.weight", 1, {6}, zeros, DTYPE_F32},
        {"text_projection.weight", 2, {4, 6}, zeros, DTYPE_F32},
        {"vision_model.embeddings.class_embedding", 1, {8}, zeros, DTYPE_F32},
        {"vision_model.embeddings.position_embedding.weight", 2, {3, 8}, zeros, DTYPE_F32},
        {"text_model.encoder.layers.0.x", 1, {1}, zeros, DTYPE_F32},
        {"text_model.encoder.layers.11.x", 1, {1}, zeros, DTYPE_F32},
        {"vision_model.encoder.layers.9.x", 1, {1}, zeros, DTYPE_F32},
    };
    struct method_sizes s;
    struct err e;
    assert_ok(safetensors_write(path, tensors, 7, NULL, &e), &e);
    assert_true(weights_sizes(&s, path));
    assert_int_equal(s.text_width, 6);
    assert_int_equal(s.image_width, 8);
    assert_int_equal(s.embed, 4);
    assert_int_equal(s.text_layers, 12);
    assert_int_equal(s.image_layers, 10);
    assert_int_equal(s.image_tokens, 3);
    unlink(path);
    rmdir(folder);
    free(path);
    free(folder);
}

static void what_is_no_model_says_nothing(void **unused)
{
    (void)unused;
    static const char *const texts[] = {"", "short", "\xff\xff\xff\xff\xff\xff\xff\xff{}",
                                        "\x02\0\0\0\0\0\0\0{}", "\x02\0\0\0\0\0\0\0[]"};
    char *folder = t_folder(), *path = fs_join(folder, "model.safetensors");
    struct method_sizes s;
    struct err e;
    assert_false(weights_sizes(&s, path));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_ok(fs_write(path, texts[i], i < 2 ? strlen(texts[i]) : 10, &e), &e);
        assert_false(weights_sizes(&s, path));
    }
    unlink(path);
    rmdir(folder);
    free(path);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths_are_those_the_trainer_reads),
        cmocka_unit_test(hugging_faces_names_are_known),
        cmocka_unit_test(what_is_no_model_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
