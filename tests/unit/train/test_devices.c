/*
 * Every method that trains by steps, on every device: the GPU (or its emulation) ends where the CPU
 * does, twice with the same bits, and whether its steps are recorded or not.
 */
#include "device/ops.h"
#include "train/rig.h"

/* What a training run comes to: everything that the learner keeps, then the loss of each epoch. */
struct outcome {
    float *numbers;
    size_t n, ends[LEARNER_KEPT + 1]; // of each part
    int parts;
};

static int note_loss(void *arg, struct learner *l, const struct loop_epoch *epoch,
                     const struct loop_state *after, struct err *e)
{
    double *loss = arg;
    (void)l;
    (void)after;
    (void)e;
    loss[epoch->epoch] = epoch->loss;
    return 0;
}

/* Train the method on a device of this kind; `plain`: without recording its steps. */
static struct outcome train(const char *kind, const char *method, bool plain)
{
    struct rig g;
    struct err e = {0};
    double loss[RIG_EPOCHS];
    struct outcome o = {0};
    rig_device = kind;
    rig_open(&g, method, NULL);
    struct device_ops ops = *g.device->ops;
    if (plain)
        ops.replay = NULL;
    g.device->ops = &ops;
    assert_ok(loop_train(&g.l, &g.data, &g.config, &g.state, note_loss, loss, &e), &e);
    for (int i = 0; i < g.l.n_kept; i++) {
        const struct kept *k = &g.l.kept[i];
        size_t n = k->shape[0] * (k->dims > 1 ? k->shape[1] : 1);
        o.numbers = mem_grow(o.numbers, o.n + n, sizeof *o.numbers);
        ops.download(g.device, o.numbers + o.n, k->data, n * sizeof(float));
        o.ends[o.parts++] = o.n += n;
    }
    assert_ok(device_sync(g.device, &e), &e);
    o.numbers = mem_grow(o.numbers, o.n + RIG_EPOCHS, sizeof *o.numbers);
    for (int i = 0; i < RIG_EPOCHS; i++)
        o.numbers[o.n++] = (float)loss[i];
    o.ends[o.parts++] = o.n;
    rig_close(&g);
    return o;
}

static void expect_same(const struct outcome *a, const struct outcome *b, const char *method,
                        const char *what)
{
    assert_int_equal(a->n, b->n);
    if (memcmp(a->numbers, b->numbers, a->n * sizeof *a->numbers) != 0)
        fail_msg("%s: %s has other bits", method, what);
}

static void expect_near(const struct outcome *a, const struct outcome *b, const char *method)
{
    assert_int_equal(a->n, b->n);
    for (size_t part = 0, i = 0; part < (size_t)a->parts; part++) {
        double error = 0, total = 0;
        for (; i < a->ends[part]; i++) {
            double difference = (double)a->numbers[i] - b->numbers[i];
            error += difference * difference;
            total += (double)b->numbers[i] * b->numbers[i];
        }
        if (!(sqrt(error) <= 1e-3 * sqrt(total)))
            fail_msg("%s: part %zu has a relative error of %.3g against the CPU", method, part,
                     sqrt(error / total));
    }
}

static void compare(const char *method)
{
    struct outcome cpu = train("cpu", method, false), gpu = train("cuda", method, false);
    struct outcome again = train("cuda", method, false), plain = train("cuda", method, true);
    print_message("    %s\n", method);
    expect_near(&gpu, &cpu, method);
    expect_same(&again, &gpu, method, "a second run");
    expect_same(&plain, &gpu, method, "a run without recordings");
    free(cpu.numbers);
    free(gpu.numbers);
    free(again.numbers);
    free(plain.numbers);
}

static void the_gpu_trains_every_method_as_the_cpu_does(void **unused)
{
    (void)unused;
    rig_each(compare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gpu_trains_every_method_as_the_cpu_does),
    };
    return run_device_tests(tests);
}
