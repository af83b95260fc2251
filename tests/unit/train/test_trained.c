/* Trained prompts as files: which trainer the names of tensors mean, what is made of them, and what
 * is refused. The same checkpoints as torch itself writes them are in cli/test_checkpoint.sh. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/method_keys.h"
#include "core/train/reference.h"
#include "core/train/trained.h"

#include <sys/stat.h>

enum { C = 6, V = 5, MANY = 200 };

static char *home, *path;
static float numbers[MANY];

static int setup(void **state)
{
    (void)state;
    home = t_folder();
    path = fs_join(home, "x");
    for (int i = 0; i < MANY; i++)
        numbers[i] = (float)i;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char *command[] = {path, home};
    unlink(command[0]);
    rmdir(command[1]);
    free(path);
    free(home);
    return 0;
}

/* A tensor whose numbers begin at `first`. */
static struct tensor_out tensor(const char *name, size_t a, size_t b, size_t c, int first)
{
    struct tensor_out t = {.name = name, .shape = {a, b, c}, .data = numbers + first};
    t.dims = c ? 3 : b ? 2 : 1;
    return t;
}

static int write_and_open(struct trained *t, const struct tensor_out *tensors, size_t n,
                          const char *metadata, const struct trained_options *o, struct err *e)
{
    struct err w;
    json_t *header = metadata ? json_loads(metadata, 0, NULL) : NULL;
    assert_ok(safetensors_write(path, tensors, n, header, &w), &w);
    json_decref(header);
    *e = (struct err){0};
    return trained_open(t, path, o ? o : &(struct trained_options){0}, e);
}

#define OPEN(t, tensors, metadata, o, e)                                                           \
    write_and_open(t, tensors, sizeof(tensors) / sizeof *(tensors), metadata, o, e)

static const char *text_of(const struct trained *t, const char *key)
{
    return json_string_value(json_object_get(t->params, key));
}

static long int_of(const struct trained *t, const char *key)
{
    return (long)json_integer_value(json_object_get(t->params, key));
}

static void expect_array(const struct trained *t, const char *name, size_t rows, size_t columns)
{
    const struct tensor_out *a = trained_find(t, name);
    assert_non_null(a);
    assert_int_equal(a->shape[0], rows);
    assert_int_equal(a->dims, columns ? 2 : 1);
    if (columns)
        assert_int_equal(a->shape[1], columns);
}

static void a_context_alone_is_coop(void **state)
{
    (void)state;
    struct trained t;
    struct err e;
    const struct tensor_out x[] = {tensor("ctx", 2, C, 0, 7), tensor("token_prefix", 3, 1, C, 50),
                                   tensor("token_suffix", 3, 4, C, 0)};
    assert_ok(OPEN(&t, x, NULL, NULL, &e), &e);
    assert_string_equal(t.trainer, "coop");
    assert_string_equal(t.method, "coop");
    assert_int_equal(t.classes, 0);
    assert_int_equal(int_of(&t, "length"), 2);
    assert_string_equal(text_of(&t, "context"), "");
    assert_string_equal(text_of(&t, "position"), "end");
    for (const struct method_key *k = method_find("coop")->keys; k->name; k++)
        assert_non_null(json_object_get(t.params, k->name)); // a method may rely on every key
    expect_array(&t, "ctx", 2, C);
    assert_memory_equal(trained_find(&t, "ctx")->data, numbers + 7, 2 * C * sizeof(float));
    assert_int_equal(t.width, C);
    assert_memory_equal(t.start, numbers + 50, C * sizeof(float));
    trained_close(&t);
}

static void contexts_of_classes_know_these_alone(void **state)
{
    (void)state;
    struct trained t;
    struct err e;
    const struct tensor_out x[] = {tensor("prompt_learner.ctx", 4, 2, C, 0)};
    assert_ok(OPEN(&t, x, NULL, NULL, &e), &e);
    assert_int_equal(t.classes, 4);
    assert_int_equal(int_of(&t, "length"), 2);
    assert_string_equal(text_of(&t, "class-specific"), "yes");
    expect_array(&t, "ctx", 8, C);
    trained_close(&t);
}

static void options_say_what_tensors_do_not(void **state)
{
    (void)state;
    struct trained t;
    struct err e;
    const struct tensor_out x[] = {tensor("ctx", 2, C, 0, 0)};
    const struct trained_options front = {.position = "front", .context = "a photo"};
    assert_ok(OPEN(&t, x, NULL, &front, &e), &e);
    assert_string_equal(text_of(&t, "position"), "front");
    assert_string_equal(text_of(&t, "context"), "a photo");
    trained_close(&t);
    const struct trained_options prograd = {.trainer = "prograd", .context = "a pet, a"};
    assert_ok(OPEN(&t, x, NULL, &prograd, &e), &e);
    assert_string_equal(t.method, "prograd");
    assert_string_equal(text_of(&t, "teacher-template"), "a pet, a {}.");
    assert_string_equal(text_of(&t, "start"), "template");
    trained_close(&t);
    const struct trained_options maple = {.trainer = "maple"};
    assert_int_equal(OPEN(&t, x, NULL, &maple, &e), ERR_RANGE);
    assert_non_null(strstr(e.text, "is a prompt of CoOp by its tensors, not of MaPLe"));
    const struct trained_options words = {.context = "a photo of"};
    assert_int_equal(OPEN(&t, x, NULL, &words, &e), ERR_RANGE);
    assert_non_null(strstr(e.text, "has 2 context vectors, context 'a photo of' has 3 words"));
}

static void kgcoop_and_cocoop_differ_in_their_network(void **state)
{
    (void)state;
    struct trained t;
    struct err e;
    const struct tensor_out kg[] = {tensor("ctx", 4, C, 0, 0), tensor("bias_vectors", 1, C, 0, 0),
                                    tensor("meta_net.linear1.weight", C, C, 0, 0),
                                    tensor("meta_net.linear1.bias", C, 0, 0, 0)};
    assert_ok(OPEN(&t, kg, NULL, NULL, &e), &e);
    assert_string_equal(t.trainer, "kgcoop");
    assert_string_equal(t.method, "coop");
    assert_int_equal(t.n, 1);
    trained_close(&t);
    struct tensor_out co[] = {
        tensor("ctx", 4, C, 0, 0), tensor("meta_net.linear1.weight", 2, C, 0, 1),
        tensor("meta_net.linear1.bias", 2, 0, 0, 2), tensor("meta_net.linear2.weight", C, 2, 0, 3),
        tensor("meta_net.linear2.bias", C, 0, 0, 4)};
    assert_ok(OPEN(&t, co, NULL, NULL, &e), &e);
    assert_string_equal(t.method, "cocoop");
    expect_array(&t, "meta_net.linear2.weight", C, 2);
    expect_array(&t, "meta_net.linear2.bias", C, 0);
    trained_close(&t);
    co[1].name = "meta_net.linear9.weight";
    assert_int_equal(OPEN(&t, co, NULL, NULL, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "looks like a CoCoOp prompt without its "
                                   "'meta_net.linear1.weight'"));
}

static void maples_levels_are_stacked_in_order(void **state)
{
    (void)state;
    struct trained t;
    struct err e;
    struct tensor_out x[] = {
        tensor("prompt_learner.ctx", 2, C, 0, 0),
        tensor("prompt_learner.proj.weight", V, C, 0, 10),
        tensor("prompt_learner.proj.bias", V, 0, 0, 20),
        tensor("prompt_learner.compound_prompts_text.0", 2, C, 0, 30),
        tensor("prompt_learner.compound_prompts_text.1", 2, C, 0, 60),
        tensor("prompt_learner.compound_prompt_projections.0.weight", V, C, 0, 40),
        tensor("prompt_learner.compound_prompt_projections.0.bias", V, 0, 0, 50),
        tensor("prompt_learner.compound_prompt_projections.1.weight", V, C, 0, 70),
        tensor("prompt_learner.compound_prompt_projections.1.bias", V, 0, 0, 80),
        tensor("image_encoder.conv1.weight", 2, 2, 0, 0),
        tensor("logit_scale", 1, 0, 0, 0)};
    assert_ok(OPEN(&t, x, NULL, NULL, &e), &e);
    assert_string_equal(t.trainer, "maple");
    assert_int_equal(int_of(&t, "depth"), 3);
    assert_string_equal(text_of(&t, "context"), "a photo of a");
    expect_array(&t, "deep", 4, C);
    expect_array(&t, "projection.weight", 3 * V, C);
    expect_array(&t, "projection.bias", 3, V);
    const float *weight = trained_find(&t, "projection.weight")->data;
    assert_true(weight[0] == 10 && weight[V * C] == 40 && weight[2 * V * C] == 70);
    assert_true(((const float *)trained_find(&t, "deep")->data)[2 * C] == 60);
    trained_close(&t);
    x[8].name = "prompt_learner.compound_prompt_projections.3.bias"; // a gap
    assert_int_equal(OPEN(&t, x, NULL, NULL, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "projections.3.bias' has no place there"));
    x[8].name = "prompt_learner.compound_prompt_projections.1.bias";
    x[8].shape[0] = V - 1;
    assert_int_equal(OPEN(&t, x, NULL, NULL, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "has not the shape of a MaPLe prompt's"));
}

static void prompts_inside_both_towers_are_ivlps(void **state)
{
    (void)state;
    struct trained t;
    struct err e;
    const struct tensor_out x[] = {
        tensor("prompt_learner.ctx", 2, C, 0, 0), tensor("image_encoder.VPT", 3, V, 0, 10),
        tensor("image_encoder.transformer.resblocks.1.VPT_shallow", 3, V, 0, 20),
        tensor("text_encoder.transformer.resblocks.1.VPT_shallow", 2, C, 0, 30),
        tensor("prompt_learner.ZS_image_encoder.conv1.weight", 2, 2, 0, 0)};
    const struct trained_options promptsrc = {.trainer = "promptsrc"};
    assert_ok(OPEN(&t, x, NULL, &promptsrc, &e), &e);
    assert_string_equal(t.trainer, "promptsrc");
    assert_string_equal(t.method, "ivlp");
    assert_int_equal(int_of(&t, "depth"), 2);
    assert_int_equal(int_of(&t, "image-length"), 3);
    expect_array(&t, "visual", 6, V);
    trained_close(&t);
}

/* A prompt that is more than is understood would be tested as something that it is not. */
static void a_tensor_without_a_place_is_refused(void **state)
{
    (void)state;
    struct trained t;
    struct err e;
    const char *const strange[] = {"meta_net.linear1.weight", "attention.weight",
                                   "image_encoder.transformer.resblocks.2.VPT_shallow"};
    for (size_t i = 0; i < 3; i++) {
        const struct tensor_out x[] = {tensor("ctx", 2, C, 0, 0), tensor(strange[i], 2, C, 0, 0)};
        assert_int_equal(OPEN(&t, x, NULL, NULL, &e), ERR_CORRUPT);
        assert_non_null(strstr(e.text, strange[i]));
        assert_non_null(strstr(e.text, "it is of a trainer that is not known here"));
    }
    const struct tensor_out none[] = {tensor("adapter.fc.0.weight", 2, C, 0, 0)};
    assert_int_equal(OPEN(&t, none, NULL, NULL, &e), ERR_MISSING);
    assert_non_null(strstr(e.text, "none of its 1 tensor ('adapter.fc.0.weight') is the context"));
}

static void numbers_that_are_none_are_refused(void **state)
{
    (void)state;
    struct trained t;
    struct err e;
    const struct tensor_out x[] = {tensor("ctx", 2, C, 0, 0)};
    numbers[3] = NAN;
    assert_int_equal(OPEN(&t, x, NULL, NULL, &e), ERR_NUMERIC);
    numbers[3] = 3;
    assert_non_null(strstr(e.text, "'ctx' holds numbers that are not finite"));
}

/* What a header of ours says is believed no more than any file. */
static void a_header_is_checked(void **state)
{
    (void)state;
    struct trained t;
    struct err e;
    const struct tensor_out x[] = {tensor("ctx", 2, C, 0, 0)};
    static const struct {
        const char *metadata, *error;
    } rows[] = {
        {"{\"method\": \"nothing\"}", "does not say which method it is of"},
        {"{\"method\": \"taskres\"}", "is a result of TaskRes, which is no prompt"},
        {"{\"method\": \"checkpoint\"}", "is a result of checkpoint, which is no prompt"},
        {"{\"method\": \"coop\"}", "does not say its parameters"},
        {"{\"method\": \"coop\", \"params\": \"[]\"}", "does not say its parameters"},
        {"{\"method\": \"coop\", \"params\": \"{\\\"length\\\": \\\"2\\\"}\"}",
         "its parameter 'length' is no value of method 'coop'"},
        {"{\"method\": \"coop\", \"params\": \"{\\\"position\\\": \\\"en\\\"}\"}",
         "its parameter 'position' is no value of method 'coop'"},
        {"{\"method\": \"coop\", \"params\": \"{\\\"class-specific\\\": \\\"yes\\\", "
         "\\\"context\\\": "
         "\\\"\\\", \\\"length\\\": 5}\"}",
         "'ctx' has 2 rows, 5 for a class"},
        {"{\"method\": \"coop\", \"params\": \"{}\", \"seed\": \"x\"}", "its seed is no number"},
        {"{\"spec\": \"{}\"}", "does not say rightly of which run it is"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(OPEN(&t, x, rows[i].metadata, NULL, &e) < 0);
        if (!strstr(e.text, rows[i].error))
            fail_msg("%s: '%s'", rows[i].metadata, e.text);
    }
    assert_ok(OPEN(&t, x, "{\"method\": \"coop\", \"params\": \"{}\", \"seed\": \"7\"}", NULL, &e),
              &e);
    assert_true(t.own);
    assert_int_equal(t.seed, 7);
    json_t *again = trained_metadata(&t);
    assert_string_equal(json_string_value(json_object_get(again, "seed")), "7");
    json_decref(again);
    trained_close(&t);
    const struct trained_options words = {.context = "a photo"};
    assert_int_equal(OPEN(&t, x, "{\"method\": \"coop\", \"params\": \"{}\"}", &words, &e),
                     ERR_RANGE);
}

static void a_folder_means_its_last_model(void **state)
{
    (void)state;
    struct err e;
    char *file, *one = fs_join(home, "one"), *two = fs_join(home, "two");
    static const char *const made[] = {"one/model.pth.tar-2", "one/model.pth.tar-10",
                                       "one/model-best.pth.tar"};
    assert_int_equal(trained_locate(home, &file, &e), ERR_MISSING);
    mkdir(one, 0777);
    for (size_t i = 0; i < 3; i++) {
        char *name = fs_join(home, made[i]);
        assert_ok(fs_write(name, "x", 1, &e), &e);
        free(name);
    }
    assert_ok(trained_locate(one, &file, &e), &e);
    assert_true(str_ends(file, "one/model.pth.tar-10"));
    free(file);
    assert_ok(trained_locate(home, &file, &e), &e); // the folder that holds the trainer's
    assert_true(str_ends(file, "one/model.pth.tar-10"));
    free(file);
    mkdir(two, 0777);
    char *other = fs_join(two, "model.pth.tar-1");
    assert_ok(fs_write(other, "x", 1, &e), &e);
    assert_int_equal(trained_locate(home, &file, &e), ERR_RANGE);
    assert_non_null(strstr(e.text, "are both trained models"));
    unlink(other);
    for (size_t i = 0; i < 3; i++) {
        char *name = fs_join(home, made[i]);
        unlink(name);
        free(name);
    }
    rmdir(one);
    rmdir(two);
    free(other);
    free(one);
    free(two);
}

/* Reading and writing go by the same rows. */
static void every_row_names_methods_and_levels(void **state)
{
    (void)state;
    for (const struct reference *r = references; r->trainer; r++) {
        assert_non_null(method_find(r->trainer));
        assert_non_null(method_find(r->method));
        assert_ptr_equal(reference_find(r->trainer), r);
        for (const struct reference_tensor *t = r->tensors; t->theirs; t++) {
            char *name = t->ours ? reference_name(r, t->ours, t->level) : NULL;
            if (t->ours && !strchr(t->theirs, '#'))
                assert_string_equal(name, t->theirs);
            free(name);
        }
    }
    char *name = reference_name(reference_find("ivlp"), "deep", 2);
    assert_string_equal(name, "text_encoder.transformer.resblocks.3.VPT_shallow");
    free(name);
    assert_null(reference_name(reference_find("coop"), "ctx", 1));
    assert_null(reference_find("taskres"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_context_alone_is_coop),
        cmocka_unit_test(contexts_of_classes_know_these_alone),
        cmocka_unit_test(options_say_what_tensors_do_not),
        cmocka_unit_test(kgcoop_and_cocoop_differ_in_their_network),
        cmocka_unit_test(maples_levels_are_stacked_in_order),
        cmocka_unit_test(prompts_inside_both_towers_are_ivlps),
        cmocka_unit_test(a_tensor_without_a_place_is_refused),
        cmocka_unit_test(numbers_that_are_none_are_refused),
        cmocka_unit_test(a_header_is_checked),
        cmocka_unit_test(a_folder_means_its_last_model),
        cmocka_unit_test(every_row_names_methods_and_levels),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
