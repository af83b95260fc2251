/* Optimizers through the learner, against torch.optim in float64 (torch 1.13). */
#include "t.h"

#include "core/train/optim.h"

/* Three steps from {0.5, -1.25, 3} with gradients {0.1 i, -0.2, 0}, lr 0.01, weight decay 0.1, eps
 * 1e-4. */
static void run(enum optimizer optimizer, float out[3])
{
    static const float start[3] = {0.5f, -1.25f, 3};
    const struct loop_config config = {.momentum = 0.9, .weight_decay = 0.1, .epsilon = 1e-4};
    struct learner l = {.method = &method_coop, .optimizer = optimizer};
    struct err e;
    assert_ok(device_open(&l.device, "cpu", 1, &e), &e);
    learner_parameters(&l, 3, start);
    for (int i = 0; i < 3; i++) {
        const float gradient[3] = {0.1f * (float)(i + 1), -0.2f, 0};
        l.device->ops->upload(l.device, l.gradient, gradient, sizeof gradient);
        const struct device_rates rates = device_rates(0.01, (uint64_t)i);
        optim_step(&l, &config, &rates, i == 0);
    }
    l.device->ops->download(l.device, out, l.parameters, 3 * sizeof *out);
    struct device *d = l.device;
    learner_release(&l);
    device_close(d);
}

static void adam_and_adamw_are_torchs(void **unused)
{
    (void)unused;
    static const float adam[3] = {0.4704097606f, -1.2200122304f, 2.9700132551f};
    static const float adamw[3] = {0.4693198037f, -1.2162987163f, 2.9910089970f};
    float got[3];
    run(OPTIMIZER_ADAM, got);
    assert_close(got, adam, 3, 1e-6, 0);
    run(OPTIMIZER_ADAMW, got);
    assert_close(got, adamw, 3, 1e-6, 0);
}

static void sgd_keeps_its_momentum(void **unused)
{
    (void)unused;
    float got[3];
    double p[3] = {0.5, -1.25, 3}, buf[3];
    run(OPTIMIZER_SGD, got);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            double g = (j == 0 ? 0.1 * (i + 1) : j == 1 ? -0.2 : 0) + 0.1 * p[j];
            buf[j] = i ? 0.9 * buf[j] + g : g;
            p[j] -= 0.01 * buf[j];
        }
    for (int j = 0; j < 3; j++)
        assert_true(fabs(got[j] - p[j]) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adam_and_adamw_are_torchs),
        cmocka_unit_test(sgd_keeps_its_momentum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
