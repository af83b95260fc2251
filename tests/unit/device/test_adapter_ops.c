/* Element operations of the feature adapters against double precision, at ragged sizes. */
#include "device/ops.h"

enum { SIZES = 8 };

/* Each length on its own, then one float past an aligned address. */
static size_t length_of(int size)
{
    return (size_t[]){1, 17, 1000, 40001}[size / 2];
}

static float *up_shifted(struct device *d, const float *host, size_t n, int size)
{
    float *room = mem_alloc(n + 1, sizeof *room), *block;
    size_t shift = (size_t)(size % 2);
    memcpy(room + shift, host, n * sizeof *host);
    room[shift ? 0 : n] = 0;
    block = up(d, room, n + 1);
    free(room);
    return block + shift;
}

static struct result relu(struct device *d, int size)
{
    size_t n = length_of(size);
    float *x = random_floats(n);
    struct result r = result_new(n);
    x[n / 2] = 0;
    float *y = up_shifted(d, r.out, n, size);
    d->ops->relu_fwd(d, y, up_shifted(d, x, n, size), n);
    down(d, r.out, y, n);
    for (size_t i = 0; i < n; i++)
        r.want[i] = x[i] > 0 ? (double)x[i] : 0;
    free(x);
    return r;
}

/* In place; no slope at 0, as in torch. */
static struct result relu_backward(struct device *d, int size)
{
    size_t n = length_of(size);
    float *y = random_floats(n), *dy = random_floats(n);
    struct result r = result_new(n);
    y[n / 2] = 0;
    float *dx = up_shifted(d, dy, n, size);
    d->ops->relu_bwd(d, dx, dx, up_shifted(d, y, n, size), n);
    down(d, r.out, dx, n);
    for (size_t i = 0; i < n; i++)
        r.want[i] = y[i] > 0 ? (double)dy[i] : 0;
    free(y);
    free(dy);
    return r;
}

static struct result blend(struct device *d, int size)
{
    size_t n = length_of(size);
    float *x = random_floats(n), *start = random_floats(n);
    struct result r = result_new(n);
    float *y = up_shifted(d, start, n, size);
    d->ops->blend(d, y, 0.2f, up_shifted(d, x, n, size), 0.8f, n);
    down(d, r.out, y, n);
    for (size_t i = 0; i < n; i++)
        r.want[i] = (double)0.2f * start[i] + (double)0.8f * x[i];
    free(x);
    free(start);
    return r;
}

static struct result affinity(struct device *d, int size)
{
    size_t n = length_of(size);
    float *x = random_floats(n);
    struct result r = result_new(n);
    float *y = up_shifted(d, r.out, n, size);
    d->ops->affinity_fwd(d, y, up_shifted(d, x, n, size), 5.5f, n);
    down(d, r.out, y, n);
    for (size_t i = 0; i < n; i++)
        r.want[i] = exp(5.5 * (x[i] - 1.0));
    free(x);
    return r;
}

static struct result affinity_backward(struct device *d, int size)
{
    size_t n = length_of(size);
    float *y = random_floats(n), *dy = random_floats(n);
    struct result r = result_new(n);
    float *dx = up_shifted(d, dy, n, size);
    d->ops->affinity_bwd(d, dx, dx, up_shifted(d, y, n, size), 5.5f, n);
    down(d, r.out, dx, n);
    for (size_t i = 0; i < n; i++)
        r.want[i] = 5.5 * y[i] * dy[i];
    free(y);
    free(dy);
    return r;
}

static const struct op_case cases[] = {
    {"ReLU", relu, 1e-6},
    {"ReLU backward", relu_backward, 1e-6},
    {"blend", blend, 1e-6},
    {"affinity", affinity, 1e-6},
    {"affinity backward", affinity_backward, 1e-6},
};
enum { CASES = sizeof cases / sizeof cases[0] };

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_matches_its_double_precision_reference),
        cmocka_unit_test(bits_do_not_depend_on_threads),
    };
    return run_device_tests(tests);
}
