/*
 * Views of images: the bits of the CPU's on every device, whatever the sizes, the part that is seen
 * and how many pass at once; and the CPU's against a plain reference. (tests/unit/data compares
 * with Pillow.)
 */
#include "device/ops.h"

#include "core/data/resize.h"

enum { MOST_VIEWS = 9, VALUES = 768 };

static float values[VALUES];

/* `n` views of one random image of w x h; parts of it at W x H. */
struct scene {
    int w, h, W, H, n;
    uint8_t *rgb;
    struct device_view views[MOST_VIEWS];
};

static int below(int n)
{
    return (int)((random_unit() + 1) / 2 * (float)n);
}

static void scene_open(struct scene *s)
{
    const size_t bytes = 3 * (size_t)s->w * (size_t)s->h;
    s->rgb = mem_alloc(bytes, 1);
    for (size_t i = 0; i < bytes; i++)
        s->rgb[i] = (uint8_t)below(4) ? (uint8_t)below(256) : (uint8_t)(255 * below(2));
    for (int i = 0; i < s->n; i++) {
        const int w = 1 + below(s->w), h = 1 + below(s->h), x = below(s->w - w + 1);
        const int y = below(s->h - h + 1), wide = s->W + below(9), high = s->H + below(9);
        s->views[i] = (struct device_view){
            s->rgb + 3 * ((size_t)y * (size_t)s->w + (size_t)x), 3 * (size_t)s->w,
            resize_axis(w, wide, below(wide - s->W + 1), s->W),
            resize_axis(h, high, below(high - s->H + 1), s->H), below(2)};
    }
}

static void scene_close(struct scene *s)
{
    for (int i = 0; i < s->n; i++) {
        resize_axis_release(&s->views[i].across);
        resize_axis_release(&s->views[i].down);
    }
    free(s->rgb);
}

/* (n, 3, H, W), yours to free(). */
static float *seen(struct device *d, const struct scene *s)
{
    struct err e;
    const size_t n = 3 * (size_t)s->n * (size_t)s->W * (size_t)s->H;
    float *host = poison(n), *out = up(d, host, n), *table = up(d, values, VALUES);
    const uint8_t *rgb = up_bytes(d, s->rgb, 3 * (size_t)s->w * (size_t)s->h);
    struct device_view there[MOST_VIEWS];
    for (int i = 0; i < s->n; i++) {
        there[i] = s->views[i];
        there[i].rgb = rgb + (s->views[i].rgb - s->rgb);
    }
    d->ops->views(d, out, table, there, s->n, s->W, s->H);
    memset(there, 0xff, sizeof there); // they are not kept
    down(d, host, out, n);
    release_blocks(d);
    assert_ok(device_sync(d, &e), &e);
    return host;
}

static int byte_of(long sum)
{
    sum = (sum + (1L << (DEVICE_WEIGHT_BITS - 1))) >> DEVICE_WEIGHT_BITS;
    return sum < 0 ? 0 : sum > 255 ? 255 : (int)sum;
}

static int across(const struct device_view *v, int row, int x, int c)
{
    long sum = 0;
    for (int t = 0; t < v->across.count[x]; t++)
        sum += (long)v->across.weight[x * v->across.taps + t] *
               v->rgb[(size_t)row * v->stride + (size_t)(3 * (v->across.first[x] + t) + c)];
    return byte_of(sum);
}

/* One number, from the definition. */
static float number(const struct device_view *v, int W, int y, int x, int c)
{
    const int from = v->flip ? W - 1 - x : x;
    long sum = 0;
    for (int t = 0; t < v->down.count[y]; t++)
        sum +=
            (long)v->down.weight[y * v->down.taps + t] * across(v, v->down.first[y] + t, from, c);
    return values[256 * c + byte_of(sum)];
}

static const int sizes[][5] = {
    // w, h, W, H, n
    {1, 1, 1, 1, 1},     {1, 1, 9, 7, 2},      {5, 300, 3, 7, 9},    {300, 5, 7, 3, 9},
    {40, 30, 64, 64, 9}, {97, 131, 48, 48, 9}, {33, 17, 257, 19, 3}, {210, 160, 31, 29, 9},
    {64, 64, 64, 64, 4}, {500, 400, 8, 8, 9},
};

static void the_cpus_are_those_of_the_definition(void **unused)
{
    (void)unused;
    struct device *d = open_cpu(3);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct scene s = {sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3],
                          sizes[i][4], NULL,        {{0}}};
        state = (uint32_t)i;
        scene_open(&s);
        float *got = seen(d, &s);
        for (int at = 0; at<3 * s.n * s.W * s.H; at += s.W * s.H> 999 ? 17 : 1) {
            const int x = at % s.W, y = at / s.W % s.H, c = at / s.W / s.H % 3;
            const float want = number(&s.views[at / s.W / s.H / 3], s.W, y, x, c);
            if (got[at] != want)
                fail_msg("%d x %d to %d x %d, view %d, (%d, %d, %d): %g, want %g", s.w, s.h, s.W,
                         s.H, at / s.W / s.H / 3, x, y, c, (double)got[at], (double)want);
        }
        free(got);
        scene_close(&s);
    }
    device_close(d);
}

static void same_on(struct device *cpu, struct device *d, struct scene *s)
{
    scene_open(s);
    float *want = seen(cpu, s);
    for (int again = 0; again < 2; again++) {
        if (emu_order)
            emu_order(again);
        float *got = seen(d, s);
        if (memcmp(got, want, 3 * (size_t)(s->n * s->W * s->H) * sizeof *got) != 0)
            fail_msg("%s: %d views of %d x %d at %d x %d differ from the CPU's", d->ops->kind, s->n,
                     s->w, s->h, s->W, s->H);
        free(got);
    }
    if (emu_order)
        emu_order(false);
    free(want);
    scene_close(s);
}

static void every_device_sees_the_same(void **unused)
{
    (void)unused;
    struct device *cpu = open_cpu(1), *d = open_device(kinds[KINDS - 1], 1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct scene s = {sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3],
                          sizes[i][4], NULL,        {{0}}};
        state = (uint32_t)i + 100;
        same_on(cpu, d, &s);
    }
    for (int i = 0; i < 60; i++) { // whatever comes
        state = (uint32_t)i + 1000;
        struct scene s = {1 + below(90), 1 + below(90), 1 + below(50), 1 + below(50),
                          1 + below(4),  NULL,          {{0}}};
        same_on(cpu, d, &s);
    }
    device_close(cpu);
    device_close(d);
}

/* More rows between the passes than are made at once. */
static void large_images_pass_one_after_the_other(void **unused)
{
    (void)unused;
    enum { W = 1024, ROWS = 12000 };
    struct device *cpu = open_cpu(1), *d = open_device(kinds[KINDS - 1], 1);
    struct scene s = {W, ROWS, W, 2, 3, NULL, {{0}}};
    const size_t bytes = (size_t)3 * W * ROWS;
    s.rgb = mem_alloc(bytes, 1);
    for (size_t i = 0; i < bytes; i++)
        s.rgb[i] = (uint8_t)(i * 2654435761u >> 24);
    for (int i = 0; i < s.n; i++)
        s.views[i] = (struct device_view){s.rgb, 3 * W, resize_axis(W, W, 0, W),
                                          resize_axis(ROWS - i, 2, 0, 2), i == 1};
    float *want = seen(cpu, &s), *got = seen(d, &s);
    assert_memory_equal(got, want, 3 * (size_t)(s.n * s.W * s.H) * sizeof *got);
    free(want);
    free(got);
    scene_close(&s);
    device_close(cpu);
    device_close(d);
}

/* What a shuttle carries is what was put into it, though the host goes on at once; whether copies
 * come late or before the work that is called earlier. */
static void shuttles_carry_while_work_goes_on(void **unused)
{
    (void)unused;
    enum { ROUNDS = 7, N = 5000 };
    for (size_t k = 0; k < KINDS + 1; k++) {
        setenv("EMU_EAGER", k == KINDS ? "1" : "0", 1);
        struct device *d = open_device(kinds[k < KINDS ? k : KINDS - 1], 1);
        struct err e;
        struct shuttle *go[2], *come[ROUNDS];
        float *sum = device_floats(d, N);
        for (int i = 0; i < 2; i++)
            go[i] = d->ops->shuttle_new(d, N * sizeof *sum);
        d->ops->zero(d, sum, N * sizeof *sum);
        for (int round = 0; round < ROUNDS; round++) {
            struct shuttle *s = go[round % 2];
            float *host = d->ops->shuttle_host(d, s);
            for (int j = 0; j < N; j++)
                host[j] = (float)(round + j);
            const float *there = d->ops->shuttle_send(d, s, N * sizeof *host);
            d->ops->add(d, sum, there, N);
            d->ops->shuttle_done(d, s);
            come[round] = d->ops->shuttle_new(d, N * sizeof *sum);
            d->ops->shuttle_fetch(d, come[round], sum, N * sizeof *host);
        }
        for (int round = 0; round < ROUNDS; round++) {
            const float *got = d->ops->shuttle_host(d, come[round]);
            for (int j = 0; j < N; j++)
                assert_true(got[j] == (float)(round * (round + 1) / 2 + (round + 1) * j));
        }
        for (int round = 0; round < ROUNDS; round++)
            d->ops->shuttle_free(d, come[round]);
        assert_ok(device_sync(d, &e), &e);
        for (int i = 0; i < 2; i++)
            d->ops->shuttle_free(d, go[i]);
        device_release(d, sum);
        device_close(d);
    }
    unsetenv("EMU_EAGER");
}

/* A failure is told by NULL and sticks. */
static void a_shuttle_of_a_failed_device_is_none(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < KINDS; k++) {
        struct device *d = open_device(kinds[k], 1);
        struct err e;
        struct shuttle *s = d->ops->shuttle_new(d, 100);
        assert_non_null(s);
        assert_null(d->ops->alloc(d, (size_t)1 << 50));
        assert_null(d->ops->shuttle_host(d, s));
        assert_null(d->ops->shuttle_send(d, s, 100));
        d->ops->shuttle_done(d, s);
        assert_int_equal(device_sync(d, &e), ERR_MEMORY);
        assert_non_null(d->ops->shuttle_send(d, s, 100));
        assert_ok(device_sync(d, &e), &e);
        d->ops->shuttle_free(d, s);
        d->ops->shuttle_free(d, NULL);
        device_close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cpus_are_those_of_the_definition),
        cmocka_unit_test(every_device_sees_the_same),
        cmocka_unit_test(large_images_pass_one_after_the_other),
        cmocka_unit_test(shuttles_carry_while_work_goes_on),
        cmocka_unit_test(a_shuttle_of_a_failed_device_is_none),
    };
    for (int i = 0; i < VALUES; i++)
        values[i] = (float)i / 7 - 3;
    return run_device_tests(tests);
}
