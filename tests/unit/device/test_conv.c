/*
 * Convolutions, pooling and bf16 products against plain double-precision references; the same bits
 * for any number of threads and whatever the other images.
 */
#include "device/ops.h"

#include "core/device/cpu/cpu.h"

#include <sys/wait.h>

/* x (n) as a product in bf16 sees it: rounded to 8 bits of mantissa, ties to even. Yours to free().
 */
static double *seen(const float *x, size_t n, bool bf16)
{
    double *out = mem_alloc(n, sizeof *out);
    for (size_t i = 0; i < n; i++) {
        int exponent;
        frexp((double)x[i], &exponent);
        out[i] =
            bf16 ? ldexp(nearbyint(ldexp((double)x[i], 8 - exponent)), exponent - 8) : (double)x[i];
    }
    return out;
}

/* y (So, So, N) of one image, channels last. */
static void convolve(double *y, const double *x, const double *weight, const float *bias,
                     const struct conv_shape *s, int flags)
{
    const int side = (s->S - 1) / s->stride + 1;
    for (int at = 0; at < side * side * s->N; at++) {
        const int n = at % s->N, row = at / s->N / side, column = at / s->N % side;
        double sum = bias[n] + (flags & CONV_ADD ? y[at] : 0);
        for (int i = 0; i < s->k * s->k; i++) {
            const int r = row * s->stride + i / s->k - s->k / 2;
            const int c = column * s->stride + i % s->k - s->k / 2;
            if (r < 0 || r >= s->S || c < 0 || c >= s->S)
                continue;
            for (int in = 0; in < s->C; in++)
                sum += x[(r * s->S + c) * s->C + in] * weight[(n * s->C + in) * s->k * s->k + i];
        }
        y[at] = flags & CONV_RELU && sum < 0 ? 0 : sum;
    }
}

static const struct {
    struct conv_shape shape;
    int B, flags;
} convolutions[] = {
    {{1, 1, 1, 1, 1}, 1, 0},
    {{3, 3, 3, 2, 32}, 3, CONV_RELU},
    {{8, 3, 3, 1, 5}, 2, CONV_ADD},
    {{64, 32, 3, 1, 14}, 2, CONV_RELU},
    {{256, 64, 1, 1, 7}, 4, CONV_ADD | CONV_RELU},
    {{24, 80, 3, 2, 9}, 2, 0},
};
enum { CONVOLUTIONS = sizeof convolutions / sizeof convolutions[0] };

static struct result convolution(struct device *d, size_t i, bool bf16)
{
    const struct conv_shape *s = &convolutions[i].shape;
    const int B = convolutions[i].B, flags = convolutions[i].flags | (bf16 ? CONV_BF16 : 0);
    const size_t side = (size_t)((s->S - 1) / s->stride + 1), out = side * side * (size_t)s->N;
    const size_t in = (size_t)(s->S * s->S * s->C), image = (size_t)B;
    const size_t weights = (size_t)(s->N * s->C * s->k * s->k);
    float *weight = random_floats(weights);
    float *bias = random_floats((size_t)s->N), *x = random_floats(image * in);
    double *seen_weight = seen(weight, weights, bf16), *seen_x = seen(x, image * in, bf16);
    struct result r = result_new(image * out);
    for (size_t j = 0; flags & CONV_ADD && j < r.n; j++)
        r.want[j] = (double)(r.out[j] = random_unit());
    for (size_t b = 0; b < image; b++)
        convolve(r.want + b * out, seen_x + b * in, seen_weight, bias, s, flags);
    struct conv *w = d->ops->conv_new(d, weight, bias, s, flags);
    d->ops->conv_fwd(d, r.out, x, w, B);
    d->ops->conv_free(d, w);
    free(weight);
    free(bias);
    free(x);
    free(seen_weight);
    free(seen_x);
    return r;
}

static struct result layer(struct device *d, size_t i, bool bf16)
{
    const int R = (int[]){1, 5, 257, 600, 33, 2}[i], N = (int[]){1, 64, 300, 513, 256, 16}[i],
              K = (int[]){3, 64, 129, 256, 768, 100}[i];
    float *w = random_floats((size_t)(N * K)), *b = random_floats((size_t)N);
    float *x = random_floats((size_t)(R * K));
    struct linear *l = d->ops->linear_new(d, w, b, N, K, LINEAR_FORWARD | (bf16 ? LINEAR_BF16 : 0));
    struct result r = result_new((size_t)(R * N));
    d->ops->linear_fwd(d, r.out, x, l, R);
    double *seen_w = seen(w, (size_t)(N * K), bf16), *seen_x = seen(x, (size_t)(R * K), bf16);
    for (int at = 0; at < R * N; at++) {
        r.want[at] = (double)b[at % N];
        for (int k = 0; k < K; k++)
            r.want[at] += seen_x[at / N * K + k] * seen_w[at % N * K + k];
    }
    d->ops->linear_free(d, l);
    free(seen_w);
    free(seen_x);
    free(w);
    free(b);
    free(x);
    return r;
}

static struct result pooling(struct device *d, size_t i, bool bf16)
{
    (void)bf16;
    const int B = (int[]){1, 2, 3, 2, 1, 1}[i], S = (int[]){1, 4, 6, 7, 56, 9}[i],
              C = (int[]){1, 3, 64, 2048, 17, 5}[i], k = (int[]){1, 2, 2, 7, 2, 3}[i], so = S / k;
    float *x = random_floats((size_t)(B * S * S * C));
    struct result r = result_new((size_t)(B * so * so * C));
    d->ops->avgpool(d, r.out, x, B, S, C, k);
    for (int at = 0; at < B * S * S * C; at++) {
        const int c = at % C, column = at / C % S / k, row = at / C / S % S / k, b = at / C / S / S;
        r.want[((b * so + row) * so + column) * C + c] += (double)x[at] / (k * k);
    }
    free(x);
    return r;
}

static const struct {
    const char *name;
    struct result (*run)(struct device *d, size_t i, bool bf16);
    bool bf16;
} cases[] = {
    {"convolution", convolution, false},
    {"convolution in bf16", convolution, true},
    {"layer in bf16", layer, true},
    {"average pooling", pooling, false},
};
enum { CASES = sizeof cases / sizeof cases[0], SIZES = CONVOLUTIONS };

/* Whether this CPU multiplies bf16. */
static bool has_bf16(void)
{
    struct device *d = open_cpu(1);
    struct err e;
    const float one = 1;
    d->ops->linear_free(d, d->ops->linear_new(d, &one, NULL, 1, 1, LINEAR_FORWARD | LINEAR_BF16));
    const bool has = device_sync(d, &e) == 0;
    device_close(d);
    return has;
}

static void every_operation_matches_its_double_precision_reference(void **unused)
{
    (void)unused;
    struct device *d = open_cpu(2);
    struct err e;
    for (size_t i = 0; i < CASES; i++) {
        if (cases[i].bf16 && !has_bf16()) {
            print_message("skipped: %s, this CPU has no bf16\n", cases[i].name);
            continue;
        }
        for (size_t size = 0; size < SIZES; size++) {
            state = (uint32_t)(100 * i + size);
            struct result r = cases[i].run(d, size, cases[i].bf16);
            double error = 0, total = 0;
            for (size_t j = 0; j < r.n; j++) {
                error += (r.out[j] - r.want[j]) * (r.out[j] - r.want[j]);
                total += r.want[j] * r.want[j];
            }
            if (!(sqrt(error) <= 1e-6 * sqrt(total) + 1e-9))
                fail_msg("%s, size %zu: relative error %.3g", cases[i].name, size,
                         sqrt(error / total));
            free(r.out);
            free(r.want);
        }
    }
    assert_ok(device_sync(d, &e), &e);
    device_close(d);
}

static void bits_do_not_depend_on_threads(void **unused)
{
    (void)unused;
    struct device *devices[3] = {open_cpu(1), open_cpu(2), open_cpu(3)};
    for (size_t i = 0; i < CASES; i++)
        for (size_t size = 0; size < SIZES && (!cases[i].bf16 || has_bf16()); size++) {
            struct result r[3];
            for (int t = 0; t < 3; t++) {
                state = 7;
                r[t] = cases[i].run(devices[t], size, cases[i].bf16);
                if (memcmp(r[t].out, r[0].out, r[0].n * sizeof(float)) != 0)
                    fail_msg("%s, size %zu: %d threads give other bits than 1", cases[i].name, size,
                             t + 1);
            }
            for (int t = 0; t < 3; t++) {
                free(r[t].out);
                free(r[t].want);
            }
        }
    for (int t = 0; t < 3; t++)
        device_close(devices[t]);
}

static void rounding_to_bf16_is_to_nearest_even(void **unused)
{
    (void)unused;
    static const struct {
        uint32_t from;
        uint16_t to;
    } known[] = {
        {0x00000000, 0x0000}, {0x80000000, 0x8000}, {0x3f800000, 0x3f80}, {0x3f808000, 0x3f80},
        {0x3f808001, 0x3f81}, {0x3f818000, 0x3f82}, {0x3f817fff, 0x3f81}, {0xbf818000, 0xbf82},
        {0x7f7fffff, 0x7f80}, {0x7f800000, 0x7f80}, {0xff800000, 0xff80}, {0x7fffffff, 0x7fff},
        {0x7f800001, 0x7fc0}, {0xffc00000, 0xffc0}, {0x00008000, 0x0000}, {0x00018000, 0x0002},
    };
    enum { N = sizeof known / sizeof known[0] };
    float x[N];
    uint16_t y[N];
    for (size_t i = 0; i < N; i++)
        memcpy(&x[i], &known[i].from, sizeof x[i]);
    narrow_bf16(y, x, N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(y[i], known[i].to);
}

/* A process of its own, told before its first call that the CPU ends at plain AVX-512. */
static void without_bf16_instructions_the_error_says_so(void **unused)
{
    (void)unused;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("DNNL_MAX_CPU_ISA", "AVX512_CORE", 1);
        struct device *d;
        struct err e;
        const float one = 1;
        const struct conv_shape s = {1, 1, 1, 1, 1};
        bool good = device_open(&d, "cpu", 1, &e) == 0;
        for (int i = 0; i < 2; i++) {
            struct linear *l = NULL;
            struct conv *w = NULL;
            if (i == 0)
                l = d->ops->linear_new(d, &one, &one, 1, 1, LINEAR_FORWARD | LINEAR_BF16);
            else
                w = d->ops->conv_new(d, &one, &one, &s, CONV_BF16);
            good &= device_sync(d, &e) == ERR_MISSING;
            good &= strcmp(e.text, "this CPU has no bf16 instructions (AVX512-BF16 or AMX); use "
                                   "precision fp32") == 0;
            d->ops->linear_free(d, l);
            d->ops->conv_free(d, w);
        }
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_bf16_instructions_the_error_says_so), // before any call
        cmocka_unit_test(every_operation_matches_its_double_precision_reference),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(rounding_to_bf16_is_to_nearest_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
