/* Testing in the middle of training leaves training's bits alone, for every method that may. */
#include "rig.h"

#include "core/train/eval.h"

static char text[2][10] = {"river", "highway"};
static char *others[2] = {text[0], text[1]};

static int fetch(void *arg, size_t first, size_t n, float *out, struct err *e)
{
    struct rig *g = arg;
    size_t S = (size_t)g->clip.shape.image_size, E = (size_t)g->clip.shape.embed;
    size_t size = n * (g->method->pixels ? 3 * S * S : E);
    float *values = rig_normal(77 + first, size);
    (void)e;
    memcpy(out, values, size * sizeof *out);
    free(values);
    return 0;
}

/* After every epoch: classes that were not trained on, then those that were. */
static int probe(void *arg, struct learner *l, const struct loop_epoch *epoch,
                 const struct loop_state *state, struct err *e)
{
    struct rig *g = arg;
    (void)epoch;
    (void)state;
    for (int part = 0; part < 2; part++) {
        static const int labels[5] = {0, 1, 1, 0, 1};
        struct eval_images images = {fetch, g, 5, labels};
        struct eval_result r;
        assert_ok(learner_classes(l, part ? rig_names : others, part ? RIG_CLASSES : 2, false, e),
                  e);
        assert_ok(eval_run(l, &images, &r, e), e);
        free(r.predicted);
    }
    return learner_classes(l, rig_names, RIG_CLASSES, true, e);
}

static int look_away(void *arg, struct learner *l, const struct loop_epoch *epoch,
                     const struct loop_state *state, struct err *e)
{
    (void)arg;
    (void)l;
    (void)epoch;
    (void)state;
    (void)e;
    return 0;
}

static void probed_is_unprobed(const char *method)
{
    struct rig plain, probed;
    struct err e = {0};
    if (!method_key_find(method_find(method), "probe"))
        return;
    print_message("    %s\n", method);
    rig_open(&plain, method, NULL);
    rig_open(&probed, method, NULL);
    assert_ok(loop_train(&plain.l, &plain.data, &plain.config, &plain.state, look_away, NULL, &e),
              &e);
    assert_ok(
        loop_train(&probed.l, &probed.data, &probed.config, &probed.state, probe, &probed, &e), &e);
    rig_assert_same(&plain, &probed);
    assert_memory_equal(&plain.rng, &probed.rng, sizeof plain.rng);
    rig_close(&plain);
    rig_close(&probed);
}

static void probing_does_not_change_training(void **state)
{
    (void)state;
    rig_each(probed_is_unprobed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probing_does_not_change_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
