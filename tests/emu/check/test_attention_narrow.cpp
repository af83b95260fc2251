/*
 * Attention of bf16 numbers (core/device/cuda/attention_narrow.cu) against a double-precision
 * reference on the same bf16 inputs: at ragged sizes, for all queries and for the first one, with
 * scores that leave no room for a key too many.
 */
#include "core/device/cuda/block.cuh"

#include "block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <vector>

extern "C" {
#include <cmocka.h>
}

enum { D = DEVICE_HEAD };

static uint32_t state;

static float unit(void)
{
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / 8388608.0f - 1;
}

struct problem {
    int B, Q, T, H;
    std::vector<__nv_bfloat16> qkv; // (B, T, 3C)
    std::vector<float> bias;        // (3C)
};

/* below: every score is far below 0, so that a padded key of score 0 would outweigh all. */
static struct problem problem_new(int B, int Q, int T, int H, bool below)
{
    struct problem s = {B, Q, T, H, {}, {}};
    const int C = H * D;
    state = (uint32_t)(T + 1000 * Q);
    for (int i = 0; i < B * T * 3 * C; i++) {
        const int part = i % (3 * C) / C;
        s.qkv.push_back(__float2bfloat16_rn(!below      ? (part == 2 ? 1 : 3) * unit()
                                            : part == 0 ? -8 + unit()
                                            : part == 1 ? 2 + unit()
                                                        : unit()));
    }
    for (int i = 0; i < 3 * C; i++)
        s.bias.push_back(unit());
    return s;
}

/* What the bias makes of the numbers, and then attention: out (B, Q, C). */
static std::vector<double> reference(const struct problem &s)
{
    const int C = s.H * D;
    std::vector<double> x, out((size_t)(s.B * s.Q * C)), p((size_t)s.T);
    for (size_t i = 0; i < s.qkv.size(); i++)
        x.push_back((double)__bfloat162float(s.qkv[i]) + s.bias[i % (size_t)(3 * C)]);
    for (int b = 0; b < s.B; b++)
        for (int i = 0; i < s.Q; i++)
            for (int h = 0; h < C; h += D) {
                const double *image = x.data() + b * s.T * 3 * C + h, *q = image + i * 3 * C;
                double top = -INFINITY, sum = 0;
                for (int j = 0; j < s.T; j++) {
                    p[(size_t)j] = 0;
                    for (int c = 0; c < D; c++)
                        p[(size_t)j] += q[c] * image[j * 3 * C + C + c] / 8;
                    top = fmax(top, p[(size_t)j]);
                }
                for (int j = 0; j < s.T; j++)
                    sum += p[(size_t)j] = exp(p[(size_t)j] - top);
                for (int j = 0; j < s.T; j++)
                    for (int c = 0; c < D; c++)
                        out[(size_t)((b * s.Q + i) * C + h + c)] +=
                            p[(size_t)j] / sum * image[j * 3 * C + 2 * C + c];
            }
    return out;
}

static std::vector<__nv_bfloat16> compute(struct device *d, const struct problem &s)
{
    std::vector<__nv_bfloat16> out((size_t)(s.B * s.Q * s.H * D));
    struct err e;
    const size_t bytes = s.qkv.size() * sizeof s.qkv[0];
    __nv_bfloat16 *in = (__nv_bfloat16 *)d->ops->alloc(d, bytes),
                  *to = (__nv_bfloat16 *)d->ops->alloc(d, out.size() * sizeof out[0]);
    float *bias = device_put(d, s.bias.data(), s.bias.size());
    d->ops->upload(d, in, s.qkv.data(), bytes);
    cuda_attention_narrow(cuda_of(d), to, in, bias, s.B, s.Q, s.T, s.H);
    d->ops->download(d, out.data(), to, out.size() * sizeof out[0]);
    device_release(d, in);
    device_release(d, to);
    device_release(d, bias);
    assert_int_equal(device_sync(d, &e), 0);
    return out;
}

static const struct {
    int B, T, H;
} sizes[] = {{1, 1, 1},  {3, 5, 2},  {1, 16, 1},  {2, 64, 1},
             {1, 65, 3}, {1, 75, 1}, {1, 197, 2}, {1, 257, 1}};

static void it_matches_a_double_precision_reference(void **)
{
    struct device *d;
    struct err e;
    assert_int_equal(device_open(&d, "cuda", 1, &e), 0);
    for (auto size : sizes)
        for (int kind = 0; kind < 4; kind++) {
            const struct problem s =
                problem_new(size.B, kind & 1 ? 1 : size.T, size.T, size.H, kind & 2);
            const std::vector<double> want = reference(s);
            const std::vector<__nv_bfloat16> got = compute(d, s);
            double error = 0, total = 0;
            for (size_t i = 0; i < want.size(); i++) {
                error += pow(__bfloat162float(got[i]) - want[i], 2);
                total += want[i] * want[i];
            }
            // bf16 rounds by up to 2^-9: q, the probabilities, the result
            if (!(sqrt(error / total) < (kind & 2 ? 0.01 : 0.005)))
                fail_msg("T %d, Q %d, kind %d: relative error %.3g", s.T, s.Q, kind,
                         sqrt(error / total));
        }
    device_close(d);
}

static void bits_depend_on_neither_threads_nor_company(void **)
{
    struct device *d;
    struct err e;
    assert_int_equal(device_open(&d, "cuda", 1, &e), 0);
    for (auto size : sizes) {
        struct problem s = problem_new(size.B, size.T, size.T, size.H, false);
        const std::vector<__nv_bfloat16> all = compute(d, s);
        emu_order(true);
        const std::vector<__nv_bfloat16> again = compute(d, s);
        emu_order(false);
        assert_memory_equal(again.data(), all.data(), all.size() * sizeof all[0]);
        s.B = 1; // the first image alone, and of it the first token alone
        const std::vector<__nv_bfloat16> one = compute(d, s);
        assert_memory_equal(one.data(), all.data(), one.size() * sizeof one[0]);
        s.Q = 1;
        const std::vector<__nv_bfloat16> first = compute(d, s);
        assert_memory_equal(first.data(), all.data(), first.size() * sizeof first[0]);
    }
    device_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_matches_a_double_precision_reference),
        cmocka_unit_test(bits_depend_on_neither_threads_nor_company),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
