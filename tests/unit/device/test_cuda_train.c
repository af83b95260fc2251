/*
 * The CUDA device's optimizers and low-rank composition have the CPU's bits; sums over many blocks
 * have the right value, and every operation repeats its bits.
 */
#include "device/ops.h"

enum { STEPS = 3 };

static void same_bits(struct device *d, const float *device, const float *want, size_t n)
{
    struct err e;
    float *got = poison(n);
    d->ops->download(d, got, device, n * sizeof *got);
    assert_ok(device_sync(d, &e), &e);
    assert_memory_equal(got, want, n * sizeof *got);
    free(got);
}

static struct device_rates *put_rates(struct device *d, const struct device_rates *r)
{
    struct device_rates *out = d->ops->alloc(d, sizeof *out);
    d->ops->upload(d, out, r, sizeof *r);
    return out;
}

static const size_t sizes[] = {1, 31, 256, 2049};

static void sgd_has_the_cpus_bits(void **unused)
{
    (void)unused;
    struct device *cpu = open_cpu(1), *gpu = open_device("cuda", 1);
    for (int i = 0; i < 8; i++) {
        const size_t n = sizes[i / 2];
        cpu->half = gpu->half = i % 2;
        state = (uint32_t)i;
        float *p = random_floats(n), *g = random_floats(n), *buf = poison(n);
        float *gpu_p = device_put(gpu, p, n), *gpu_g = device_put(gpu, g, n);
        float *gpu_buf = device_put(gpu, buf, n);
        for (int step = 0; step < STEPS; step++) {
            const struct device_rates rates = {.lr = 0.037 * (step + 1)};
            struct device_rates *gpu_rates = put_rates(gpu, &rates);
            cpu->ops->sgd(cpu, p, buf, g, n, &rates, 0.9f, 5e-4f, step == 0);
            gpu->ops->sgd(gpu, gpu_p, gpu_buf, gpu_g, n, gpu_rates, 0.9f, 5e-4f, step == 0);
            same_bits(gpu, gpu_p, p, n);
            same_bits(gpu, gpu_buf, buf, n);
            device_release(gpu, gpu_rates);
        }
        device_release(gpu, gpu_p);
        device_release(gpu, gpu_g);
        device_release(gpu, gpu_buf);
        free(p);
        free(g);
        free(buf);
    }
    device_close(cpu);
    device_close(gpu);
}

static void adam_has_the_cpus_bits(void **unused)
{
    (void)unused;
    struct device *cpu = open_cpu(1), *gpu = open_device("cuda", 1);
    for (int i = 0; i < 8; i++) {
        const size_t n = sizes[i / 2];
        state = (uint32_t)i;
        float *p = random_floats(n), *g = random_floats(n);
        float *m = mem_zero(n, sizeof *m), *v = mem_zero(n, sizeof *v);
        float *gpu_p = device_put(gpu, p, n), *gpu_g = device_put(gpu, g, n);
        float *gpu_m = device_put(gpu, m, n), *gpu_v = device_put(gpu, v, n);
        for (uint64_t step = 0; step < STEPS; step++) {
            const struct device_rates rates = device_rates(0.01, step);
            struct device_rates *gpu_rates = put_rates(gpu, &rates);
            cpu->ops->adam(cpu, p, m, v, g, n, &rates, 1e-8, 0.1, i % 2);
            gpu->ops->adam(gpu, gpu_p, gpu_m, gpu_v, gpu_g, n, gpu_rates, 1e-8, 0.1, i % 2);
            same_bits(gpu, gpu_p, p, n);
            same_bits(gpu, gpu_m, m, n);
            same_bits(gpu, gpu_v, v, n);
            device_release(gpu, gpu_rates);
        }
        float *blocks_of[] = {gpu_p, gpu_g, gpu_m, gpu_v}, *arrays[] = {p, g, m, v};
        for (int j = 0; j < 4; j++) {
            device_release(gpu, blocks_of[j]);
            free(arrays[j]);
        }
    }
    device_close(cpu);
    device_close(gpu);
}

static void composed_contexts_have_the_cpus_bits(void **unused)
{
    (void)unused;
    struct device *cpu = open_cpu(1), *gpu = open_device("cuda", 1);
    for (int i = 0; i < 6; i++) {
        const int M = (int[]){1, 4, 16}[i / 2], R = (int[]){1, 3, 4}[i / 2];
        const int C = (int[]){5, 64, 513}[i / 2];
        const size_t mc = (size_t)(M * C), mr = (size_t)(M * R), rc = (size_t)(R * C);
        state = (uint32_t)i;
        float *start = random_floats(mc), *A = random_floats(mr), *B = random_floats(rc);
        float *mask = random_floats(mc), *want = poison(mc), *out = device_put(gpu, want, mc);
        float *inputs[] = {device_put(gpu, start, mc), device_put(gpu, A, mr),
                           device_put(gpu, B, rc), device_put(gpu, mask, mc)};
        cpu->ops->lowrank_fwd(cpu, want, start, A, B, i % 2 ? mask : NULL, M, R, C);
        gpu->ops->lowrank_fwd(gpu, out, inputs[0], inputs[1], inputs[2], i % 2 ? inputs[3] : NULL,
                              M, R, C);
        same_bits(gpu, out, want, mc);
        for (int j = 0; j < 4; j++)
            device_release(gpu, inputs[j]);
        device_release(gpu, out);
        free(start);
        free(A);
        free(B);
        free(mask);
        free(want);
    }
    device_close(cpu);
    device_close(gpu);
}

/* One block, one block to its limit, several. */
static void gradients_of_any_length_are_deflected(void **unused)
{
    (void)unused;
    static const size_t lengths[] = {1, 1025, 32768, 32769, 200001};
    struct device *gpu = open_device("cuda", 1);
    struct err e;
    for (int i = 0; i < 10; i++) {
        const size_t n = lengths[i / 2];
        state = (uint32_t)i;
        float *g = random_floats(n), *against = random_floats(n), *got[2];
        const double sign = i % 2 ? 1 : -1; // those that agree stay
        for (size_t j = 0; j < n; j++)
            g[j] = (float)(0.1 * g[j] + sign * against[j]);
        double dot = 0, square = 0;
        for (size_t j = 0; j < n; j++) {
            dot += (double)g[j] * against[j];
            square += (double)against[j] * against[j];
        }
        assert_true(dot * sign > 0);
        for (int again = 0; again < 2; again++) {
            float *gpu_g = device_put(gpu, g, n), *gpu_against = device_put(gpu, against, n);
            gpu->ops->deflect(gpu, gpu_g, gpu_against, n, 0.8f);
            got[again] = poison(n);
            gpu->ops->download(gpu, got[again], gpu_g, n * sizeof(float));
            device_release(gpu, gpu_g);
            device_release(gpu, gpu_against);
        }
        assert_ok(device_sync(gpu, &e), &e);
        assert_memory_equal(got[0], got[1], n * sizeof(float));
        for (size_t j = 0; j < n; j++) {
            const double want = g[j] - (dot < 0 ? 0.8 * dot / square * against[j] : 0);
            assert_true(fabs(got[0][j] - want) <= 1e-6);
        }
        free(g);
        free(against);
        free(got[0]);
        free(got[1]);
    }
    device_close(gpu);
}

/* A loss of a row with a logit that is no number is none, and other rows are as ever. */
static void what_is_no_number_shows_in_the_loss(void **unused)
{
    (void)unused;
    enum { B = 3, K = 300 };
    struct device *gpu = open_device("cuda", 1);
    struct err e;
    float *x = random_floats(B * K), loss[B], hit[B];
    const int labels[B] = {0, 299, 7};
    x[K + 11] = NAN;
    for (int k = 0; k < K; k++)
        x[2 * K + k] = 1; // of equals the first is the top
    float *logits = device_put(gpu, x, B * K), *out = device_floats(gpu, 2 * B);
    int *own = device_put_ints(gpu, labels, B);
    gpu->ops->cross_entropy(gpu, out, out + B, logits, logits, own, B, K);
    gpu->ops->download(gpu, loss, out, sizeof loss);
    gpu->ops->download(gpu, hit, out + B, sizeof hit);
    assert_ok(device_sync(gpu, &e), &e);
    assert_true(isfinite(loss[0]) && isnan(loss[1]));
    assert_true(fabs(loss[2] - log(K)) < 1e-5 && hit[2] == 0);
    device_release(gpu, logits);
    device_release(gpu, out);
    device_release(gpu, own);
    free(x);
    device_close(gpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgd_has_the_cpus_bits),
        cmocka_unit_test(adam_has_the_cpus_bits),
        cmocka_unit_test(composed_contexts_have_the_cpus_bits),
        cmocka_unit_test(gradients_of_any_length_are_deflected),
        cmocka_unit_test(what_is_no_number_shows_in_the_loss),
    };
    return run_device_tests(tests);
}
