/* Checkpoints: see checkpoint.h. */
#include "core/train/checkpoint.h"

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/sys.h"
#include "core/proto/spec.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format[] = "promptgrid checkpoint 1";

enum { WORDS = 624, WORD_HEX = 8 };

static char *previous_path(const char *path)
{
    return str_format("%s.previous", path);
}

static size_t count_of(int dims, const size_t *shape)
{
    size_t n = 1;
    for (int i = 0; i < dims; i++)
        n *= shape[i];
    return n;
}

/* ---- the hash over header and arrays, the arrays in the order of their names ---- */

static void hash_header(struct hash *h, const json_t *metadata)
{
    json_t *copy = json_copy((json_t *)metadata);
    json_object_del(copy, "sha256");
    char *text = spec_text(copy);
    hash_add(h, text, strlen(text) + 1);
    free(text);
    json_decref(copy);
}

static void hash_array(struct hash *h, const char *name, int dims, const size_t *shape,
                       const void *data)
{
    hash_add(h, name, strlen(name) + 1);
    hash_add(h, shape, (size_t)dims * sizeof *shape);
    hash_add(h, data, count_of(dims, shape) * sizeof(float));
}

/* ---- torch's stream as text: the index, then 624 words in hex ---- */

static char *rng_text(const struct rng *r)
{
    struct str text = STR_INIT;
    str_addf(&text, "%d ", r->index);
    for (int i = 0; i < WORDS; i++)
        str_addf(&text, "%08x", r->mt[i]);
    return str_detach(&text);
}

static bool rng_parse(struct rng *r, const char *text)
{
    char *words;
    long index = strtol(text, &words, 10);
    if (*words != ' ' || index < 0 || index > WORDS || strlen(words + 1) != WORDS * WORD_HEX ||
        strspn(words + 1, "0123456789abcdef") != WORDS * WORD_HEX)
        return false;
    r->index = (int)index;
    for (int i = 0; i < WORDS; i++) {
        char word[WORD_HEX + 1] = "";
        memcpy(word, words + 1 + i * WORD_HEX, WORD_HEX);
        r->mt[i] = (uint32_t)strtoul(word, NULL, 16);
    }
    return true;
}

/* ---- writing ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor_out *)a)->name, ((const struct tensor_out *)b)->name);
}

/* The learner's arrays, copied to the host, by name. */
static size_t collect(struct learner *l, struct tensor_out *out)
{
    size_t n = 0;
    for (int i = 0; i < l->n_kept; i++) {
        const struct kept *k = &l->kept[i];
        if (!(k->when & KEEP_CHECKPOINT))
            continue;
        size_t count = count_of(k->dims, k->shape);
        float *host = mem_alloc(count, sizeof *host);
        l->device->ops->download(l->device, host, k->data, count * sizeof *host);
        out[n] = (struct tensor_out){.name = k->name, .dims = k->dims, .data = host};
        memcpy(out[n++].shape, k->shape, sizeof k->shape);
    }
    qsort(out, n, sizeof *out, by_name);
    return n;
}

static json_t *header(const struct checkpoint_owner *owner, const struct loop_state *state,
                      const json_t *events, const struct tensor_out *tensors, size_t n)
{
    char epoch[16], step[24], sha256[HASH_HEX], *stream = rng_text(state->rng);
    char *said = json_dumps(events, JSON_COMPACT); // 17 digits: every double comes back
    snprintf(epoch, sizeof epoch, "%d", state->epoch);
    snprintf(step, sizeof step, "%llu", (unsigned long long)state->number);
    json_t *metadata = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "format", format, "run",
                                 owner->run, "code", owner->code, "epoch", epoch, "step", step,
                                 "stream", stream, "events", said);
    BUG_IF(!metadata);
    struct hash *h = hash_new();
    hash_header(h, metadata);
    for (size_t i = 0; i < n; i++)
        hash_array(h, tensors[i].name, tensors[i].dims, tensors[i].shape, tensors[i].data);
    hash_end(h, sha256);
    json_object_set_new(metadata, "sha256", json_string(sha256));
    free(said);
    free(stream);
    return metadata;
}

int checkpoint_save(const char *path, const struct checkpoint_owner *owner, struct learner *l,
                    const struct loop_state *state, const json_t *events, struct err *e)
{
    struct tensor_out tensors[LEARNER_KEPT];
    size_t n = collect(l, tensors);
    json_t *metadata = NULL;
    char *next = str_format("%s.next", path), *previous = previous_path(path);
    int rc = device_sync(l->device, e);
    if (rc < 0)
        goto out;
    metadata = header(owner, state, events, tensors, n);
    // Whole under another name first: there is a good file at every moment.
    rc = safetensors_write(next, tensors, n, metadata, e);
    if (rc == 0 && sys_rename(path, previous) < 0 && errno != ENOENT)
        rc = err_sys(e, "unable to rename '%s'", path);
    if (rc == 0 && sys_rename(next, path) < 0)
        rc = err_sys(e, "unable to rename '%s'", next);
out:
    for (size_t i = 0; i < n; i++)
        free((float *)tensors[i].data);
    json_decref(metadata);
    free(next);
    free(previous);
    return rc;
}

/* ---- reading ---- */

static const char *text_of(const json_t *metadata, const char *key)
{
    const char *text = json_string_value(json_object_get(metadata, key));
    return text ? text : "";
}

static bool is_whole(const struct safetensors *file, const json_t *metadata)
{
    char sha256[HASH_HEX];
    struct hash *h = hash_new();
    hash_header(h, metadata);
    bool floats = true;
    for (size_t i = 0; i < file->n; i++) {
        const struct tensor *t = &file->tensors[i];
        floats = floats && t->dtype == DTYPE_F32;
        if (floats)
            hash_array(h, t->name, t->dims, t->shape, t->data);
    }
    hash_end(h, sha256);
    return floats && str_eq(sha256, text_of(metadata, "sha256"));
}

static int read_header(struct checkpoint *c, const struct checkpoint_owner *owner, struct err *e)
{
    const char *path = c->file.path;
    const json_t *metadata = json_object_get(c->file.header, "__metadata__");
    long epoch, number;
    if (!str_eq(text_of(metadata, "format"), format))
        return err_set(e, ERR_CORRUPT, "'%s' is no checkpoint of this version", path);
    if (!is_whole(&c->file, metadata))
        return err_set(e, ERR_CORRUPT, "'%s' does not match its hash", path);
    if (!str_eq(text_of(metadata, "run"), owner->run))
        return err_set(e, ERR_CORRUPT, "'%s' is of run '%.12s', not of '%.12s'", path,
                       text_of(metadata, "run"), owner->run);
    if (owner->code && !str_eq(text_of(metadata, "code"), owner->code))
        return err_set(e, ERR_CORRUPT, "'%s' was made by other code or on another device", path);
    c->events = json_loads(text_of(metadata, "events"), 0, NULL);
    if (!str_to_long(text_of(metadata, "epoch"), 1, INT_MAX, &epoch) ||
        !str_to_long(text_of(metadata, "step"), 0, LONG_MAX, &number) ||
        !rng_parse(&c->rng, text_of(metadata, "stream")) || !json_is_array(c->events))
        return err_set(e, ERR_CORRUPT, "'%s' has a header that cannot be read", path);
    c->epoch = (int)epoch;
    c->number = (uint64_t)number;
    return 0;
}

int checkpoint_open(struct checkpoint *c, const char *path, const struct checkpoint_owner *owner,
                    struct err *e)
{
    *c = (struct checkpoint){0};
    int rc = safetensors_open(&c->file, path, e);
    if (rc == 0 && (rc = read_header(c, owner, e)) < 0)
        checkpoint_close(c);
    return rc;
}

void checkpoint_close(struct checkpoint *c)
{
    safetensors_close(&c->file);
    json_decref(c->events);
    *c = (struct checkpoint){0};
}

bool checkpoint_find(struct checkpoint *c, const char *path, const struct checkpoint_owner *owner,
                     struct str *refused)
{
    char *previous = previous_path(path);
    const char *const paths[] = {path, previous};
    bool found = false;
    for (int i = 0; i < 2 && !found; i++) {
        struct err e = {0};
        found = checkpoint_open(c, paths[i], owner, &e) == 0;
        if (!found && e.code != ERR_MISSING)
            str_addf(refused, "%s\n", e.text);
    }
    free(previous);
    return found;
}

int checkpoint_restore(const struct checkpoint *c, struct learner *l, struct loop_state *state,
                       struct err *e)
{
    size_t n = 0;
    for (int i = 0; i < l->n_kept; i++) {
        const struct kept *k = &l->kept[i];
        float *host = NULL;
        if (!(k->when & KEEP_CHECKPOINT))
            continue;
        int rc = safetensors_floats(&c->file, k->name, k->dims, k->shape, &host, e);
        if (rc < 0)
            return e->code = ERR_CORRUPT;
        l->device->ops->upload(l->device, k->data, host,
                               count_of(k->dims, k->shape) * sizeof *host);
        free(host);
        n++;
    }
    if (n != c->file.n)
        return err_set(e, ERR_CORRUPT, "'%s' has %zu arrays, the method keeps %zu", c->file.path,
                       c->file.n, n);
    state->epoch = c->epoch;
    state->number = c->number;
    *state->rng = c->rng;
    return device_sync(l->device, e);
}
