/* What --device asks for, among the GPUs that a runner tells of: whole outputs. */
#include "t.h"

#include "harness/sched/gpu.h"

static const char two[] =
    "warming up\n"
    "{\"device\":\"cuda:0\",\"name\":\"NVIDIA H100\",\"capability\":\"9.0\",\"driver\":\"13.0\","
    "\"toolkit\":\"12.4\",\"memory\":80000000000,\"free\":79000000000,\"problem\":null}\n"
    "{\"device\":\"cuda:1\",\"name\":\"NVIDIA A100\",\"capability\":\"8.0\",\"driver\":\"13.0\","
    "\"toolkit\":\"12.4\",\"memory\":40000000000,\"free\":39000000000,\"problem\":null}\n";
static const char one_old[] =
    "{\"device\":\"cuda:0\",\"name\":\"Tesla K80\",\"capability\":\"3.7\",\"driver\":\"11.4\","
    "\"toolkit\":\"12.4\",\"memory\":0,\"free\":0,\"problem\":\"cuda:0: Tesla K80 has compute "
    "capability 3.7, 8.0 or newer is needed\"}\n"
    "{\"device\":\"cuda:1\",\"name\":\"NVIDIA L4\",\"capability\":\"8.9\",\"driver\":\"13.0\","
    "\"toolkit\":\"12.4\",\"memory\":24000000000,\"free\":23000000000,\"problem\":null}\n";
static const char none[] = "{\"device\":\"cuda\",\"problem\":\"no NVIDIA driver; install one that "
                           "serves CUDA 12.4, or use device cpu\"}\n";

/* What comes of it in one text: the kinds that are kept, lines about others, or the error. */
static char *choose(const char *answer, const char *wanted)
{
    struct gpus g;
    struct err e = {0};
    struct str out = STR_INIT, left = STR_INIT;
    assert_ok(gpus_parse(&g, answer, &e), &e);
    int rc = gpus_check_wanted(wanted, &e);
    if (rc == 0)
        rc = gpus_choose(&g, wanted, &left, &e);
    if (rc < 0)
        str_addf(&out, "%s: %s\n", err_name(e.code), e.text);
    for (size_t i = 0; rc == 0 && i < g.n; i++) {
        gpu_text(&g.items[i], &out);
        str_addc(&out, '\n');
    }
    if (rc == 0 && g.n == 0)
        str_add(&out, "cpu\n");
    str_add(&out, left.data);
    str_release(&left);
    gpus_release(&g);
    return str_detach(&out);
}

static void what_is_wanted_is_chosen_or_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *wanted, *want;
    } cases[] = {
        {two, "auto", "cuda:0 (NVIDIA H100)\ncuda:1 (NVIDIA A100)\n"},
        {two, "cuda", "cuda:0 (NVIDIA H100)\ncuda:1 (NVIDIA A100)\n"},
        {two, "cpu", "cpu\n"},
        {two, "cuda:1", "cuda:1 (NVIDIA A100)\n"},
        {two, "cuda:1,0", "cuda:0 (NVIDIA H100)\ncuda:1 (NVIDIA A100)\n"},
        {two, "cuda:0,5",
         "missing: '--device cuda:0,5': there is no cuda:5; there are cuda:0, cuda:1; see "
         "'promptgrid doctor'\n"},
        {none, "auto", "cpu\n"},
        {none, "cuda",
         "missing: '--device cuda': no NVIDIA driver; install one that serves CUDA 12.4, or use "
         "device cpu\n"},
        {none, "cuda:0",
         "missing: '--device cuda:0': no NVIDIA driver; install one that serves CUDA 12.4, or use "
         "device cpu\n"},
        {one_old, "auto",
         "cuda:1 (NVIDIA L4)\ncuda:0 is not used: cuda:0: Tesla K80 has compute capability 3.7, "
         "8.0 or newer is needed\n"},
        {one_old, "cuda:0",
         "missing: '--device cuda:0': cuda:0: Tesla K80 has compute capability 3.7, 8.0 or newer "
         "is needed\n"},
        {two, "gpu",
         "usage: '--device gpu' is no device; there are auto, cpu, cuda (every GPU) and cuda:0,2 "
         "(those with these numbers, each once)\n"},
        {two, "cuda:0,0",
         "usage: '--device cuda:0,0' is no device; there are auto, cpu, cuda (every GPU) and "
         "cuda:0,2 (those with these numbers, each once)\n"},
        {two, "cuda:",
         "usage: '--device cuda:' is no device; there are auto, cpu, cuda (every GPU) and "
         "cuda:0,2 (those with these numbers, each once)\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *got = choose(cases[i].answer, cases[i].wanted);
        assert_string_equal(got, cases[i].want);
        free(got);
    }
}

static void an_answer_is_read_whole(void **state)
{
    (void)state;
    struct gpus g;
    struct err e = {0};
    char size[24];
    assert_ok(gpus_parse(&g, one_old, &e), &e);
    assert_int_equal(g.n, 2);
    assert_string_equal(g.items[1].kind, "cuda:1");
    assert_string_equal(g.items[1].capability, "8.9");
    assert_string_equal(g.items[1].driver, "13.0");
    assert_string_equal(g.items[1].toolkit, "12.4");
    gpu_size(g.items[1].memory, size);
    assert_string_equal(size, "24.0 GB");
    assert_null(g.items[1].problem);
    gpus_release(&g);
    assert_int_equal(gpus_parse(&g, "{\"device\":\"tpu\"}\n", &e), ERR_CORRUPT);
    assert_text(&e, "'promptgrid-runner devices' says '{\"device\":\"tpu\"}'");
    assert_int_equal(gpus_parse(&g, "{\n", &e), ERR_CORRUPT);
    assert_text(&e, "'promptgrid-runner devices' says '{'");
    assert_int_equal(gpus_parse(&g, "nothing\n", &e), ERR_CORRUPT);
    assert_text(&e, "'promptgrid-runner devices' says nothing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wanted_is_chosen_or_refused_with_the_reason),
        cmocka_unit_test(an_answer_is_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
