/*
 * A training job on a small dataset that the test makes up: class names as the test gives them, no
 * pictures, feature banks of random numbers, the pocket model.
 */
#ifndef PROMPTGRID_TESTS_RUNNER_JOB_CASE_H
#define PROMPTGRID_TESTS_RUNNER_JOB_CASE_H

#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/base/str.h"
#include "core/data/bank.h"
#include "core/method/method.h"
#include "core/proto/event.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"
#include "runner/runner.h"

#include <sys/mman.h>

#define CASE_DATASET "pocket-land"
#define CASE_SPLIT "split_zhou_" CASE_DATASET ".json"
#define CASE_WEIGHTS "recipes/pocket/model.safetensors"
#define CASE_MERGES "recipes/pocket/bpe_pocket.txt"

enum { CASE_SEED = 3, CASE_SHOTS = 2, CASE_EACH = 4, CASE_DIM = 128 }; // images of a class and part

struct job_case {
    char *home, *split, *bank[3], *prompt; // bank: train, test, val
    int K;
    json_t *spec;
    struct job job;
};

/* The numbers of a bank: (views, images, CASE_DIM); yours to free(). */
static inline float *case_features(const char *part, size_t views, size_t images)
{
    size_t n = views * images * CASE_DIM;
    float *out = mem_alloc(n, sizeof *out);
    struct rng r;
    rng_seed_torch(&r, str_eq(part, "test") ? 11 : 12);
    rng_torch_normal(&r, 1, n, out);
    return out;
}

static inline void case_write_split(const struct job_case *c, char *const *names)
{
    static const char *const parts[] = {"train", "val", "test"};
    struct err e;
    json_t *split = json_object();
    for (int p = 0; p < 3; p++) {
        json_t *items = json_array();
        for (int i = 0; i < c->K * CASE_EACH; i++) {
            char *path = str_format("%s/%d.jpg", parts[p], i);
            json_array_append_new(
                items, json_pack("[s, i, s]", path, i / CASE_EACH, names[i / CASE_EACH]));
            free(path);
        }
        json_object_set_new(split, parts[p], items);
    }
    char *text = json_dumps(split, JSON_COMPACT);
    assert_ok(fs_write(c->split, text, strlen(text), &e), &e);
    free(text);
    json_decref(split);
}

static inline json_t *case_param(const struct method_key *key, const char *text)
{
    text = text ? text : key->preset ? key->preset : "a photo of a {}.";
    if (key->type == KEY_INT)
        return json_integer(strtol(text, NULL, 10));
    return key->type == KEY_REAL ? json_real(strtod(text, NULL)) : json_string(text);
}

/* A method's keys: their defaults, then `own`: "key=value;key=value". */
static inline void case_params(struct job_case *c, const char *method, const char *own)
{
    json_t *params = json_object();
    char *copy = mem_strdup(own), *save, *item = strtok_r(copy, ";", &save);
    for (const struct method_key *k = method_find(method)->keys; k->name; k++)
        json_object_set_new(params, k->name, case_param(k, NULL));
    for (; item; item = strtok_r(NULL, ";", &save)) {
        char *value = strchr(item, '=');
        *value++ = 0;
        const struct method_key *key = method_key_find(method_find(method), item);
        assert_non_null(key);
        json_object_set_new(params, item, case_param(key, value));
    }
    free(copy);
    json_object_set_new(c->spec, "method", json_string(method));
    json_object_set_new(c->spec, "params", params);
}

static inline void case_write_banks(struct job_case *c)
{
    static const char *const parts[] = {"train", "test", "val"};
    size_t images = (size_t)c->K * CASE_EACH, *index = mem_alloc(images, sizeof *index);
    for (size_t i = 0; i < images; i++)
        index[i] = i;
    for (int p = 0; p < 3; p++) {
        struct bank_writer *w;
        struct err e;
        char sha256[65];
        json_t *spec = spec_bank(c->spec, parts[p], images);
        size_t views = (size_t)spec_get_int(spec, "epochs");
        float *features = case_features(parts[p], views, images);
        assert_ok(bank_create(&w, c->bank[p], spec, views, index, images, CASE_DIM, &e), &e);
        for (size_t i = 0; i < views * images; i++)
            assert_ok(bank_put(w, i / images, i % images, features + i * CASE_DIM, &e), &e);
        assert_ok(bank_commit(w, sha256, &e), &e);
        free(features);
        json_decref(spec);
    }
    free(index);
}

static inline void case_open(struct job_case *c, char *const *names, int K, const char *protocol,
                             const char *views, const char *method, const char *own)
{
    struct err e;
    char weights[HASH_HEX], split[HASH_HEX], bpe[HASH_HEX];
    *c = (struct job_case){.home = t_folder(), .K = K};
    c->split = fs_join(c->home, CASE_SPLIT);
    c->bank[0] = fs_join(c->home, "train");
    c->bank[1] = fs_join(c->home, "test");
    c->bank[2] = fs_join(c->home, "val");
    c->prompt = fs_join(c->home, "prompt");
    case_write_split(c, names);
    assert_ok(hash_file(weights, CASE_WEIGHTS, &e), &e);
    assert_ok(hash_file(split, c->split, &e), &e);
    assert_ok(hash_file(bpe, CASE_MERGES, &e), &e);
    c->spec =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s}", "version",
                  SPEC_VERSION, "job", "train", "backbone", "pocket", "weights", weights, "dataset",
                  CASE_DATASET, "split", split, "precision", "fp32", "views", views, "protocol",
                  protocol, "shots", CASE_SHOTS, "seed", CASE_SEED, "bpe", bpe);
    case_params(c, method, own);
    assert_ok(spec_check(c->spec, &e), &e);
    case_write_banks(c);
    c->job = (struct job){.spec = c->spec,
                          .threads = 2,
                          .weights = CASE_WEIGHTS,
                          .bpe = CASE_MERGES,
                          .dataset = c->home,
                          .train_bank = c->bank[0],
                          .test_bank = c->bank[1],
                          .val_bank = c->bank[2],
                          .out = c->prompt};
}

static inline void case_close(struct job_case *c)
{
    char *files[] = {c->split, c->bank[0], c->bank[1], c->bank[2], c->prompt};
    for (int i = 0; i < 5; i++) {
        unlink(files[i]);
        free(files[i]);
    }
    rmdir(c->home);
    free(c->home);
    json_decref(c->spec);
}

/* Carry the job out; its events as an array, a new reference. */
static inline json_t *case_run(const struct job_case *c)
{
    struct err e = {0};
    json_t *events = json_array(), *event;
    int fd = memfd_create("events", MFD_CLOEXEC);
    event_open(fd);
    assert_ok(train_job(&c->job, &e), &e);
    event_open(-1);
    lseek(fd, 0, SEEK_SET);
    FILE *file = fdopen(fd, "r");
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    while ((n = getline(&line, &size, file)) > 0) {
        assert_ok(event_parse(&event, line, (size_t)n, &e), &e);
        json_array_append_new(events, event);
    }
    free(line);
    fclose(file);
    return events;
}

/* The job's learner, made by hand, after the draws of building CLIP. */
struct case_hand {
    struct device *device;
    struct clip clip;
    struct bpe *bpe;
    struct rng rng;
    struct learner l;
};

static inline void case_hand_open(struct case_hand *h, const struct job_case *c, int train_K)
{
    struct err e;
    const char *method = spec_get_text(c->spec, "method");
    *h = (struct case_hand){0};
    assert_ok(device_open(&h->device, "cpu", 2, &e), &e);
    assert_ok(clip_open(&h->clip, CASE_WEIGHTS, h->device, CLIP_TEXT, &e), &e);
    assert_ok(bpe_open(&h->bpe, CASE_MERGES, h->clip.shape.vocab, &e), &e);
    rng_seed_torch(&h->rng, CASE_SEED);
    rng_skip(&h->rng, clip_init_draws(&h->clip.shape));
    assert_ok(learner_init(&h->l, method_get(method), &h->clip, h->bpe,
                           json_object_get(c->spec, "params"), CASE_SEED, train_K, &h->rng, &e),
              &e);
}

static inline void case_hand_close(struct case_hand *h)
{
    learner_release(&h->l);
    bpe_free(h->bpe);
    clip_close(&h->clip);
    device_close(h->device);
}

#endif
