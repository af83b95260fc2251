/*
 * A block of the image tower in one piece (device_ops.image_block), where a device has it: against
 * the same block in double precision with the same bf16 weights, at ragged sizes.
 */
#include "device/ops.h"

enum { D = DEVICE_HEAD, SIZES = 5, VECTORS = 4, LAYERS = 4 };

static const struct {
    int B, T, H;
} sizes[SIZES] = {{1, 1, 1}, {3, 5, 2}, {2, 50, 1}, {1, 65, 3}, {1, 197, 1}};

/* Layers in the order of struct device_block, outputs and inputs in units of C. */
static const struct {
    int N, K;
} shapes[LAYERS] = {{3, 1}, {1, 1}, {4, 1}, {1, 4}};

struct block {
    int C;
    float *vector[VECTORS]; // (C) gamma, beta of LN1, of LN2
    float *weight[LAYERS], *bias[LAYERS];
};

/* To bf16 and back: what a LINEAR_BF16 layer multiplies by. */
static float rounded(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

static struct block block_new(int C)
{
    struct block b = {.C = C};
    for (int i = 0; i < VECTORS; i++) {
        b.vector[i] = random_floats((size_t)C);
        for (int c = 0; c < C && i % 2 == 0; c++)
            b.vector[i][c] = 1 + 0.5f * b.vector[i][c];
    }
    for (int i = 0; i < LAYERS; i++) {
        const size_t n = (size_t)(shapes[i].N * C) * (size_t)(shapes[i].K * C);
        b.weight[i] = random_floats(n);
        b.bias[i] = random_floats((size_t)(shapes[i].N * C));
        // outputs of about 1; queries and keys larger, so that attention prefers some
        for (size_t j = 0; j < n; j++)
            b.weight[i][j] = rounded(b.weight[i][j] * (float)(sqrt(3.0 / (shapes[i].K * C)) *
                                                              (i == 0 && j < n / 3 * 2 ? 2 : 1)));
    }
    return b;
}

static void block_free(struct block *b)
{
    for (int i = 0; i < VECTORS; i++)
        free(b->vector[i]);
    for (int i = 0; i < LAYERS; i++) {
        free(b->weight[i]);
        free(b->bias[i]);
    }
}

/* ---- the reference ---- */

static void layer_norm(double *y, const double *x, const float *gamma, const float *beta, int C)
{
    double mean = 0, square = 0;
    for (int c = 0; c < C; c++)
        mean += x[c] / C;
    for (int c = 0; c < C; c++)
        square += (x[c] - mean) * (x[c] - mean) / C;
    for (int c = 0; c < C; c++)
        y[c] = (x[c] - mean) / sqrt(square + 1e-5) * gamma[c] + beta[c];
}

/* y = W x + b, or += */
static void layer(double *y, const double *x, const struct block *b, int i, bool add)
{
    const int N = shapes[i].N * b->C, K = shapes[i].K * b->C;
    for (int n = 0; n < N; n++) {
        double sum = b->bias[i][n] + (add ? y[n] : 0);
        for (int k = 0; k < K; k++)
            sum += x[k] * b->weight[i][n * K + k];
        y[n] = sum;
    }
}

/* out (T, C) from qkv (T, 3C) */
static void attend(double *out, const double *qkv, int T, int C)
{
    double *p = mem_alloc((size_t)T, sizeof *p);
    for (int i = 0; i < T; i++)
        for (int h = 0; h < C; h += D) {
            double sum = 0;
            for (int j = 0; j < T; j++) {
                double score = 0;
                for (int c = h; c < h + D; c++)
                    score += qkv[i * 3 * C + c] * qkv[j * 3 * C + C + c];
                sum += p[j] = exp(score / 8);
            }
            for (int c = h; c < h + D; c++) {
                out[i * C + c] = 0;
                for (int j = 0; j < T; j++)
                    out[i * C + c] += p[j] / sum * qkv[j * 3 * C + 2 * C + c];
            }
        }
    free(p);
}

/* What the block adds to an image x (T, C): change (T, C). */
static void reference(double *change, const float *x, const struct block *b, int T)
{
    const int C = b->C;
    double *now = mem_alloc((size_t)(T * C), sizeof *now),
           *qkv = mem_alloc((size_t)(T * 3 * C), sizeof *qkv),
           *y = mem_alloc((size_t)(T * C), sizeof *y),
           *wide = mem_alloc((size_t)(4 * C), sizeof *wide);
    for (int i = 0; i < T * C; i++)
        now[i] = x[i];
    for (int t = 0; t < T; t++) {
        layer_norm(y, now + t * C, b->vector[0], b->vector[1], C);
        layer(qkv + t * 3 * C, y, b, 0, false);
    }
    attend(y, qkv, T, C);
    for (int t = 0; t < T; t++) {
        layer(now + t * C, y + t * C, b, 1, true);
        layer_norm(y + t * C, now + t * C, b->vector[2], b->vector[3], C);
        layer(wide, y + t * C, b, 2, false);
        for (int i = 0; i < 4 * C; i++)
            wide[i] /= 1 + exp(-1.702 * wide[i]);
        layer(now + t * C, wide, b, 3, true);
    }
    for (int i = 0; i < T * C; i++)
        change[i] = now[i] - x[i];
    free(now);
    free(qkv);
    free(y);
    free(wide);
}

/* ---- cases ---- */

static void run(struct device *d, float *x, float *first, const struct block *b, int B, int T)
{
    const float *vector[VECTORS];
    struct linear *l[LAYERS];
    for (int i = 0; i < VECTORS; i++)
        vector[i] = up(d, b->vector[i], (size_t)b->C);
    for (int i = 0; i < LAYERS; i++)
        l[i] = d->ops->linear_new(d, b->weight[i], b->bias[i], shapes[i].N * b->C,
                                  shapes[i].K * b->C, LINEAR_FORWARD | LINEAR_BF16);
    const struct device_block block = {vector[0], vector[1], vector[2], vector[3],
                                       l[0],      l[1],      l[2],      l[3]};
    d->ops->image_block(d, x, first, &block, B, T, b->C / D);
    for (int i = 0; i < LAYERS; i++)
        d->ops->linear_free(d, l[i]);
}

/* The changes of all rows. */
static struct result whole(struct device *d, int size)
{
    const int B = sizes[size].B, T = sizes[size].T, C = sizes[size].H * D;
    const size_t n = (size_t)(T * C);
    struct block b = block_new(C);
    float *x = random_floats((size_t)B * n);
    struct result r = result_new((size_t)B * n);
    float *to = up(d, x, r.n);
    run(d, to, NULL, &b, B, T);
    down(d, r.out, to, r.n);
    for (size_t i = 0; i < r.n; i++)
        r.out[i] -= x[i];
    for (int i = 0; i < B; i++)
        reference(r.want + (size_t)i * n, x + (size_t)i * n, &b, T);
    block_free(&b);
    free(x);
    return r;
}

/* The changes of the images' first rows; x is as before. */
static struct result first_rows(struct device *d, int size)
{
    const int B = sizes[size].B, T = sizes[size].T, C = sizes[size].H * D;
    const size_t n = (size_t)(T * C), c = (size_t)C;
    struct block b = block_new(C);
    float *x = random_floats((size_t)B * n), *first = poison((size_t)B * c);
    float *after = poison((size_t)B * n);
    double *change = mem_alloc(n, sizeof *change);
    struct result r = result_new((size_t)B * c);
    for (int i = 0; i < B; i++)
        memcpy(first + (size_t)i * c, x + (size_t)i * n, c * sizeof *first);
    float *from = up(d, x, (size_t)B * n), *to = up(d, first, r.n);
    run(d, from, to, &b, B, T);
    down(d, r.out, to, r.n);
    down(d, after, from, (size_t)B * n);
    assert_memory_equal(after, x, (size_t)B * n * sizeof *x);
    for (int i = 0; i < B; i++) {
        reference(change, x + (size_t)i * n, &b, T);
        memcpy(r.want + (size_t)i * c, change, c * sizeof *change);
    }
    for (size_t i = 0; i < r.n; i++)
        r.out[i] -= first[i];
    block_free(&b);
    free(x);
    free(first);
    free(after);
    free(change);
    return r;
}

static const struct op_case cases[] = {
    {"a block", whole, 0.0075},
    {"a block for first rows", first_rows, 0.0075},
};

enum { CASES = sizeof cases / sizeof cases[0] };

/* Run `check` on each device that has such blocks; the CPU has none, others have. */
static void each(void (*check)(const char *kind, const struct op_case *cases, size_t n, int sizes))
{
    for (size_t k = 0; k < KINDS; k++) {
        struct device *d = open_device(kinds[k], 1);
        const bool has = d->ops->image_block;
        device_close(d);
        assert_int_equal(has, strcmp(kinds[k], "cpu") != 0);
        if (has)
            check(kinds[k], cases, CASES, SIZES);
    }
}

static void a_block_is_near_its_double_precision_reference(void **unused)
{
    (void)unused;
    each(check_values);
}

static void bits_do_not_depend_on_threads(void **unused)
{
    (void)unused;
    each(check_bits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_near_its_double_precision_reference),
        cmocka_unit_test(bits_do_not_depend_on_threads),
    };
    return run_device_tests(tests);
}
