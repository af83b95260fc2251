/*
 * Pixels for methods that train on them: the views of a feature bank, whatever the threads and
 * however often an image was asked for.
 */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "data/see.h"
#include "runner/pixels.h"

enum { SIZE = 48, N = 5, IMAGE = 3 * SIZE * SIZE };

static const size_t items[N] = {3, 40, 7, 100, 8};
static struct split split;
static struct device *device;

static int setup(void **state)
{
    (void)state;
    struct err e;
    assert_ok(
        split_load(&split, dataset_find("pocket-land"), "recipes/pocket/data/pocket-land", &e), &e);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    split_release(&split);
    return 0;
}

/* scale 0: the spec does not say. */
static struct pixels *open_pixels(const char *part, const char *views, int epochs, double scale,
                                  int threads)
{
    struct pixels *p;
    json_t *bank = json_pack("{s:s, s:s, s:i, s:i}", "part", part, "views", views, "epochs", epochs,
                             "seed", 2);
    if (scale > 0)
        json_object_set_new(bank, "crop-scale", json_real(scale));
    pixels_open(&p, device, &split, bank, items, N, SIZE, threads);
    json_decref(bank);
    return p;
}

/* Image `item` as a bank's view has it; view -1: the test transform. `got`: device memory. */
static void expect(const float *got, enum split_part part, size_t item, int view, double scale)
{
    struct err e;
    struct image in;
    struct device *cpu = see_open("cpu");
    struct device_view v;
    float values[AUGMENT_VALUES], *host = mem_alloc(IMAGE, sizeof *host);
    char *path = fs_join(split.images, split.part[part].items[item].path);
    device->ops->download(device, host, got, IMAGE * sizeof *host);
    assert_ok(device_sync(device, &e), &e);
    assert_ok(image_load(&in, path, &e), &e);
    if (view < 0)
        augment_test(&v, &in, SIZE);
    else
        augment_train(&v, &in, SIZE, scale, 2, (uint64_t)view, item);
    augment_values(values);
    float *want = see_numbers(cpu, &in, &v, SIZE, SIZE, values);
    assert_memory_equal(host, want, IMAGE * sizeof *want);
    image_release(&in);
    device_close(cpu);
    free(path);
    free(want);
    free(host);
}

static void a_batch_has_the_views_of_a_bank(const char *kind)
{
    static const struct {
        const char *views;
        int epochs, epoch, view;
        double asked, scale;
    } cases[] = {{"fresh", 9, 0, 0, 0, 0.08},
                 {"fresh", 9, 7, 7, 0, 0.08},
                 {"3", 3, 7, 1, 0, 0.08},
                 {"3", 3, 7, 1, 0.5, 0.5},
                 {"none", 1, 7, -1, 0, 0}};
    const int rows[] = {4, 0, 4}; // an image may come twice
    device = see_open(kind);
    float *out = device_floats(device, 3 * IMAGE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int threads = 1; threads <= 3; threads++) {
            struct err e;
            struct pixels *p =
                open_pixels("train", cases[i].views, cases[i].epochs, cases[i].asked, threads);
            for (int again = 0; again < 2; again++) { // decoded, then kept
                assert_ok(pixels_batch(p, cases[i].epoch, rows, 3, out, &e), &e);
                for (int b = 0; b < 3; b++)
                    expect(out + b * IMAGE, SPLIT_TRAIN, items[rows[b]], cases[i].view,
                           cases[i].scale);
            }
            pixels_close(p);
        }
    device_release(device, out);
    device_close(device);
}

static void a_batch_has_the_views_of_a_bank_on_the_cpu(void **unused)
{
    (void)unused;
    a_batch_has_the_views_of_a_bank("cpu");
}

static void a_batch_has_the_views_of_a_bank_on_the_gpu(void **unused)
{
    (void)unused;
    a_batch_has_the_views_of_a_bank("cuda");
}

/* They are not kept: every batch travels anew. */
static void test_images_come_in_order(void **unused)
{
    (void)unused;
    static const char *const kinds[] = {"cpu", "cuda"};
    for (int k = 0; k < 2; k++) {
        struct err e;
        device = see_open(kinds[k]);
        float *out = device_floats(device, 4 * IMAGE);
        struct pixels *p = open_pixels("test", "none", 1, 0, 2);
        assert_ok(pixels_fetch(p, 2, 2, out, &e), &e);
        assert_ok(pixels_fetch(p, 0, 2, out + 2 * IMAGE, &e), &e);
        expect(out, SPLIT_TEST, items[2], -1, 0);
        expect(out + IMAGE, SPLIT_TEST, items[3], -1, 0);
        expect(out + 2 * IMAGE, SPLIT_TEST, items[0], -1, 0);
        expect(out + 3 * IMAGE, SPLIT_TEST, items[1], -1, 0);
        pixels_close(p);
        device_release(device, out);
        device_close(device);
    }
}

static void an_image_that_is_gone_is_named(void **unused)
{
    (void)unused;
    struct err e;
    const int row = 1;
    struct split_item *item = &split.part[SPLIT_TRAIN].items[items[1]];
    char *path = item->path;
    device = see_open("cpu");
    float *out = device_floats(device, IMAGE);
    struct pixels *p = open_pixels("train", "fresh", 1, 0, 1);
    item->path = mem_strdup("gone.jpg");
    assert_int_equal(pixels_batch(p, 0, &row, 1, out, &e), ERR_MISSING);
    assert_non_null(strstr(e.text, "gone.jpg"));
    free(item->path);
    item->path = path;
    pixels_close(p);
    device_release(device, out);
    device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_has_the_views_of_a_bank_on_the_cpu),
        cmocka_unit_test(a_batch_has_the_views_of_a_bank_on_the_gpu),
        cmocka_unit_test(test_images_come_in_order),
        cmocka_unit_test(an_image_that_is_gone_is_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
