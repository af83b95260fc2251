/* Decoding, resizing and the test transform against Pillow, byte for byte, and damaged files. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/str.h"
#include "core/data/resize.h"
#include "data/see.h"

#define ORACLE "tests/oracle/preprocess/"

/* ---- the oracle's cases ---- */

static struct device *device; // that looks

/* The whole of an image at size w x h. */
static struct image resized(const struct image *in, int w, int h)
{
    struct device_view v = {in->rgb, 3 * (size_t)in->w, resize_axis(in->w, w, 0, w),
                            resize_axis(in->h, h, 0, h), false};
    return see_bytes(device, in, &v, w, h);
}

static struct image cropped(const struct image *in, int x, int y, int w, int h)
{
    struct device_view v = {in->rgb + 3 * ((size_t)y * (size_t)in->w + (size_t)x),
                            3 * (size_t)in->w, resize_axis(w, w, 0, w), resize_axis(h, h, 0, h),
                            false};
    return see_bytes(device, in, &v, w, h);
}

static struct image flipped(const struct image *in)
{
    struct device_view v = {in->rgb, 3 * (size_t)in->w, resize_axis(in->w, in->w, 0, in->w),
                            resize_axis(in->h, in->h, 0, in->h), true};
    return see_bytes(device, in, &v, in->w, in->h);
}

static struct image tested(const struct image *in, int size)
{
    struct device_view v;
    augment_test(&v, in, size);
    return see_bytes(device, in, &v, size, size);
}

/* Apply one operation, with its numbers read from *words. */
static void apply(struct image *image, const char *verb, char **words)
{
    struct image out;
    int n[4], take = str_eq(verb, "test") ? 1 : str_eq(verb, "resize") ? 2 : 4;
    if (str_eq(verb, "rgb"))
        return;
    for (int i = 0; i < take && !str_eq(verb, "flip"); i++)
        n[i] = (int)strtol(*words, words, 10);
    if (str_eq(verb, "flip"))
        out = flipped(image);
    else if (str_eq(verb, "test"))
        out = tested(image, n[0]);
    else if (str_eq(verb, "resize"))
        out = resized(image, n[0], n[1]);
    else if (str_eq(verb, "crop"))
        out = cropped(image, n[0], n[1], n[2], n[3]);
    else
        fail_msg("unknown operation '%s'", verb);
    image_release(image);
    *image = out;
}

static void check_case(const char *line)
{
    char file[64], verb[16], got[HASH_HEX], want[HASH_HEX], *words = (char *)line;
    int used, w, h;
    struct err e;
    struct image image;
    assert_int_equal(sscanf(words, "%63s%n", file, &used), 1);
    words += used;
    char *path = fs_join(ORACLE "pictures", file);
    assert_ok(image_load(&image, path, &e), &e);
    while (sscanf(words, " %15s%n", verb, &used) == 1 && verb[0] != '=') {
        words += used;
        apply(&image, verb, &words);
    }
    assert_int_equal(sscanf(words, " = %d %d %64s", &w, &h, want), 3);
    hash_bytes(got, image.rgb, 3 * (size_t)image.w * (size_t)image.h);
    if (image.w != w || image.h != h || !str_eq(got, want))
        fail_msg("%s\n  got %d x %d %s", line, image.w, image.h, got);
    image_release(&image);
    free(path);
}

/* On every device. */
static void pixels_are_pillows(void **state)
{
    (void)state;
    static const char *const kinds[] = {"cpu", "cuda"};
    for (int k = 0; k < 2; k++) {
        struct err e;
        char *text, *rest = NULL;
        int cases = 0;
        device = see_open(kinds[k]);
        assert_ok(fs_read(&text, NULL, ORACLE "cases.txt", 1 << 20, &e), &e);
        for (char *line = strtok_r(text, "\n", &rest); line;
             line = strtok_r(NULL, "\n", &rest), cases++)
            check_case(line);
        assert_true(cases > 100);
        free(text);
        device_close(device);
    }
}

/* The worked example of the specification, one channel at a time. */
static void resize_gives_the_worked_example(void **state)
{
    (void)state;
    const uint8_t in[5][7] = {{0, 111, 222, 77, 188, 43, 154},
                              {9, 120, 231, 86, 197, 52, 163},
                              {18, 129, 240, 95, 206, 61, 172},
                              {27, 138, 249, 104, 215, 70, 181},
                              {36, 147, 2, 113, 224, 79, 190}};
    const uint8_t want[12] = {91, 149, 111, 102, 160, 122, 116, 174, 133, 80, 125, 152};
    uint8_t rgb[105];
    for (int i = 0; i < 105; i++)
        rgb[i] = in[i / 21][i % 21 / 3];
    device = see_open("cpu");
    struct image out = resized(&(struct image){7, 5, rgb}, 3, 4);
    for (int i = 0; i < 36; i++)
        assert_int_equal(out.rgb[i], want[i / 3]);
    image_release(&out);
    device_close(device);
}

static void a_part_of_a_resize_is_cut_from_the_whole(void **state)
{
    (void)state;
    struct err e;
    struct image in, whole, cut, part;
    assert_ok(image_load(&in, ORACLE "pictures/420.jpg", &e), &e);
    device = see_open("cpu");
    const int sizes[][2] = {{200, 94}, {125, 31}, {60, 150}};
    for (int i = 0; i < 3; i++) {
        const int w = sizes[i][0], h = sizes[i][1];
        struct device_view v = {in.rgb, 3 * (size_t)in.w, resize_axis(in.w, w, 7, 40),
                                resize_axis(in.h, h, 11, 20), false};
        whole = resized(&in, w, h);
        cut = cropped(&whole, 7, 11, 40, 20);
        part = see_bytes(device, &in, &v, 40, 20);
        assert_memory_equal(part.rgb, cut.rgb, 40 * 20 * 3);
        image_release(&whole);
        image_release(&cut);
        image_release(&part);
    }
    image_release(&in);
    device_close(device);
}

/* ---- files that are no good ---- */

static char *write_file(const char *folder, const char *name, const void *data, size_t size)
{
    struct err e;
    char *path = fs_join(folder, name);
    assert_ok(fs_write(path, data, size, &e), &e);
    return path;
}

static void assert_refused(const char *path, const char *want)
{
    struct err e;
    struct image image = {1, 1, NULL};
    assert_int_equal(image_load(&image, path, &e), ERR_CORRUPT);
    char *text = str_format(want, path);
    assert_text(&e, text);
    assert_null(image.rgb);
    free(text);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    struct err e;
    struct image image;
    char *folder = t_folder(), *gif = write_file(folder, "a.jpg", "GIF89a........", 14);
    char *empty = write_file(folder, "b.jpg", "", 0), *none = fs_join(folder, "none.jpg");
    assert_refused(gif, "image '%s' is neither JPEG nor PNG");
    assert_refused(empty, "image '%s' is neither JPEG nor PNG");
    assert_int_equal(image_load(&image, none, &e), ERR_MISSING);
    free(gif);
    free(empty);
    free(none);
    free(folder);
}

static void a_huge_image_is_refused_by_its_header(void **state)
{
    (void)state;
    struct err e;
    char *folder = t_folder(), *data;
    size_t size;
    assert_ok(fs_read(&data, &size, ORACLE "pictures/420.jpg", 1 << 20, &e), &e);
    for (size_t i = 0; i + 9 < size; i++)
        if ((uint8_t)data[i] == 0xff && (uint8_t)data[i + 1] == 0xc0) {
            memset(data + i + 5, 0xfd, 4); // height and width of the frame header
            break;
        }
    char *path = write_file(folder, "huge.jpg", data, size);
    assert_refused(path, "unable to decode image '%s': 65021 x 65021 pixels are more than the "
                         "limit of 268435456");
    free(path);
    free(data);
    free(folder);
}

static void a_truncated_file_is_refused(void **state)
{
    (void)state;
    static const char *const files[] = {"420.jpg", "progressive.jpg", "grey.jpg", "rgb.png",
                                        "interlaced.png"};
    struct err e;
    char *folder = t_folder();
    for (int f = 0; f < 5; f++) {
        char *from = fs_join(ORACLE "pictures", files[f]), *data;
        size_t size;
        assert_ok(fs_read(&data, &size, from, 1 << 20, &e), &e);
        const size_t cuts[] = {size - 1, size - 2, size - 30, size / 2, size / 4};
        for (int i = 0; i < 5; i++) {
            char *path = write_file(folder, files[f], data, cuts[i]);
            struct image image;
            int rc = image_load(&image, path, &e);
            if (rc != ERR_CORRUPT)
                fail_msg("'%s' cut to %zu of %zu bytes gives %d", files[f], cuts[i], size, rc);
            if (cuts[i] == size / 2)
                assert_refused(path, "unable to decode image '%s': the file is truncated");
            free(path);
        }
        free(data);
        free(from);
    }
    free(folder);
}

/* Whatever the bytes, the answer is an image or an error. */
static void damaged_files_never_crash(void **state)
{
    (void)state;
    static const char *const files[] = {"422.jpg",     "grey-progressive.jpg",    "ycck.jpg",
                                        "rgba.png",    "palette-transparent.png", "interlaced.png",
                                        "one-bit.png", "grey-alpha-16.png"};
    struct err e;
    char *folder = t_folder();
    uint32_t seed = 1;
    for (int f = 0; f < 8; f++) {
        char *from = fs_join(ORACLE "pictures", files[f]), *data;
        size_t size;
        assert_ok(fs_read(&data, &size, from, 1 << 20, &e), &e);
        for (int i = 0; i < 60; i++) {
            char *bad = malloc(size);
            memcpy(bad, data, size);
            size_t keep = i % 3 == 2 ? 4 + size * (size_t)i / 60 : size;
            for (int k = 0; i % 3 < 2 && k < 1 + i % 7; k++) {
                seed = seed * 1664525 + 1013904223;
                // half of the damage goes to the headers
                bad[4 + (seed >> 8) % (i % 2        ? size - 4
                                       : size < 200 ? size - 4
                                                    : 196)] ^= (char)(1 + seed % 255);
            }
            char *path = write_file(folder, "bad", bad, keep);
            struct image image;
            if (image_load(&image, path, &e) == 0) {
                assert_true(image.w > 0 && image.h > 0 && image.rgb);
                image_release(&image);
            } else {
                assert_null(image.rgb);
                assert_true(strlen(e.text) > 0);
            }
            free(path);
            free(bad);
        }
        free(data);
        free(from);
    }
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_are_pillows),
        cmocka_unit_test(resize_gives_the_worked_example),
        cmocka_unit_test(a_part_of_a_resize_is_cut_from_the_whole),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(a_huge_image_is_refused_by_its_header),
        cmocka_unit_test(a_truncated_file_is_refused),
        cmocka_unit_test(damaged_files_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
