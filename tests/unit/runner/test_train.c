/*
 * The train job against the loop, called by hand with the numbers that the spec has: the same bits,
 * for every key that an optimizer or a schedule reads, and no two of them alike.
 */
#include "job_case.h"

#include "core/clip/safetensors.h"
#include "core/data/fewshot.h"
#include "core/train/loop.h"

enum { CLASSES = 3, VIEWS = 2, IMAGES = CLASSES * CASE_SHOTS, NUMBERS = 4 * CASE_DIM };

/* The first is the common case, of which each further one changes one key. */
static const struct {
    const char *own;
    struct loop_config config;
} cases[] = {
    {"epochs=3;batch=4", {3, 4, 0.5, 0.25, 0.8, 0.01, 1e-8}},
    {"epochs=4;batch=4", {4, 4, 0.5, 0.25, 0.8, 0.01, 1e-8}},
    {"epochs=3;batch=2", {3, 2, 0.5, 0.25, 0.8, 0.01, 1e-8}},
    {"epochs=3;batch=4;lr=0.6", {3, 4, 0.6, 0.25, 0.8, 0.01, 1e-8}},
    {"epochs=3;batch=4;warmup-lr=0.125", {3, 4, 0.5, 0.125, 0.8, 0.01, 1e-8}},
    {"epochs=3;batch=4;momentum=0.7", {3, 4, 0.5, 0.25, 0.7, 0.01, 1e-8}},
    {"epochs=3;batch=4;weight-decay=0.02", {3, 4, 0.5, 0.25, 0.8, 0.02, 1e-8}},
};
enum { CASES = sizeof cases / sizeof *cases };

static char text[CLASSES][8] = {"lake", "sea", "forest"};
static char *const names[CLASSES] = {text[0], text[1], text[2]};

static void open_case(struct job_case *c, const char *method, const char *set, const char *own)
{
    char *all = str_format("%s;%s", set, own);
    case_open(c, names, CLASSES, "few-shot", "2", method, all);
    free(all);
}

/* The context of the result file. */
static void read_context(const struct job_case *c, float *out)
{
    struct safetensors file;
    struct err e;
    assert_ok(safetensors_open(&file, c->prompt, &e), &e);
    const struct tensor *t = safetensors_find(&file, "ctx");
    assert_non_null(t);
    assert_int_equal(t->count, NUMBERS);
    safetensors_slice(t, 0, NUMBERS, out);
    safetensors_close(&file);
}

/* The few-shot images: rows of the bank. */
struct images {
    float *features; // (VIEWS, CLASSES * CASE_EACH, CASE_DIM)
    size_t *picks;
    int labels[IMAGES];
};

static void fill_view(void *arg, size_t view, float *out)
{
    const struct images *m = arg;
    const float *features = m->features + view * CLASSES * CASE_EACH * CASE_DIM;
    for (size_t i = 0; i < IMAGES; i++)
        memcpy(out + i * CASE_DIM, features + m->picks[i] * CASE_DIM, CASE_DIM * sizeof *out);
}

static int say_nothing(void *arg, struct learner *l, const struct loop_epoch *epoch,
                       const struct loop_state *state, struct err *e)
{
    (void)arg;
    (void)l;
    (void)epoch;
    (void)state;
    (void)e;
    return 0;
}

static void train_by_hand(const struct job_case *c, const struct loop_config *config, float *out)
{
    struct images m = {case_features("train", VIEWS, CLASSES * CASE_EACH), NULL, {0}};
    struct case_hand h;
    struct split split;
    struct err e;
    size_t n;
    assert_ok(split_load(&split, dataset_find(CASE_DATASET), c->home, &e), &e);
    fewshot_select(&split, SPLIT_TRAIN, CASE_SHOTS, CASE_SEED, &m.picks, &n);
    assert_int_equal(n, IMAGES);
    for (int i = 0; i < IMAGES; i++)
        m.labels[i] = (int)m.picks[i] / CASE_EACH; // the list's order is the labels'
    case_hand_open(&h, c, CLASSES);
    assert_ok(learner_classes(&h.l, names, CLASSES, true, &e), &e);
    struct loop_data data = {
        .view = fill_view, .arg = &m, .V = VIEWS, .N = IMAGES, .labels = m.labels};
    struct loop_state state = {.rng = &h.rng};
    assert_ok(loop_train(&h.l, &data, config, &state, say_nothing, NULL, &e), &e);
    assert_int_equal(h.l.n, NUMBERS);
    h.device->ops->download(h.device, out, h.l.parameters, NUMBERS * sizeof *out);
    assert_ok(device_sync(h.device, &e), &e);
    case_hand_close(&h);
    split_release(&split);
    free(m.features);
    free(m.picks);
}

static void every_key_reaches_the_loop(void **unused)
{
    (void)unused;
    float got[CASES][NUMBERS], want[NUMBERS];
    for (int i = 0; i < CASES; i++) {
        struct job_case c;
        open_case(&c, "coop", "lr=0.5;warmup-lr=0.25;momentum=0.8;weight-decay=0.01", cases[i].own);
        json_decref(case_run(&c));
        read_context(&c, got[i]);
        train_by_hand(&c, &cases[i].config, want);
        if (memcmp(got[i], want, sizeof want) != 0)
            fail_msg("'%s' is not what the loop makes of its numbers", cases[i].own);
        for (int k = 0; k < i; k++)
            if (memcmp(got[i], got[k], sizeof want) == 0)
                fail_msg("'%s' and '%s' give the same", cases[i].own, cases[k].own);
        case_close(&c);
    }
}

/* SHA-256 of the result's tensors: the file's header has the spec. */
static void result_of(const char *own, char out[HASH_HEX])
{
    struct job_case c;
    struct safetensors file;
    struct err e;
    open_case(&c, "tip-adapter-f",
              "alpha=1;beta=1;alpha-max=2;beta-max=2;alpha-steps=2;beta-steps=2;epochs=3;batch=4;"
              "lr=0.01;select=last",
              own);
    json_decref(case_run(&c));
    assert_ok(safetensors_open(&file, c.prompt, &e), &e);
    assert_true(file.n > 0);
    struct hash *h = hash_new();
    for (size_t i = 0; i < file.n; i++)
        hash_add(h, file.tensors[i].data,
                 file.tensors[i].count * dtype_bytes(file.tensors[i].dtype));
    hash_end(h, out);
    safetensors_close(&file);
    case_close(&c);
}

static void adams_epsilon_and_decay_reach_the_loop(void **unused)
{
    (void)unused;
    static const char *const own[] = {"epsilon=1e-4", "epsilon=1e-2", "epsilon=1e-8",
                                      "weight-decay=0.1"};
    char hash[4][HASH_HEX], again[HASH_HEX];
    for (int i = 0; i < 4; i++) {
        result_of(own[i], hash[i]);
        for (int k = 0; k < i; k++)
            if (str_eq(hash[i], hash[k]))
                fail_msg("'%s' and '%s' give the same", own[i], own[k]);
    }
    result_of("epsilon=1e-4", again);
    assert_string_equal(again, hash[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_reaches_the_loop),
        cmocka_unit_test(adams_epsilon_and_decay_reach_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
