/* Products of bf16 layers in parts (core/device/cuda/blas.cuh): narrowed results, sums, bias apart.
 */
#include "core/device/cuda/blas.cuh"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

extern "C" {
#include <cmocka.h>
}

enum { R = 5, K = 21, N = 13, KP = 24, NP = 16 };

static float small(int i)
{
    return (float)(i * 37 % 64 - 32) / 16; // a bf16 number
}

static void parts_make_the_layer(void **)
{
    struct device *d;
    struct err e;
    float weight[N * K], bias[N], x[R * K], wide[R * N], sum[R * N], old[R * N];
    __nv_bfloat16 narrow[R * NP];
    assert_int_equal(device_open(&d, "cuda", 1, &e), 0);
    struct cuda *c = cuda_of(d);
    for (int i = 0; i < N * K; i++)
        weight[i] = small(i);
    for (int i = 0; i < R * K; i++)
        x[i] = small(3 * i + 1);
    for (int i = 0; i < N; i++)
        bias[i] = small(5 * i);
    for (int i = 0; i < R * N; i++)
        old[i] = small(7 * i);
    struct linear *w = d->ops->linear_new(d, weight, bias, N, K, LINEAR_FORWARD | LINEAR_BF16);
    float *from = device_put(d, x, R * K), *y = device_put(d, old, R * N);
    float *out = device_floats(d, R * N);
    __nv_bfloat16 *in = (__nv_bfloat16 *)d->ops->alloc(d, R * KP * sizeof *in);
    __nv_bfloat16 *half = (__nv_bfloat16 *)d->ops->alloc(d, R * NP * sizeof *half);
    cuda_narrow(c, in, from, R, K);
    cuda_linear_chain(c, out, in, w, R, CHAIN_BIAS);
    cuda_linear_chain(c, y, in, w, R, CHAIN_ADD);
    cuda_linear_chain(c, half, in, w, R, CHAIN_NARROW);
    d->ops->download(d, wide, out, sizeof wide);
    d->ops->download(d, sum, y, sizeof sum);
    d->ops->download(d, narrow, half, sizeof narrow);
    float kept[N];
    d->ops->download(d, kept, cuda_linear_bias(w), sizeof kept);
    assert_memory_equal(kept, bias, sizeof bias);
    for (int r = 0; r < R; r++)
        for (int n = 0; n < N; n++) {
            float want = 0;
            for (int k = 0; k < K; k++)
                want += x[r * K + k] * weight[n * K + k];
            assert_true(fabsf(wide[r * N + n] - (want + bias[n])) < 1e-4f);
            assert_true(fabsf(sum[r * N + n] - (want + old[r * N + n])) < 1e-4f);
            assert_true(fabsf(__bfloat162float(narrow[r * NP + n]) - want) <= fabsf(want) / 256);
        }
    d->ops->linear_free(d, w);
    for (void *block : {(void *)from, (void *)y, (void *)out, (void *)in, (void *)half})
        device_release(d, block);
    assert_int_equal(device_sync(d, &e), 0);
    device_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parts_make_the_layer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
