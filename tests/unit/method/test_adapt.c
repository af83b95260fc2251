/*
 * CLIP-Adapter, TaskRes and Tip-Adapter against PyTorch in float64 (tests/oracle/adapt/make.py):
 * loss, gradient, twenty steps of their optimizers, logits of the result; the cache and the search.
 */
#include "steps.h"

enum { K = 5, B = 7 };

static void open_fixture(struct steps *s)
{
    struct err e;
    steps_open(s, "coop"); // for the model and the tokenizer
    safetensors_close(&s->fixture);
    assert_ok(safetensors_open(&s->fixture, "tests/oracle/adapt/adapt.safetensors", &e), &e);
}

/* The method on the fixture's classes; its fit_data, if it asks for any, stays with the caller. */
static void open_method(struct steps *s, struct learner *l, const char *method,
                        const json_t *params, const struct fit_data *data)
{
    struct err e;
    s->method = method;
    steps_learner(s, l, params, K);
    assert_ok(learner_classes(l, steps_names, K, true, &e), &e);
    if (data)
        assert_ok(l->method->prepare(l, data, &e), &e);
}

static void label(int *labels, int n, int first)
{
    for (int i = 0; i < n; i++)
        labels[i] = (i + first) % K;
}

/* Loss and gradient where the parameters stand, then twenty steps, then the result's logits. */
static void prove(const struct steps *s, struct learner *l, const char *name,
                  const struct loop_config *config, double lr)
{
    size_t E = (size_t)s->oracle.shape.embed;
    float losses[STEPS], *got = mem_alloc(B * K, sizeof *got);
    char *first = str_format("%s.images", name);
    float *host = oracle_values(first, B * E, 1);
    float *images = device_put(s->device, host, B * E), *out = device_floats(s->device, 2 * B * K);
    int labels[B], rows[B];
    struct loop *loop;
    struct err e;
    struct batch b = {B, images, labels, out, out + B};
    label(labels, B, 0);
    l->method->step(l, &b);
    losses[0] = 0;
    for (int i = 0; i < B; i++)
        losses[0] += out[i] / B;
    steps_compare(s, name, "loss", losses, 1, 1e-4);
    steps_compare(s, name, "gradient", l->gradient, l->n, 1e-4);
    assert_ok(loop_open(&loop, l, B, B, &e), &e);
    for (int step = 0; step < STEPS; step++) {
        struct loop_epoch epoch = {.epoch = step};
        char *key = str_format("%s.train.%d.images", name, step);
        float *batch = oracle_values(key, B * E, 1);
        label(labels, B, step);
        for (int i = 0; i < B; i++)
            rows[i] = i;
        double rate = l->schedule == SCHEDULE_COSINE_PER_STEP
                          ? 0.5 * lr * (1 + cos(M_PI * step / STEPS))
                          : lr;
        loop_images(loop, batch);
        loop_step(loop, config, rows, labels, B, 0, rate, (uint64_t)step);
        assert_ok(loop_read(loop, &epoch, B, &e), &e);
        losses[step] = (float)epoch.loss;
        free(batch);
        free(key);
    }
    loop_close(loop);
    steps_compare(s, name, "losses", losses, STEPS, 1e-4);
    steps_compare(s, name, "trained", l->parameters, l->n, 1e-4);
    assert_ok(learner_classes(l, steps_names, K, false, &e), &e);
    l->method->logits(l, images, B, out);
    memcpy(got, out, B * K * sizeof *got);
    steps_compare(s, name, "logits", got, B * K, 1e-4);
    device_release(s->device, images);
    device_release(s->device, out);
    free(first);
    free(host);
    free(got);
}

static void clip_adapter_trains_as_in_pytorch(void **state)
{
    (void)state;
    struct steps s;
    struct learner l;
    const struct loop_config config = {.momentum = 0.9, .weight_decay = 5e-4};
    json_t *params = steps_params("{\"template\": \"a {}.\", \"ratio\": 0.2}");
    open_fixture(&s);
    open_method(&s, &l, "clip-adapter", params, NULL);
    steps_compare(&s, "adapter", "start", l.parameters, l.n, 1e-6);
    assert_int_equal(l.n, 2 * 32 * 8);
    float *start = oracle_values("adapter.start", l.n, 0.3);
    s.device->ops->upload(s.device, l.parameters, start, l.n * sizeof *start);
    prove(&s, &l, "adapter", &config, 0.02);
    learner_release(&l);
    json_decref(params);
    free(start);
    steps_close(&s);
}

static void taskres_trains_as_in_pytorch(void **state)
{
    (void)state;
    struct steps s;
    struct learner l;
    const struct loop_config config = {.weight_decay = 5e-4, .epsilon = 1e-8};
    json_t *params =
        steps_params("{\"template\": \"a {}.\", \"ensemble\": \"select7\", \"alpha\": 0.5}");
    open_fixture(&s);
    open_method(&s, &l, "taskres", params, NULL);
    for (size_t i = 0; i < l.n; i++)
        assert_true(l.parameters[i] == 0);
    float *start = oracle_values("taskres.start", l.n, 0.1);
    s.device->ops->upload(s.device, l.parameters, start, l.n * sizeof *start);
    prove(&s, &l, "taskres", &config, 0.01);
    struct err e;
    assert_int_equal(learner_classes(&l, steps_names, K - 1, false, &e), ERR_RANGE);
    assert_text(&e, "taskres was trained on 5 classes, not on these 4");
    learner_release(&l);
    json_decref(params);
    free(start);
    steps_close(&s);
}

static void an_ensemble_is_the_unit_mean_of_unit_features(void **state)
{
    (void)state;
    struct steps s;
    struct learner l;
    json_t *params = steps_params("{\"template\": \"a {}.\", \"ensemble\": \"select7\"}");
    open_fixture(&s);
    open_method(&s, &l, "zero-shot", params, NULL);
    size_t E = (size_t)s.oracle.shape.embed;
    float *images = oracle_values("zero.images", B * E, 1), out[B * K];
    l.method->logits(&l, images, B, out);
    steps_compare(&s, "zero", "logits", out, B * K, 1e-4);
    learner_release(&l);
    json_decref(params);
    free(images);
    steps_close(&s);
}

enum { VIEWS = 3, CACHE = 11, VAL = 40 };

/* The fixture's cache and validation images. */
struct tip_data {
    struct fit_data data;
    float *train, *val;
    int train_labels[CACHE], val_labels[VAL];
};

static void tip_open(struct tip_data *t, size_t E)
{
    t->train = oracle_values("tip.cache", VIEWS * CACHE * E, 1);
    t->val = oracle_values("tip.val", VAL * E, 1);
    label(t->train_labels, CACHE, 0);
    label(t->val_labels, VAL, 0);
    t->data = (struct fit_data){.train = {t->train, t->train_labels, VIEWS, CACHE},
                                .val = {t->val, t->val_labels, 1, VAL},
                                .test = {t->val, t->val_labels, 1, VAL},
                                .K = K,
                                .threads = 1};
}

static void tip_close(struct tip_data *t)
{
    free(t->train);
    free(t->val);
}

#define TIP_PARAMS                                                                                 \
    "\"template\": \"a {}.\", \"ensemble\": \"none\", \"passes\": 3, \"alpha\": 1.5, \"beta\": "   \
    "2.5, \"alpha-max\": 30, \"beta-max\": 7, \"alpha-steps\": 5, \"beta-steps\": 20, "            \
    "\"search\": "

static void tip_adapter_f_trains_its_cache_as_in_pytorch(void **state)
{
    (void)state;
    struct steps s;
    struct learner l;
    struct tip_data t;
    const struct loop_config config = {.weight_decay = 0.01, .epsilon = 1e-4};
    json_t *params = steps_params("{" TIP_PARAMS "\"no\", \"select\": \"last\"}");
    open_fixture(&s);
    tip_open(&t, (size_t)s.oracle.shape.embed);
    open_method(&s, &l, "tip-adapter-f", params, &t.data);
    assert_true(l.short_batch);
    assert_int_equal(l.optimizer, OPTIMIZER_ADAMW);
    steps_compare(&s, "tip", "keys", l.parameters, l.n, 1e-6);
    prove(&s, &l, "tip", &config, 0.01);
    learner_release(&l);
    tip_close(&t);
    json_decref(params);
    steps_close(&s);
}

static float kept_at(const struct learner *l, const char *name, size_t at)
{
    for (int i = 0; i < l->n_kept; i++)
        if (str_eq(l->kept[i].name, name))
            return l->kept[i].data[at];
    fail_msg("nothing is kept as '%s'", name);
    return 0;
}

static void the_search_takes_the_first_best_of_the_grid(void **state)
{
    (void)state;
    struct steps s;
    struct learner l;
    struct tip_data t;
    struct err e;
    size_t n;
    json_t *params = steps_params("{" TIP_PARAMS "\"yes\"}");
    open_fixture(&s);
    tip_open(&t, (size_t)s.oracle.shape.embed);
    open_method(&s, &l, "tip-adapter", params, &t.data);
    float *hits = steps_want(&s, "tip.hits", NULL, &n), most = 0;
    size_t best = 0;
    for (size_t i = 0; i < n; i++)
        if (hits[i] > most) {
            most = hits[i];
            best = i;
        }
    assert_true(best > 0); // or the test would prove nothing
    assert_ok(l.method->fit(&l, &t.data, &e), &e);
    assert_true(fabs(kept_at(&l, "strength", 0) - ((double)(best % 5) * 29.9 / 5 + 0.1)) < 1e-5);
    assert_true(fabs(kept_at(&l, "strength", 1) - ((double)(best / 5) * 6.9 / 20 + 0.1)) < 1e-5);
    learner_release(&l);
    t.data.val.N = 0;
    s.method = "tip-adapter";
    steps_learner(&s, &l, params, K);
    assert_ok(learner_classes(&l, steps_names, K, true, &e), &e);
    assert_int_equal(l.method->prepare(&l, &t.data, &e), ERR_MISSING);
    assert_text(&e, "the dataset has no validation images to choose by; say 'search: no'");
    learner_release(&l);
    free(hits);
    tip_close(&t);
    json_decref(params);
    steps_close(&s);
}

/* Epochs are faked: the keys are moved by hand between calls of the hook. */
static void tip_adapter_f_keeps_the_epoch_that_it_is_told_to(void **state)
{
    (void)state;
    static const char *const selects[] = {"test", "val", "last"};
    for (int i = 0; i < 3; i++) {
        struct steps s;
        struct learner l;
        struct tip_data t;
        struct err e;
        char *text = str_format("{" TIP_PARAMS "\"no\", \"select\": \"%s\"}", selects[i]);
        json_t *params = steps_params(text);
        open_fixture(&s);
        size_t E = (size_t)s.oracle.shape.embed;
        tip_open(&t, E);
        if (i == 1)
            t.data.test.N = 0; // must not be looked at
        if (i == 0)
            t.data.val.N = 0;
        // Images that are the cache itself: right at first, wrong once the keys are turned round.
        t.data.val.images = t.data.test.images = t.train;
        t.data.val.labels = t.data.test.labels = t.train_labels;
        t.data.val.N = t.data.val.N ? CACHE : 0;
        t.data.test.N = t.data.test.N ? CACHE : 0;
        t.data.train.V = 1;
        open_method(&s, &l, "tip-adapter-f", params, &t.data);
        float first = l.parameters[0];
        l.method->epoch(&l, 0);
        for (size_t k = 0; k < l.n; k++)
            l.parameters[k] = -l.parameters[k];
        l.method->epoch(&l, 1);
        assert_ok(l.method->fit(&l, &t.data, &e), &e);
        assert_true(l.parameters[0] == (i == 2 ? -first : first));
        learner_release(&l);
        tip_close(&t);
        json_decref(params);
        steps_close(&s);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clip_adapter_trains_as_in_pytorch),
        cmocka_unit_test(an_ensemble_is_the_unit_mean_of_unit_features),
        cmocka_unit_test(taskres_trains_as_in_pytorch),
        cmocka_unit_test(tip_adapter_f_trains_its_cache_as_in_pytorch),
        cmocka_unit_test(the_search_takes_the_first_best_of_the_grid),
        cmocka_unit_test(tip_adapter_f_keeps_the_epoch_that_it_is_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
