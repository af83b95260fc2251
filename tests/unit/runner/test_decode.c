/*
 * Decoded images: every one, in order, in batches that depend on sizes alone, where the device sees
 * them; on the CPU, and on a device that works apart while the next batch is decoded.
 */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "data/see.h"
#include "runner/decode.h"

static const char *const files[] = {
    "420.jpg",   "1x1.png",     "rgba.png", "420-tall.jpg", "37x1.png", "422.jpg",    "64.jpg",
    "photo.jpg", "palette.png", "ycck.jpg", "grey.jpg",     "1x37.jpg", "one-bit.png"};
enum { N = sizeof files / sizeof files[0] };
static const char *bad; // what one of them is instead, or NULL
static size_t bad_at;

static int load(void *arg, size_t i, struct image *out, struct err *e)
{
    (void)arg;
    char *path = fs_join("tests/oracle/preprocess/pictures", files[i]);
    const int rc = image_load(out, bad && i == bad_at ? bad : path, e);
    free(path);
    return rc;
}

/* What the device has at image->rgb is file i. */
static void same_pixels(struct device *d, const struct image *image, size_t i)
{
    struct err e;
    struct image want;
    assert_ok(load(NULL, i, &want, &e), &e);
    assert_int_equal(image->w, want.w);
    assert_int_equal(image->h, want.h);
    const size_t n = 3 * (size_t)want.w * (size_t)want.h;
    uint8_t *got = mem_alloc(n, 1);
    d->ops->download(d, got, image->rgb, n);
    assert_ok(device_sync(d, &e), &e);
    assert_memory_equal(got, want.rgb, n);
    free(got);
    image_release(&want);
}

/* How many images from `first` make a batch. */
static size_t expected(size_t first, size_t most, size_t budget)
{
    size_t n = 0, bytes = 0;
    for (; first + n < N && n < most && bytes <= budget; n++) {
        struct image image;
        struct err e;
        assert_ok(load(NULL, first + n, &image, &e), &e);
        bytes += 3 * (size_t)image.w * (size_t)image.h;
        image_release(&image);
    }
    return n;
}

static const char *const kinds[] = {"cpu", "cuda"};
enum { KINDS = 2 };

static void every_image_comes_once_and_in_order(void **unused)
{
    (void)unused;
    static const size_t mosts[] = {1, 4, N, 100}, budgets[] = {0, 20000, 1 << 30};
    for (int i = 0; i < KINDS * 4 * 3; i++) {
        struct device *d = see_open(kinds[i % KINDS]);
        const size_t most = mosts[i / KINDS % 4], budget = budgets[i / KINDS / 4];
        for (int threads = 1; threads <= 3; threads++) {
            struct decoder *c;
            struct decoded batch;
            struct err e;
            size_t seen = 0;
            decoder_open(&c, d, threads, N, most, budget, load, NULL);
            for (;;) {
                assert_ok(decoder_next(c, &batch, &e), &e);
                assert_int_equal(batch.first, seen);
                assert_int_equal(batch.n, expected(seen, most, budget));
                if (!batch.n)
                    break;
                for (size_t at = 0; at < batch.n; at++)
                    same_pixels(d, &batch.images[at], seen++);
            }
            assert_int_equal(seen, N);
            assert_ok(decoder_next(c, &batch, &e), &e); // still none
            assert_int_equal(batch.n, 0);
            decoder_close(c);
        }
        device_close(d);
    }
}

static void the_first_image_that_fails_is_named(void **unused)
{
    (void)unused;
    for (int i = 0; i < KINDS * (int)N; i++) {
        struct device *d = see_open(kinds[i % KINDS]);
        struct decoder *c;
        struct decoded batch;
        struct err e;
        int rc;
        bad = "no such picture.jpg";
        bad_at = (size_t)(i / KINDS);
        decoder_open(&c, d, 3, N, 4, 1 << 30, load, NULL);
        while ((rc = decoder_next(c, &batch, &e)) == 0)
            assert_true(batch.n && batch.first + batch.n <= bad_at / 4 * 4);
        assert_int_equal(rc, ERR_MISSING);
        assert_text(&e, "unable to open 'no such picture.jpg': No such file or directory");
        decoder_close(c);
        device_close(d);
    }
    bad = NULL;
}

static void no_image_is_no_batch(void **unused)
{
    (void)unused;
    for (int i = 0; i < KINDS; i++) {
        struct device *d = see_open(kinds[i]);
        struct decoder *c;
        struct decoded batch;
        struct err e;
        decoder_open(&c, d, 2, 0, 4, 1 << 30, load, NULL);
        assert_ok(decoder_next(c, &batch, &e), &e);
        assert_int_equal(batch.n, 0);
        decoder_close(c);
        device_close(d);
    }
    decoder_close(NULL);
}

/* The device's memory is full: the error is the device's, and nothing leaks. */
static void a_device_without_room_says_so(void **unused)
{
    (void)unused;
    setenv("EMU_MEMORY_MB", "33", 1); // 32 are the products' workspace
    struct device *d = see_open("cuda");
    struct decoder *c;
    struct decoded batch;
    struct err e;
    void *rest = d->ops->alloc(d, (1 << 20) - 4096);
    decoder_open(&c, d, 2, N, 4, 1 << 30, load, NULL);
    assert_int_equal(decoder_next(c, &batch, &e), ERR_MEMORY);
    assert_non_null(strstr(e.text, "not enough memory"));
    decoder_close(c);
    device_release(d, rest);
    device_close(d);
    unsetenv("EMU_MEMORY_MB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_image_comes_once_and_in_order),
        cmocka_unit_test(the_first_image_that_fails_is_named),
        cmocka_unit_test(no_image_is_no_batch),
        cmocka_unit_test(a_device_without_room_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
