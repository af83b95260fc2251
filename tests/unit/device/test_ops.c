/*
 * Every operation of the device table against a plain double-precision reference, at ragged sizes,
 * on every device; and the same bits whatever its threads do. (Attention: test_attention.c.)
 */
#include "device/ops.h"
#include "device/ops_train.h"

/* ---- cases ---- */

static struct result linear_both(struct device *d, int size, bool backward)
{
    static const int rows[] = {1, 5, 257, 600}, outs[] = {1, 64, 300, 513},
                     ins[] = {3, 64, 129, 256};
    int R = rows[size], N = outs[size], K = ins[size];
    float *w = random_floats((size_t)N * (size_t)K), *b = random_floats((size_t)N);
    struct linear *l = d->ops->linear_new(d, w, b, N, K, LINEAR_FORWARD | LINEAR_BACKWARD);
    int in = backward ? N : K, out = backward ? K : N;
    float *x = random_floats((size_t)R * (size_t)in);
    struct result r = result_new((size_t)R * (size_t)out);
    float *y = up(d, r.out, r.n);
    (backward ? d->ops->linear_bwd : d->ops->linear_fwd)(d, y, up(d, x, (size_t)(R * in)), l, R);
    down(d, r.out, y, r.n);
    for (int i = 0; i < R; i++)
        for (int o = 0; o < out; o++) {
            double sum = backward ? 0 : b[o];
            for (int k = 0; k < in; k++)
                sum += (double)x[i * in + k] * (backward ? w[k * K + o] : w[o * K + k]);
            r.want[i * out + o] = sum;
        }
    d->ops->linear_free(d, l);
    free(w);
    free(b);
    free(x);
    return r;
}

static struct result linear_forward(struct device *d, int size)
{
    return linear_both(d, size, false);
}

static struct result linear_backward(struct device *d, int size)
{
    return linear_both(d, size, true);
}

enum product { NT, TN, NN };

static struct result matmul(struct device *d, int size, enum product kind)
{
    static const int Ms[] = {1, 7, 32, 300}, Ns[] = {1, 10, 257, 512}, Ks[] = {1, 32, 100, 33};
    int M = Ms[size], N = Ns[size], K = Ks[size];
    float *a = random_floats((size_t)M * (size_t)K), *b = random_floats((size_t)N * (size_t)K);
    struct result r = result_new((size_t)M * (size_t)N);
    float *c = up(d, r.out, r.n);
    (kind == NT   ? d->ops->matmul_nt
     : kind == TN ? d->ops->matmul_tn
                  : d->ops->matmul_nn)(d, c, up(d, a, (size_t)(M * K)), up(d, b, (size_t)(N * K)),
                                       M, N, K, 3);
    down(d, r.out, c, r.n);
    for (int m = 0; m < M; m++)
        for (int n = 0; n < N; n++)
            for (int k = 0; k < K; k++)
                r.want[m * N + n] += 3.0 * (double)(kind == TN ? a[k * M + m] : a[m * K + k]) *
                                     (kind == NT ? b[n * K + k] : b[k * N + n]);
    free(a);
    free(b);
    return r;
}

static struct result matmul_nt(struct device *d, int size)
{
    return matmul(d, size, NT);
}

static struct result matmul_tn(struct device *d, int size)
{
    return matmul(d, size, TN);
}

static struct result matmul_nn(struct device *d, int size)
{
    return matmul(d, size, NN);
}

/* Mean and 1 / sqrt(variance + eps) of a row. */
static void row_moments(const float *x, int C, double *mean, double *rstd)
{
    double sum = 0, square = 0;
    for (int c = 0; c < C; c++)
        sum += x[c];
    *mean = sum / C;
    for (int c = 0; c < C; c++)
        square += (x[c] - *mean) * (x[c] - *mean);
    *rstd = 1 / sqrt(square / C + 1e-5);
}

/* y, then mean, then rstd */
static struct result layernorm_forward(struct device *d, int size)
{
    int R = (int[]){1, 5, 33, 100}[size], C = (int[]){64, 128, 192, 512}[size];
    size_t n = (size_t)(R * C);
    float *x = random_floats(n), *g = random_floats((size_t)C), *b = random_floats((size_t)C);
    struct result r = result_new(n + 2 * (size_t)R);
    float *y = up(d, r.out, r.n);
    d->ops->layernorm_fwd(d, y, y + n, y + n + R, up(d, x, n), up(d, g, (size_t)C),
                          up(d, b, (size_t)C), R, C);
    down(d, r.out, y, r.n);
    for (int i = 0; i < R; i++) {
        double m, s;
        row_moments(x + i * C, C, &m, &s);
        r.want[n + (size_t)i] = m;
        r.want[n + (size_t)(R + i)] = s;
        for (int c = 0; c < C; c++)
            r.want[i * C + c] = (x[i * C + c] - m) * s * g[c] + b[c];
    }
    free(x);
    free(g);
    free(b);
    return r;
}

static struct result layernorm_backward(struct device *d, int size)
{
    int R = (int[]){1, 5, 33, 100}[size], C = (int[]){64, 128, 192, 512}[size];
    float *x = random_floats((size_t)(R * C)), *g = random_floats((size_t)C);
    float *dy = random_floats((size_t)(R * C)), *mean = poison((size_t)R),
          *rstd = poison((size_t)R);
    struct result r = result_new((size_t)(R * C));
    for (int i = 0; i < R; i++) {
        double m, s, sum = 0, product = 0;
        row_moments(x + i * C, C, &m, &s);
        mean[i] = (float)m;
        rstd[i] = (float)s;
        for (int c = 0; c < C; c++) {
            sum += (double)dy[i * C + c] * g[c];
            product += (double)dy[i * C + c] * g[c] * (x[i * C + c] - m) * s;
        }
        for (int c = 0; c < C; c++) {
            r.out[i * C + c] = 0.5f; // the operation adds
            r.want[i * C + c] = 0.5 + s * ((double)dy[i * C + c] * g[c] - sum / C -
                                           (x[i * C + c] - m) * s * product / C);
        }
    }
    float *dx = up(d, r.out, r.n);
    d->ops->layernorm_bwd(d, dx, up(d, dy, r.n), up(d, x, r.n), up(d, mean, (size_t)R),
                          up(d, rstd, (size_t)R), up(d, g, (size_t)C), R, C);
    down(d, r.out, dx, r.n);
    free(x);
    free(g);
    free(dy);
    free(mean);
    free(rstd);
    return r;
}

static const size_t spans[] = {1, 15, 1000, 50001};

static struct result gelu_forward(struct device *d, int size)
{
    size_t n = spans[size];
    float *x = random_floats(n);
    struct result r = result_new(n);
    for (size_t i = 0; i < n; i++) {
        x[i] *= 12; // into both tails
        r.want[i] = x[i] / (1 + exp(-1.702 * x[i]));
    }
    float *y = up(d, r.out, n);
    d->ops->quickgelu_fwd(d, y, up(d, x, n), n);
    down(d, r.out, y, n);
    free(x);
    return r;
}

static struct result gelu_backward(struct device *d, int size)
{
    size_t n = spans[size];
    float *x = random_floats(n), *dy = random_floats(n);
    struct result r = result_new(n);
    for (size_t i = 0; i < n; i++) {
        x[i] *= 12;
        double s = 1 / (1 + exp(-1.702 * x[i]));
        r.want[i] = dy[i] * (s + 1.702 * x[i] * s * (1 - s));
    }
    float *dx = up(d, r.out, n);
    d->ops->quickgelu_bwd(d, dx, up(d, dy, n), up(d, x, n), n);
    down(d, r.out, dx, n);
    free(x);
    free(dy);
    return r;
}

static struct result l2norm_forward(struct device *d, int size)
{
    int R = (int[]){1, 3, 9, 50}[size], C = (int[]){1, 32, 100, 512}[size];
    float *x = random_floats((size_t)(R * C)), *norm = poison((size_t)R);
    struct result r = result_new((size_t)(R * C));
    float *y = up(d, r.out, r.n);
    d->ops->l2norm_fwd(d, y, up(d, norm, (size_t)R), up(d, x, r.n), R, C);
    down(d, r.out, y, r.n);
    for (int i = 0; i < R; i++) {
        double square = 0;
        for (int c = 0; c < C; c++)
            square += (double)x[i * C + c] * x[i * C + c];
        for (int c = 0; c < C; c++)
            r.want[i * C + c] = x[i * C + c] / sqrt(square);
    }
    free(x);
    free(norm);
    return r;
}

static struct result l2norm_backward(struct device *d, int size)
{
    int R = (int[]){1, 3, 9, 50}[size], C = (int[]){2, 32, 100, 512}[size];
    float *x = random_floats((size_t)(R * C)), *dy = random_floats((size_t)(R * C));
    float *y = poison((size_t)(R * C)), *norm = poison((size_t)R);
    struct result r = result_new((size_t)(R * C));
    float *y_ = up(d, y, r.n), *norm_ = up(d, norm, (size_t)R), *dx = up(d, r.out, r.n);
    d->ops->l2norm_fwd(d, y_, norm_, up(d, x, r.n), R, C);
    d->ops->l2norm_bwd(d, dx, up(d, dy, r.n), y_, norm_, R, C);
    down(d, r.out, dx, r.n);
    for (int i = 0; i < R; i++) {
        double square = 0, along = 0;
        for (int c = 0; c < C; c++) {
            square += (double)x[i * C + c] * x[i * C + c];
            along += (double)x[i * C + c] * dy[i * C + c];
        }
        for (int c = 0; c < C; c++)
            r.want[i * C + c] = (dy[i * C + c] - x[i * C + c] * along / square) / sqrt(square);
    }
    free(x);
    free(dy);
    free(y);
    free(norm);
    return r;
}

/* gather, then scatter_add with a repeated index, then add and copy; then scatter over a copy */
static struct result rows(struct device *d, int size)
{
    int C = (int[]){1, 64, 65, 512}[size];
    static const int index[4] = {2, 0, 2, 1};
    size_t c = (size_t)C;
    float *x = random_floats(3 * c), *y = random_floats(4 * c);
    struct result r = result_new(10 * c);
    float *out = up(d, r.out, r.n), *x_ = up(d, x, 3 * c), *y_ = up(d, y, 4 * c);
    int *index_ = up_ints(d, index, 4);
    d->ops->gather(d, out, x_, index_, 4, C);
    device_copy(d, out + 4 * c, x_, 3 * c);
    d->ops->scatter_add(d, out + 4 * c, y_, index_, 4, C);
    d->ops->add(d, out, y_, 4 * c);
    device_copy(d, out + 7 * c, x_, 3 * c);
    d->ops->scatter(d, out + 7 * c, y_, index_, 2, C); // rows 2 and 0
    down(d, r.out, out, r.n);
    for (size_t i = 0; i < 3 * c; i++) {
        r.want[4 * c + i] = x[i];
        r.want[7 * c + i] = i < c ? y[c + i] : i < 2 * c ? x[i] : y[i - 2 * c];
    }
    for (size_t row = 0; row < 4; row++)
        for (size_t i = 0; i < c; i++) {
            r.want[row * c + i] = (double)x[(size_t)index[row] * c + i] + y[row * c + i];
            r.want[(4 + (size_t)index[row]) * c + i] += y[row * c + i];
        }
    free(x);
    free(y);
    return r;
}

/* image_tokens of patches: against the convolution's own indexing */
static struct result image_rows(struct device *d, int size)
{
    int B = 2, p = (int[]){1, 2, 4, 8}[size], g = (int[]){1, 3, 2, 4}[size], S = g * p;
    int C = 3 * p * p, T = 1 + g * g;
    float *x = random_floats((size_t)(B * 3 * S * S)), *class_ = random_floats((size_t)C);
    float *position = random_floats((size_t)(T * C)), *patches = poison((size_t)(B * g * g * C));
    struct result r = result_new((size_t)(B * T * C));
    float *patches_ = up(d, patches, (size_t)(B * g * g * C)), *out = up(d, r.out, r.n);
    d->ops->patches(d, patches_, up(d, x, (size_t)(B * 3 * S * S)), B, S, p);
    d->ops->image_tokens(d, out, patches_, up(d, class_, (size_t)C),
                         up(d, position, (size_t)(T * C)), B, T, C);
    down(d, r.out, out, r.n);
    for (int b = 0; b < B; b++)
        for (int t = 0; t < T; t++)
            for (int c = 0; c < C; c++) {
                int channel = c / (p * p), row = c / p % p, column = c % p;
                int y = (t - 1) / g * p + row, z = (t - 1) % g * p + column;
                r.want[(b * T + t) * C + c] =
                    (double)position[t * C + c] +
                    (t ? x[((b * 3 + channel) * S + y) * S + z] : class_[c]);
            }
    free(x);
    free(class_);
    free(position);
    free(patches);
    return r;
}

/* ---- the table ---- */

static const struct op_case cases[] = {
    {"linear forward", linear_forward, 1e-6},
    {"linear backward", linear_backward, 1e-6},
    {"matmul nt", matmul_nt, 1e-6},
    {"matmul tn", matmul_tn, 1e-6},
    {"matmul nn", matmul_nn, 1e-6},
    {"layer norm forward", layernorm_forward, 1e-6},
    {"layer norm backward", layernorm_backward, 1e-6},
    {"QuickGELU forward", gelu_forward, 1e-6},
    {"QuickGELU backward", gelu_backward, 1e-6},
    {"l2 norm forward", l2norm_forward, 1e-6},
    {"l2 norm backward", l2norm_backward, 1e-6},
    {"cross entropy", cross_entropy, 1e-6},
    {"distillation", distill, 1e-6},
    {"deflection", deflect, 1e-6},
    {"SGD", sgd, 1e-6},
    {"low rank", lowrank, 1e-6},
    {"rows", rows, 1e-6},
    {"image rows", image_rows, 1e-6},
    {"l1", l1, 1e-6},
};

enum { CASES = sizeof cases / sizeof cases[0], SIZES = 4 };

static void every_operation_matches_its_double_precision_reference(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < KINDS; k++)
        check_values(kinds[k], cases, CASES, SIZES);
}

static void bits_do_not_depend_on_threads(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < KINDS; k++)
        check_bits(kinds[k], cases, CASES, SIZES);
}

static void a_failed_allocation_sticks_until_sync(void **unused)
{
    (void)unused;
    struct device *d = open_cpu(1);
    struct err e = {0};
    float y = 3, x = 4;
    assert_null(d->ops->alloc(d, (size_t)1 << 60));
    d->ops->add(d, &y, &x, 1); // does nothing after a failure
    assert_true(y == 3);
    assert_int_equal(device_sync(d, &e), ERR_MEMORY);
    assert_text(&e, "not enough memory: 1152921504606846976 bytes");
    assert_int_equal(device_sync(d, &e), 0);
    device_close(d);
}

static void an_unknown_device_is_named(void **unused)
{
    (void)unused;
    struct device *d;
    struct err e;
    assert_int_equal(device_open(&d, "tpu", 1, &e), ERR_USAGE);
    assert_text(&e, "unknown device 'tpu', expected 'cpu', 'cuda' or 'cuda:N'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_matches_its_double_precision_reference),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(a_failed_allocation_sticks_until_sync),
        cmocka_unit_test(an_unknown_device_is_named),
    };
    return run_device_tests(tests);
}
