/*
 * Convolutions, pooling and bf16 products against plain double-precision references, on every
 * device; the same bits whatever its threads do.
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

static struct result convolution_of(struct device *d, int i, bool bf16)
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
    float *y = up(d, r.out, r.n);
    d->ops->conv_fwd(d, y, up(d, x, image * in), w, B);
    down(d, r.out, y, r.n);
    d->ops->conv_free(d, w);
    free(weight);
    free(bias);
    free(x);
    free(seen_weight);
    free(seen_x);
    return r;
}

static struct result convolution(struct device *d, int i)
{
    return convolution_of(d, i, false);
}

static struct result convolution_bf16(struct device *d, int i)
{
    return convolution_of(d, i, true);
}

static struct result layer_bf16(struct device *d, int i)
{
    const int R = (int[]){1, 5, 257, 600, 33, 2}[i], N = (int[]){1, 64, 300, 513, 256, 16}[i],
              K = (int[]){3, 64, 129, 256, 768, 100}[i];
    float *w = random_floats((size_t)(N * K)), *b = random_floats((size_t)N);
    float *x = random_floats((size_t)(R * K));
    struct linear *l = d->ops->linear_new(d, w, b, N, K, LINEAR_FORWARD | LINEAR_BF16);
    struct result r = result_new((size_t)(R * N));
    float *y = up(d, r.out, r.n);
    d->ops->linear_fwd(d, y, up(d, x, (size_t)(R * K)), l, R);
    down(d, r.out, y, r.n);
    double *seen_w = seen(w, (size_t)(N * K), true), *seen_x = seen(x, (size_t)(R * K), true);
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

static struct result layer_back_bf16(struct device *d, int i)
{
    const int R = (int[]){1, 5, 257, 600, 33, 2}[i], N = (int[]){1, 64, 300, 513, 256, 16}[i],
              K = (int[]){3, 64, 129, 256, 768, 100}[i];
    float *w = random_floats((size_t)(N * K)), *dy = random_floats((size_t)(R * N));
    struct linear *l = d->ops->linear_new(d, w, NULL, N, K, LINEAR_BACKWARD | LINEAR_BF16);
    struct result r = result_new((size_t)(R * K));
    float *dx = up(d, r.out, r.n);
    d->ops->linear_bwd(d, dx, up(d, dy, (size_t)(R * N)), l, R);
    down(d, r.out, dx, r.n);
    double *seen_w = seen(w, (size_t)(N * K), true), *seen_dy = seen(dy, (size_t)(R * N), true);
    for (int at = 0; at < R * K; at++)
        for (int n = 0; n < N; n++)
            r.want[at] += seen_dy[at / K * N + n] * seen_w[n * K + at % K];
    d->ops->linear_free(d, l);
    free(seen_w);
    free(seen_dy);
    free(w);
    free(dy);
    return r;
}

static struct result pooling(struct device *d, int i)
{
    const int B = (int[]){1, 2, 3, 2, 1, 1}[i], S = (int[]){1, 4, 6, 7, 56, 9}[i],
              C = (int[]){1, 3, 64, 2048, 17, 5}[i], k = (int[]){1, 2, 2, 7, 2, 3}[i], so = S / k;
    float *x = random_floats((size_t)(B * S * S * C));
    struct result r = result_new((size_t)(B * so * so * C));
    float *y = up(d, r.out, r.n);
    d->ops->avgpool(d, y, up(d, x, (size_t)(B * S * S * C)), B, S, C, k);
    down(d, r.out, y, r.n);
    for (int at = 0; at < B * S * S * C; at++) {
        const int c = at % C, column = at / C % S / k, row = at / C / S % S / k, b = at / C / S / S;
        r.want[((b * so + row) * so + column) * C + c] += (double)x[at] / (k * k);
    }
    free(x);
    return r;
}

static const struct op_case cases[] = {
    {"convolution", convolution, 1e-6},
    {"average pooling", pooling, 1e-6},
};
static const struct op_case bf16_cases[] = {
    {"convolution in bf16", convolution_bf16, 1e-6},
    {"layer in bf16", layer_bf16, 1e-6},
    {"layer backward in bf16", layer_back_bf16, 1e-6},
};
enum {
    CASES = sizeof cases / sizeof cases[0],
    BF16_CASES = sizeof bf16_cases / sizeof bf16_cases[0],
    SIZES = CONVOLUTIONS
};

/* Whether the device multiplies bf16. */
static bool has_bf16(const char *kind)
{
    struct device *d = open_device(kind, 1);
    struct err e;
    const float one = 1;
    d->ops->linear_free(d, d->ops->linear_new(d, &one, NULL, 1, 1, LINEAR_FORWARD | LINEAR_BF16));
    const bool has = device_sync(d, &e) == 0;
    device_close(d);
    if (!has)
        print_message("skipped: bf16 on %s: %s\n", kind, e.text);
    return has;
}

static void every_operation_matches_its_double_precision_reference(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < KINDS; k++) {
        check_values(kinds[k], cases, CASES, SIZES);
        if (has_bf16(kinds[k]))
            check_values(kinds[k], bf16_cases, BF16_CASES, SIZES);
    }
}

static void bits_do_not_depend_on_threads(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < KINDS; k++) {
        check_bits(kinds[k], cases, CASES, SIZES);
        if (has_bf16(kinds[k]))
            check_bits(kinds[k], bf16_cases, BF16_CASES, SIZES);
    }
}

/* y of n images from x + first, y's old values the images' first numbers; yours to free(). */
static float *convolved(struct device *d, const struct conv_shape *s, int flags, const float *x,
                        size_t first, size_t n)
{
    const size_t side = (size_t)((s->S - 1) / s->stride + 1), out = side * side * (size_t)s->N;
    const size_t in = (size_t)(s->S * s->S * s->C);
    state = 5;
    float *weight = random_floats((size_t)(s->N * s->C * s->k * s->k));
    float *bias = random_floats((size_t)s->N), *y = poison(n * out);
    for (size_t i = 0; i < n * out; i++)
        y[i] = x[(first + i / out) * in + i % out % in];
    struct conv *w = d->ops->conv_new(d, weight, bias, s, flags);
    float *there = up(d, y, n * out);
    d->ops->conv_fwd(d, there, up(d, x + first * in, n * in), w, (int)n);
    down(d, y, there, n * out);
    d->ops->conv_free(d, w);
    release_blocks(d);
    free(weight);
    free(bias);
    return y;
}

/* Among more images than a product takes at once, among a few, alone. */
static void an_image_does_not_depend_on_the_others(void **unused)
{
    (void)unused;
    enum { B = 70 };
    static const struct {
        struct conv_shape shape;
        int flags;
    } shapes[] = {
        {{16, 16, 1, 1, 4}, CONV_RELU}, // the images are the product's rows
        {{8, 4, 3, 1, 5}, CONV_ADD},    // images begin anywhere
        {{8, 3, 3, 2, 8}, 0},
        {{16, 8, 3, 1, 4}, CONV_ADD | CONV_RELU | CONV_BF16},
        {{16, 16, 1, 1, 4}, CONV_ADD | CONV_BF16},
    };
    for (size_t k = 0; k < KINDS; k++)
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            if (shapes[i].flags & CONV_BF16 && !has_bf16(kinds[k]))
                continue;
            const struct conv_shape *s = &shapes[i].shape;
            const size_t side = (size_t)((s->S - 1) / s->stride + 1);
            const size_t out = side * side * (size_t)s->N;
            struct device *d = open_device(kinds[k], 2);
            struct err e;
            state = (uint32_t)i;
            float *x = random_floats(B * (size_t)(s->S * s->S * s->C));
            float *all = convolved(d, s, shapes[i].flags, x, 0, B);
            static const size_t parts[][2] = {{0, 1}, {0, 3}, {63, 2}, {66, 4}, {69, 1}, {1, 65}};
            for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
                const size_t first = parts[p][0], n = parts[p][1];
                float *part = convolved(d, s, shapes[i].flags, x, first, n);
                if (memcmp(part, all + first * out, n * out * sizeof *part) != 0)
                    fail_msg("%s: shape %zu: images %zu to %zu have other bits by themselves",
                             kinds[k], i, first, first + n - 1);
                free(part);
            }
            assert_ok(device_sync(d, &e), &e);
            free(x);
            free(all);
            device_close(d);
        }
}

/* A convolution of each kind of RN50's tower at its real size, beside the CPU's. */
static void real_sizes_agree_with_the_cpu(void **unused)
{
    (void)unused;
    static const struct {
        struct conv_shape shape;
        int flags;
    } shapes[] = {
        {{32, 3, 3, 2, 224}, CONV_RELU},
        {{64, 64, 3, 1, 56}, CONV_RELU},
        {{256, 64, 1, 1, 56}, CONV_ADD | CONV_RELU},
        {{512, 512, 3, 1, 7}, CONV_RELU},
        {{2048, 512, 1, 1, 7}, 0},
    };
    struct device *cpu = open_cpu(2), *d = open_device(kinds[KINDS - 1], 1);
    struct err e;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const struct conv_shape *s = &shapes[i].shape;
        const size_t side = (size_t)((s->S - 1) / s->stride + 1);
        const size_t n = 2 * side * side * (size_t)s->N;
        state = (uint32_t)i;
        float *x = random_floats(2 * (size_t)(s->S * s->S * s->C));
        float *want = convolved(cpu, s, shapes[i].flags, x, 0, 2);
        float *got = convolved(d, s, shapes[i].flags, x, 0, 2);
        double error = 0, total = 0;
        for (size_t j = 0; j < n; j++) {
            error += ((double)got[j] - want[j]) * ((double)got[j] - want[j]);
            total += (double)want[j] * want[j];
        }
        if (!(sqrt(error) <= 1e-6 * sqrt(total)))
            fail_msg("shape %zu: relative error %.3g", i, sqrt(error / total));
        free(x);
        free(want);
        free(got);
    }
    assert_ok(device_sync(d, &e), &e);
    device_close(cpu);
    device_close(d);
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
        cmocka_unit_test(real_sizes_agree_with_the_cpu),
        cmocka_unit_test(an_image_does_not_depend_on_the_others),
        cmocka_unit_test(rounding_to_bf16_is_to_nearest_even),
    };
    return run_device_tests(tests);
}
