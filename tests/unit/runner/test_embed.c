/* The commands embed and tokenize: what they print, against pocket's goldens, and their errors. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "runner/runner.h"

#include <fcntl.h>
#include <jansson.h>

typedef int (*command)(int argc, char **argv);

/* Run a command with both outputs in files; returns its exit status. Yours to free(). */
static int run(command f, char **argv, int argc, char **out, char **chatter)
{
    char *folder = t_folder(), *path[2] = {fs_join(folder, "out"), fs_join(folder, "err")};
    int saved[2];
    struct err e;
    size_t size;
    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 2; i++) {
        saved[i] = dup(i + 1);
        int fd = open(path[i], O_CREAT | O_RDWR, 0600);
        assert_true(fd >= 0 && dup2(fd, i + 1) >= 0);
        close(fd);
    }
    char **copy = mem_dup(argv, (size_t)argc * sizeof *argv); // options are taken out of argv
    const int status = f(argc, copy);
    fflush(stdout);
    fflush(stderr);
    free(copy);
    char **texts[2] = {out, chatter};
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
        assert_ok(fs_read(texts[i], &size, path[i], 1 << 24, &e), &e);
        unlink(path[i]);
        free(path[i]);
    }
    rmdir(folder);
    free(folder);
    return status;
}

#define RUN(f, out, chatter, ...)                                                                  \
    run(f, (char *[]){(char *)"command", __VA_ARGS__},                                             \
        (int)(sizeof((char *[]){(char *)"command", __VA_ARGS__}) / sizeof(char *)), out, chatter)

static char backbone[] = "--backbone", pocket[] = "pocket", json[] = "--json", text[] = "--text",
            image[] = "--image";

static void assert_rows(const json_t *all, const json_t *goldens, const char *key)
{
    const json_t *got = json_object_get(all, key), *want = json_object_get(goldens, key);
    assert_true(json_array_size(want) == 8);
    assert_int_equal(json_array_size(got), json_array_size(want));
    for (size_t r = 0; r < 8; r++) {
        const json_t *a = json_array_get(got, r), *b = json_array_get(want, r);
        const size_t n = json_array_size(b);
        assert_int_equal(json_array_size(a), n);
        float x[256], y[256];
        assert_true(n <= 256);
        for (size_t i = 0; i < n; i++) {
            x[i] = (float)json_number_value(json_array_get(a, i));
            y[i] = (float)json_number_value(json_array_get(b, i));
        }
        assert_near(x, y, n, 1e-5);
    }
}

static void features_and_logits_equal_pockets_goldens(void **state)
{
    (void)state;
    json_error_t error;
    json_t *goldens = json_load_file("recipes/pocket/goldens.json", 0, &error), *item;
    char *argv[64] = {(char *)"embed", backbone, pocket, json}, *out, *chatter;
    int argc = 4;
    size_t i;
    json_array_foreach(json_object_get(goldens, "prompts"), i, item)
    {
        argv[argc++] = text;
        argv[argc++] = mem_strdup(json_string_value(item));
    }
    json_array_foreach(json_object_get(goldens, "images"), i, item)
    {
        argv[argc++] = image;
        argv[argc++] = fs_join("recipes/pocket/data", json_string_value(item));
    }
    assert_int_equal(run(runner_embed, argv, argc, &out, &chatter), 0);
    assert_string_equal(chatter, "");
    json_t *all = json_loads(out, 0, &error);
    assert_non_null(all);
    assert_int_equal(json_object_size(all), 3);
    assert_rows(all, goldens, "text_features");
    assert_rows(all, goldens, "image_features");
    assert_rows(all, goldens, "logits");
    for (int a = 5; a < argc; a += 2)
        free(argv[a]);
    json_decref(all);
    json_decref(goldens);
    free(out);
    free(chatter);
}

static void only_what_was_asked_for_is_printed(void **state)
{
    (void)state;
    char a[] = "a", *out, *chatter;
    assert_int_equal(RUN(runner_embed, &out, &chatter, backbone, pocket, text, a, json), 0);
    json_t *all = json_loads(out, 0, NULL);
    assert_int_equal(json_object_size(all), 1);
    assert_int_equal(json_array_size(json_object_get(all, "text_features")), 1);
    json_decref(all);
    free(out);
    free(chatter);
}

static void texts_are_ranked_for_each_image(void **state)
{
    (void)state;
    char star[] = "a photo of a daisy.", tulip[] = "a photo of a tulip.",
         file[] = "recipes/pocket/data/pocket-flowers/images/tulip/image_0046.jpg", *out, *chatter;
    assert_int_equal(
        RUN(runner_embed, &out, &chatter, backbone, pocket, text, star, text, tulip, image, file),
        0);
    const char *first = strstr(out, tulip), *second = strstr(out, star);
    assert_true(str_starts(out, file));
    assert_true(first && second && first < second);
    free(out);
    free(chatter);
}

static void tokens_are_printed_one_text_a_line(void **state)
{
    (void)state;
    char one[] = "a photo of a circle.", two[] = "", *out, *chatter;
    assert_int_equal(RUN(runner_tokenize, &out, &chatter, backbone, pocket, one, two), 0);
    assert_string_equal(out, "905 320 521 512 320 739 269 906\n905 906\n");
    free(out);
    free(chatter);
}

static void tokens_as_json_name_their_symbols(void **state)
{
    (void)state;
    char one[] = "a \"circle\"", *out, *chatter;
    assert_int_equal(RUN(runner_tokenize, &out, &chatter, one, json, backbone, pocket), 0);
    json_t *rows = json_loads(out, 0, NULL);
    json_t *want = json_pack("[{s:s, s:[i,i,i,i,i,i], s:[s,s,s,s,s,s]}]", "text", one, "ids", 905,
                             320, 257, 739, 257, 906, "tokens", "<|startoftext|>", "a</w>",
                             "\"</w>", "circle</w>", "\"</w>", "<|endoftext|>");
    assert_true(json_equal(rows, want));
    json_decref(rows);
    json_decref(want);
    free(out);
    free(chatter);
}

static void each_mistake_has_its_own_words_and_status(void **state)
{
    (void)state;
    static char none[] = "/nonexistent/x.jpg",
                long_text[] = "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                bad[] = "\xff", fp16[] = "--precision=fp16";
    const struct {
        command f;
        int status, argc;
        char *argv[6];
        const char *want;
    } cases[] = {
        {runner_embed,
         2,
         3,
         {NULL, backbone, pocket},
         "embed: expected --backbone NAME|DIR and a --text or --image"},
        {runner_embed,
         2,
         4,
         {NULL, backbone, pocket, none},
         "embed: unexpected '/nonexistent/x.jpg'; texts follow --text, images --image"},
        {runner_embed,
         2,
         6,
         {NULL, backbone, pocket, text, pocket, fp16},
         "embed: unknown precision 'fp16', expected fp32 or bf16"},
        {runner_embed,
         3,
         5,
         {NULL, backbone, pocket, image, none},
         "unable to open '/nonexistent/x.jpg': No such file or directory"},
        {runner_embed,
         3,
         5,
         {NULL, backbone, none, text, bad},
         "'/nonexistent/x.jpg' is neither a backbone nor a folder"},
        {runner_embed,
         2,
         5,
         {NULL, backbone, pocket, text, bad},
         "text '\\xff' is not valid UTF-8 at byte 0"},
        {runner_tokenize,
         2,
         3,
         {NULL, backbone, pocket},
         "tokenize: expected --backbone NAME|DIR and a text"},
        {runner_tokenize,
         2,
         4,
         {NULL, backbone, pocket, long_text},
         "is 33 tokens with start and end, more than the model's context of 32"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *argv[6], *out, *chatter;
        memcpy(argv, cases[i].argv, sizeof argv);
        argv[0] = (char *)"command";
        assert_int_equal(run(cases[i].f, argv, cases[i].argc, &out, &chatter), cases[i].status);
        assert_string_equal(out, "");
        if (!strstr(chatter, cases[i].want))
            fail_msg("got: %swant: %s", chatter, cases[i].want);
        free(out);
        free(chatter);
    }
}

int main(void)
{
    setenv("PROMPTGRID_HOME", ".", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_and_logits_equal_pockets_goldens),
        cmocka_unit_test(only_what_was_asked_for_is_printed),
        cmocka_unit_test(texts_are_ranked_for_each_image),
        cmocka_unit_test(tokens_are_printed_one_text_a_line),
        cmocka_unit_test(tokens_as_json_name_their_symbols),
        cmocka_unit_test(each_mistake_has_its_own_words_and_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
