/* The encode job on the pocket model: goldens, events, any number of threads, and what it refuses.
 */
#include "data/see.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/data/bank.h"
#include "core/data/fewshot.h"
#include "core/proto/event.h"
#include "core/proto/spec.h"
#include "runner/runner.h"

#include <fcntl.h>

#define POCKET "recipes/pocket/"
#define WEIGHTS POCKET "model.safetensors"

/* A spec for `dataset`; with `shots` > 0 the picks of (shots, seed 2) of the base classes. */
static json_t *make_spec(const char *dataset, const char *part, const char *views, int epochs,
                         int shots)
{
    struct err e;
    char weights[HASH_HEX], split[HASH_HEX];
    char *path = str_format(POCKET "data/%s/split_zhou_%s.json", dataset, dataset);
    assert_ok(hash_file(weights, WEIGHTS, &e), &e);
    assert_ok(hash_file(split, path, &e), &e);
    free(path);
    json_t *spec =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "version",
                  SPEC_VERSION, "job", "encode", "backbone", "pocket", "weights", weights,
                  "dataset", dataset, "split", split, "precision", "fp32", "views", views, "part",
                  part, "cover", shots ? "picks" : "all", "epochs", epochs);
    if (shots) {
        json_object_set_new(spec, "shots", json_integer(shots));
        json_object_set_new(spec, "seed", json_integer(2));
        json_object_set_new(spec, "classes", json_string("base"));
    }
    assert_ok(spec_check(spec, &e), &e);
    return spec;
}

static const char *device; // NULL: the CPU

static int encode(json_t *spec, const char *folder, const char *out, int threads, struct err *e)
{
    struct job job = {.spec = spec,
                      .threads = threads,
                      .device = device,
                      .weights = WEIGHTS,
                      .dataset = folder,
                      .out = out};
    return encode_job(&job, e);
}

static char *dataset_folder(const char *dataset)
{
    return str_format(POCKET "data/%s", dataset);
}

/* The golden features of pictures of `dataset` are rows of its test bank. */
static int check_goldens(const json_t *goldens, const char *dataset)
{
    struct err e;
    struct bank b;
    struct split s;
    char *home = t_folder(), *out = fs_join(home, "test.bank"), *folder = dataset_folder(dataset);
    json_t *spec = make_spec(dataset, "test", "none", 1, 0);
    const struct dataset_row *row = dataset_find(dataset);
    assert_ok(encode(spec, folder, out, 2, &e), &e);
    assert_ok(bank_open(&b, out, spec, &e), &e);
    assert_ok(split_load(&s, row, folder, &e), &e);
    assert_int_equal(b.images, s.part[SPLIT_TEST].n);
    int found = 0;
    for (size_t g = 0; g < json_array_size(json_object_get(goldens, "images")); g++) {
        const char *path = json_string_value(json_array_get(json_object_get(goldens, "images"), g));
        const json_t *values = json_array_get(json_object_get(goldens, "image_features"), g);
        char *prefix = str_format("%s/images/", dataset);
        for (size_t i = 0; str_starts(path, prefix) && i < s.part[SPLIT_TEST].n; i++) {
            if (!str_eq(path + strlen(prefix), s.part[SPLIT_TEST].items[i].path))
                continue;
            float want[1024];
            assert_int_equal(b.dim, json_array_size(values));
            for (size_t c = 0; c < b.dim; c++)
                want[c] = (float)json_number_value(json_array_get(values, c));
            assert_near(b.features + i * b.dim, want, b.dim, 1e-5);
            found++;
        }
        free(prefix);
    }
    bank_close(&b);
    split_release(&s);
    json_decref(spec);
    free(folder);
    free(out);
    free(home);
    return found;
}

static void features_equal_the_goldens(void **state)
{
    (void)state;
    int found = 0;
    json_t *goldens = json_load_file(POCKET "goldens.json", 0, NULL);
    for (const char *const *name = dataset_set_find("pocket5"); *name; name++)
        found += check_goldens(goldens, *name);
    assert_int_equal(found, 8);
    json_decref(goldens);
}

static void any_number_of_threads_gives_the_same_bank(void **state)
{
    (void)state;
    struct err e;
    char *home = t_folder(), *folder = dataset_folder("pocket-land"), first[HASH_HEX];
    json_t *spec = make_spec("pocket-land", "train", "3", 3, 0);
    for (int threads = 1; threads <= 3; threads++) {
        char *name = str_format("%d.bank", threads), *out = fs_join(home, name), hash[HASH_HEX];
        assert_ok(encode(spec, folder, out, threads, &e), &e);
        assert_ok(hash_file(threads == 1 ? first : hash, out, &e), &e);
        if (threads > 1)
            assert_string_equal(hash, first);
        free(name);
        free(out);
    }
    json_decref(spec);
    free(folder);
    free(home);
}

/* The GPU sees what the CPU does: features as near as its sums are; its own bits again and again,
 * whether copies come late or early. */
static void the_gpus_bank_is_near_the_cpus(void **unused)
{
    (void)unused;
    struct err e;
    struct bank cpu, gpu;
    char *home = t_folder(), *folder = dataset_folder("pocket-land");
    char *out[] = {fs_join(home, "cpu"), fs_join(home, "gpu"), fs_join(home, "again")};
    json_t *spec = make_spec("pocket-land", "train", "fresh", 3, 1);
    char hash[2][HASH_HEX];
    assert_ok(encode(spec, folder, out[0], 2, &e), &e);
    device = "cuda";
    for (int again = 0; again < 2; again++) {
        setenv("EMU_EAGER", again ? "1" : "0", 1);
        assert_ok(encode(spec, folder, out[1 + again], 1 + again, &e), &e);
        assert_ok(hash_file(hash[again], out[1 + again], &e), &e);
    }
    unsetenv("EMU_EAGER");
    device = NULL;
    assert_string_equal(hash[0], hash[1]);
    assert_ok(bank_open(&cpu, out[0], spec, &e), &e);
    assert_ok(bank_open(&gpu, out[1], spec, &e), &e);
    assert_int_equal(gpu.images, cpu.images);
    assert_int_equal(gpu.views, cpu.views);
    for (size_t i = 0; i < cpu.views * cpu.images; i++)
        assert_near(gpu.features + i * cpu.dim, cpu.features + i * cpu.dim, cpu.dim, 1e-5);
    bank_close(&cpu);
    bank_close(&gpu);
    json_decref(spec);
    for (int i = 0; i < 3; i++)
        free(out[i]);
    free(folder);
    free(home);
}

static void bf16_features_are_near_fp32s(void **state)
{
    (void)state;
    struct err e;
    struct bank wide, narrow;
    char *home = t_folder(), *folder = dataset_folder("pocket-land");
    char *out[2] = {fs_join(home, "fp32.bank"), fs_join(home, "bf16.bank")};
    json_t *spec = make_spec("pocket-land", "test", "none", 1, 0), *other = json_deep_copy(spec);
    json_object_set_new(other, "precision", json_string("bf16"));
    assert_ok(spec_check(other, &e), &e);
    assert_ok(encode(spec, folder, out[0], 2, &e), &e);
    const int rc = encode(other, folder, out[1], 2, &e);
    if (rc == ERR_MISSING) {
        print_message("skipped: %s\n", e.text);
    } else {
        assert_ok(rc, &e);
        assert_ok(bank_open(&wide, out[0], spec, &e), &e);
        assert_int_equal(bank_open(&narrow, out[1], spec, &e), ERR_CORRUPT); // a bank of its own
        assert_ok(bank_open(&narrow, out[1], other, &e), &e);
        for (size_t i = 0; i < wide.images; i++)
            assert_near(narrow.features + i * wide.dim, wide.features + i * wide.dim, wide.dim,
                        0.01);
        assert_true(memcmp(narrow.features, wide.features, wide.dim * sizeof(float)) != 0);
        bank_close(&wide);
        bank_close(&narrow);
    }
    json_decref(spec);
    json_decref(other);
    free(out[0]);
    free(out[1]);
    free(folder);
    free(home);
}

static void picks_are_the_base_half_of_the_selection(void **state)
{
    (void)state;
    struct err e;
    struct bank b;
    struct split s;
    char *home = t_folder(), *out = fs_join(home, "a.bank"),
         *folder = dataset_folder("pocket-land");
    json_t *spec = make_spec("pocket-land", "train", "fresh", 2, 4);
    assert_ok(encode(spec, folder, out, 2, &e), &e);
    assert_ok(bank_open(&b, out, spec, &e), &e);
    assert_ok(split_load(&s, dataset_find("pocket-land"), folder, &e), &e);
    size_t *picks, n, row = 0;
    fewshot_select(&s, SPLIT_TRAIN, 4, 2, &picks, &n);
    for (size_t i = 0; i < n; i++)
        if (s.part[SPLIT_TRAIN].items[picks[i]].label < 6)
            assert_int_equal(b.index[row++], picks[i]);
    assert_int_equal(row, b.images);
    assert_int_equal(b.images, 24);
    assert_int_equal(b.views, 2);
    // Two views of one image differ, and are still views of the same thing.
    double dot = 0, a2 = 0, b2 = 0;
    for (size_t c = 0; c < b.dim; c++) {
        double x = b.features[c], y = b.features[b.images * b.dim + c];
        dot += x * y;
        a2 += x * x;
        b2 += y * y;
    }
    assert_true(dot / sqrt(a2 * b2) > 0.2 && dot / sqrt(a2 * b2) < 0.9999);
    free(picks);
    split_release(&s);
    bank_close(&b);
    json_decref(spec);
    free(folder);
    free(out);
    free(home);
}

static void events_tell_the_whole_story(void **state)
{
    (void)state;
    struct err e;
    char *home = t_folder(), *out = fs_join(home, "a.bank"), *log = fs_join(home, "events");
    char *folder = dataset_folder("pocket-land"), *text, *rest = NULL, hash[HASH_HEX];
    json_t *spec = make_spec("pocket-land", "test", "none", 1, 0), *last = NULL;
    int fd = open(log, O_RDWR | O_CREAT, 0600), lines = 0;
    event_open(fd);
    assert_ok(encode(spec, folder, out, 1, &e), &e);
    event_open(-1);
    close(fd);
    assert_ok(fs_read(&text, NULL, log, 1 << 20, &e), &e);
    assert_ok(hash_file(hash, out, &e), &e);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *event;
        assert_ok(event_parse(&event, line, strlen(line), &e), &e);
        const char *name = json_string_value(json_object_get(event, "event"));
        assert_true(lines++ || str_eq(name, "start"));
        if (str_eq(name, "artifact"))
            assert_string_equal(json_string_value(json_object_get(event, "sha256")), hash);
        if (str_eq(name, "progress"))
            assert_int_equal(json_integer_value(json_object_get(event, "of")), 240);
        json_decref(last);
        last = event;
    }
    assert_true(lines >= 4);
    assert_string_equal(json_string_value(json_object_get(last, "event")), "done");
    json_decref(last);
    json_decref(spec);
    free(text);
    free(folder);
    free(log);
    free(out);
    free(home);
}

static void files_that_changed_are_refused(void **state)
{
    (void)state;
    static const char *const keys[] = {"weights", "split"};
    struct err e;
    char *home = t_folder(), *out = fs_join(home, "a.bank"),
         *folder = dataset_folder("pocket-land");
    char zeros[HASH_HEX];
    memset(zeros, '0', 64);
    zeros[64] = 0;
    for (int i = 0; i < 2; i++) {
        json_t *spec = make_spec("pocket-land", "test", "none", 1, 0);
        json_object_set_new(spec, keys[i], json_string(zeros));
        assert_int_equal(encode(spec, folder, out, 1, &e), ERR_CORRUPT);
        assert_non_null(strstr(e.text, keys[i]));
        assert_non_null(strstr(e.text, zeros));
        assert_false(fs_is_file(out));
        json_decref(spec);
    }
    free(folder);
    free(out);
    free(home);
}

/* A copy of pocket-land whose first test picture is missing, then cut short. */
static void a_bad_picture_is_named_and_leaves_no_bank(void **state)
{
    (void)state;
    struct err e;
    struct split s;
    struct fs_names names;
    char *home = t_folder(), *out = fs_join(home, "a.bank"),
         *folder = dataset_folder("pocket-land");
    char *copy = fs_join(home, "data"), *text,
         *file = fs_join(folder, "split_zhou_pocket-land.json");
    char *to = fs_join(copy, "split_zhou_pocket-land.json");
    size_t size;
    assert_ok(fs_make_folders(copy, &e), &e);
    assert_ok(fs_read(&text, &size, file, 1 << 20, &e), &e);
    assert_ok(fs_write(to, text, size, &e), &e);
    json_t *spec = make_spec("pocket-land", "test", "none", 1, 0);
    assert_ok(split_load(&s, dataset_find("pocket-land"), copy, &e), &e);
    char *picture = fs_join(s.images, s.part[SPLIT_TEST].items[0].path), *in = fs_folder(picture);
    assert_int_equal(encode(spec, copy, out, 2, &e), ERR_MISSING);
    char *want = str_format("unable to open '%s': No such file or directory", picture);
    assert_text(&e, want);
    free(want);

    assert_ok(fs_make_folders(in, &e), &e);
    assert_ok(fs_write(picture, "\xff\xd8\xff\xe0", 4, &e), &e);
    assert_int_equal(encode(spec, copy, out, 2, &e), ERR_CORRUPT);
    want = str_format("unable to decode image '%s': the file is truncated", picture);
    assert_text(&e, want);
    assert_ok(fs_list(&names, home, &e), &e);
    assert_int_equal(names.n, 1); // only the copy: no bank and no part of one
    fs_names_release(&names);
    free(want);
    free(in);
    free(picture);
    split_release(&s);
    json_decref(spec);
    free(to);
    free(file);
    free(text);
    free(copy);
    free(folder);
    free(out);
    free(home);
}

static void validation_picks_of_numpy_are_rows_of_the_whole_split(void **state)
{
    (void)state;
    struct err e;
    struct bank all, picks;
    struct split s;
    size_t *items, n;
    char *home = t_folder(), *folder = dataset_folder("pocket-land");
    char *out[] = {fs_join(home, "all.bank"), fs_join(home, "picks.bank")};
    json_t *whole = make_spec("pocket-land", "val", "none", 1, 0);
    json_t *few = make_spec("pocket-land", "val", "none", 1, 8);
    json_object_set_new(few, "sampler", json_string("numpy"));
    json_object_set_new(few, "classes", json_string("all"));
    assert_ok(spec_check(few, &e), &e);
    assert_ok(encode(whole, folder, out[0], 2, &e), &e);
    assert_ok(encode(few, folder, out[1], 2, &e), &e);
    assert_ok(bank_open(&all, out[0], whole, &e), &e);
    assert_ok(bank_open(&picks, out[1], few, &e), &e);
    assert_ok(split_load(&s, dataset_find("pocket-land"), folder, &e), &e);
    assert_ok(fewshot_select_numpy(&s, SPLIT_VAL, 8, 2, &items, &n, &e), &e);
    assert_int_equal(picks.images, n);
    assert_int_equal(n, 4 * s.classes);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(picks.index[i], items[i]);
        assert_memory_equal(picks.features + i * picks.dim, all.features + items[i] * all.dim,
                            all.dim * sizeof(float));
    }
    bank_close(&all);
    bank_close(&picks);
    split_release(&s);
    json_decref(whole);
    json_decref(few);
    free(items);
    free(out[0]);
    free(out[1]);
    free(folder);
    free(home);
}

static void a_view_shows_at_least_the_share_that_is_asked_for(void **state)
{
    (void)state;
    struct err e;
    struct bank small, large, plain;
    char *home = t_folder(), *folder = dataset_folder("pocket-land");
    char *out[] = {fs_join(home, "a"), fs_join(home, "b"), fs_join(home, "c")};
    json_t *spec[] = {make_spec("pocket-land", "val", "1", 1, 0),
                      make_spec("pocket-land", "val", "1", 1, 0),
                      make_spec("pocket-land", "val", "none", 1, 0)};
    json_object_set_new(spec[1], "crop-scale", json_real(1));
    for (int i = 0; i < 3; i++)
        assert_ok(encode(spec[i], folder, out[i], 2, &e), &e);
    assert_ok(bank_open(&small, out[0], spec[0], &e), &e);
    assert_ok(bank_open(&large, out[1], spec[1], &e), &e);
    assert_ok(bank_open(&plain, out[2], spec[2], &e), &e);
    // A view of nearly the whole image is nearer to the image than a view of any part of it.
    double far = 0, near = 0;
    for (size_t i = 0; i < plain.images * plain.dim; i++) {
        far += fabs((double)small.features[i] - plain.features[i]);
        near += fabs((double)large.features[i] - plain.features[i]);
    }
    assert_true(near < 0.7 * far);
    bank_close(&small);
    bank_close(&large);
    bank_close(&plain);
    for (int i = 0; i < 3; i++) {
        json_decref(spec[i]);
        free(out[i]);
    }
    free(folder);
    free(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_equal_the_goldens),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bank),
        cmocka_unit_test(the_gpus_bank_is_near_the_cpus),
        cmocka_unit_test(bf16_features_are_near_fp32s),
        cmocka_unit_test(picks_are_the_base_half_of_the_selection),
        cmocka_unit_test(events_tell_the_whole_story),
        cmocka_unit_test(files_that_changed_are_refused),
        cmocka_unit_test(a_bad_picture_is_named_and_leaves_no_bank),
        cmocka_unit_test(validation_picks_of_numpy_are_rows_of_the_whole_split),
        cmocka_unit_test(a_view_shows_at_least_the_share_that_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
