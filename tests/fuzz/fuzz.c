/*
 * Every reader of files that others made, fed with anything: `fuzz TARGET FILE|FOLDER...` runs the
 * given files through one of them; built for libFuzzer (preset fuzz), `fuzz TARGET
 * -max_total_time=60 CORPUS` invents more. A reader may refuse with an error and nothing else: no
 * crash, no leak, no memory out of proportion. Seeds are in corpus/TARGET, made by seeds.py; what
 * crashed once stays there as crash-*.
 */
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/bpe.h"
#include "core/clip/torchfile.h"
#include "core/data/bank.h"
#include "core/data/catalogue.h"
#include "core/data/image.h"
#include "core/data/manifest.h"
#include "core/data/own.h"
#include "core/data/split.h"
#include "core/fetch/confirm.h"
#include "core/fetch/unpack.h"
#include "core/proto/event.h"
#include "core/proto/job.h"
#include "core/train/checkpoint.h"
#include "harness/cmd/bundle.h"
#include "harness/recipe/recipe.h"
#include "results/baseline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char folder[64]; // of the input; removed at the end
static char *input;     // the file that a target reads

static void write_input(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0) {
        perror(path);
        exit(3);
    }
}

/* ---- targets: each opens, looks, closes ---- */

static void read_torchfile(const uint8_t *data, size_t size)
{
    struct torchfile f;
    struct err e = {0};
    torchfile_is(data, size);
    if (torchfile_open(&f, input, &e) < 0)
        return;
    volatile double sum = 0; // the data of every tensor can be read
    for (size_t i = 0; i < f.n; i++) {
        const unsigned char *bytes = f.tensors[i].data;
        size_t n = f.tensors[i].count * dtype_bytes(f.tensors[i].dtype);
        for (size_t at = 0; at < n; at++)
            sum += bytes[at];
    }
    torchfile_close(&f);
}

static void read_safetensors(const uint8_t *data, size_t size)
{
    struct safetensors s;
    struct err e = {0};
    (void)data;
    (void)size;
    if (safetensors_open(&s, input, &e) < 0)
        return;
    volatile float sum = 0;
    for (size_t i = 0; i < s.n; i++) {
        float first;
        const struct tensor *t = &s.tensors[i];
        if (t->count && t->dtype <= DTYPE_BF16) {
            safetensors_slice(t, t->count - 1, 1, &first);
            sum += first;
        }
    }
    safetensors_close(&s);
}

static void read_image(const uint8_t *data, size_t size)
{
    struct image image;
    struct err e = {0};
    (void)data;
    (void)size;
    if (image_load(&image, input, &e) == 0)
        image_release(&image);
}

static void read_split(const uint8_t *data, size_t size)
{
    struct split s = {0};
    struct err e = {0};
    const struct dataset_row *row = dataset_find("pocket-land");
    char *path = fs_join(folder, row->split);
    write_input(path, data, size);
    if (split_load(&s, row, folder, &e) == 0) {
        char *note = split_note(&s, row);
        free(note);
        split_release(&s);
    }
    unlink(path);
    free(path);
}

static void read_own(const uint8_t *data, size_t size)
{
    const struct dataset_row *row;
    struct err e = {0};
    char *path = fs_join(folder, own_file);
    write_input(path, data, size);
    own_read(&row, folder, &e);
    unlink(path);
    free(path);
}

static void read_manifest(const uint8_t *data, size_t size)
{
    struct manifest m;
    struct err e = {0};
    char *path = fs_join(folder, manifest_file);
    write_input(path, data, size);
    if (manifest_open(&m, dataset_at(0), folder, &e) == 0) {
        for (size_t i = 0; i < m.n; i++)
            manifest_find(&m, m.lines[i].path);
        manifest_release(&m);
    }
    unlink(path);
    free(path);
}

/* The page before a file of Google Drive. */
static void read_page(const uint8_t *data, size_t size)
{
    char *page = mem_strndup((const char *)data, size);
    free(confirm_url(page, "https://drive.example/uc?id=1"));
    free(confirm_title(page));
    free(page);
}

static void read_recipe(const uint8_t *data, size_t size)
{
    struct recipe *r = NULL;
    struct err e = {0};
    (void)data;
    (void)size;
    if (recipe_load(&r, input, &e) == 0)
        recipe_free(r);
}

static void read_event(const uint8_t *data, size_t size)
{
    json_t *event;
    struct err e = {0};
    char *line = mem_strndup((const char *)data, size);
    if (event_parse(&event, line, strlen(line), &e) == 0)
        json_decref(event);
    free(line);
}

static void read_job(const uint8_t *data, size_t size)
{
    struct job job;
    struct err e = {0};
    (void)data;
    (void)size;
    if (job_read(&job, input, &e) == 0)
        job_release(&job);
}

static void read_bank(const uint8_t *data, size_t size)
{
    struct bank b;
    struct err e = {0};
    (void)data;
    (void)size;
    if (bank_open(&b, input, NULL, &e) == 0)
        bank_close(&b);
}

static void read_checkpoint(const uint8_t *data, size_t size)
{
    static const struct checkpoint_owner owner = {"0", NULL};
    struct checkpoint c = {0};
    struct err e = {0};
    (void)data;
    (void)size;
    if (checkpoint_open(&c, input, &owner, &e) == 0)
        checkpoint_close(&c);
}

static void read_vocabulary(const uint8_t *data, size_t size)
{
    struct bpe *b = NULL;
    struct err e = {0};
    (void)data;
    (void)size;
    if (bpe_open(&b, input, 0, &e) == 0)
        bpe_free(b);
}

static void read_published(const uint8_t *data, size_t size)
{
    struct baselines b = {0};
    struct err e = {0};
    char *place = fs_join(folder, "published"), *path = fs_join(place, "a.csv");
    fs_make_folders(place, &e);
    write_input(path, data, size);
    if (baselines_load(&b, place, &e) == 0)
        baselines_check(&b, NULL, &e);
    baselines_release(&b);
    free(path);
    free(place);
}

static void read_archive(const uint8_t *data, size_t size)
{
    struct err e = {0};
    char *place = fs_join(folder, "unpacked");
    const struct unpack u = {
        .archive = input, .folder = place, .from = "", .entries = 100, .bytes = 1 << 20};
    (void)data;
    (void)size;
    unpack_archive(&u, &e);
    fs_remove_tree(place, &e);
    free(place);
}

static void read_bundle(const uint8_t *data, size_t size)
{
    struct err e = {0};
    char *place = fs_join(folder, "bundle");
    (void)data;
    (void)size;
    fs_make_folders(place, &e);
    bundle_unpack(input, place, &e);
    fs_remove_tree(place, &e);
    free(place);
}

static const struct target {
    const char *name;
    void (*read)(const uint8_t *data, size_t size);
} targets[] = {
    {"torchfile", read_torchfile},
    {"safetensors", read_safetensors},
    {"image", read_image},
    {"split", read_split},
    {"own", read_own},
    {"manifest", read_manifest},
    {"page", read_page},
    {"recipe", read_recipe},
    {"event", read_event},
    {"job", read_job},
    {"bank", read_bank},
    {"checkpoint", read_checkpoint},
    {"vocabulary", read_vocabulary},
    {"published", read_published},
    {"archive", read_archive},
    {"bundle", read_bundle},
};

static const struct target *target;

/* ---- entry points ---- */

static void clean_up(void)
{
    struct err e = {0};
    fs_remove_tree(folder, &e);
    free(input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    write_input(input, data, size);
    target->read(data, size);
    return 0;
}

/* Takes the target's name out of the arguments. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *temporary = getenv("TMPDIR");
    for (size_t i = 0; *argc > 1 && i < sizeof targets / sizeof targets[0]; i++)
        if (str_eq((*argv)[1], targets[i].name))
            target = &targets[i];
    if (!target) {
        fprintf(stderr, "usage: fuzz TARGET FILE|FOLDER...; targets:");
        for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
            fprintf(stderr, " %s", targets[i].name);
        fputc('\n', stderr);
        exit(2);
    }
    memmove(*argv + 1, *argv + 2, (size_t)(*argc - 1) * sizeof **argv);
    --*argc;
    snprintf(folder, sizeof folder, "%s/fuzz-XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        exit(3);
    }
    input = fs_join(folder, "input");
    atexit(clean_up);
    return 0;
}

#ifndef LIBFUZZER

static void run_file(const char *path)
{
    char *data;
    size_t size;
    struct err e = {0};
    if (fs_read(&data, &size, path, 64 << 20, &e) < 0) {
        fprintf(stderr, "fuzz: %s\n", e.text);
        exit(3);
    }
    LLVMFuzzerTestOneInput((const uint8_t *)data, size);
    free(data);
}

int main(int argc, char **argv)
{
    LLVMFuzzerInitialize(&argc, &argv);
    size_t files = 0;
    for (int i = 1; i < argc; i++) {
        struct fs_names names = {0};
        struct err e = {0};
        if (fs_is_file(argv[i])) {
            run_file(argv[i]);
            files++;
        } else if (fs_list(&names, argv[i], &e) < 0) {
            fprintf(stderr, "fuzz: %s\n", e.text);
            return 3;
        }
        for (size_t k = 0; k < names.n; k++, files++) {
            char *path = fs_join(argv[i], names.names[k]);
            run_file(path);
            free(path);
        }
        fs_names_release(&names);
    }
    printf("%s: %zu inputs\n", target->name, files);
    return files ? 0 : 1;
}

#endif
