/*
 * The feature bank's file: see bank.h. The header's length does not depend on what is still unknown
 * while features arrive (the data's hash has a fixed width), so they go straight to their place.
 */
#include "core/data/bank.h"

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/spec.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX = 16, ALIGN = 64 }; // magic and header length; start of the data
enum { COUNT_LIMIT = 1 << 28 };   // of views, images and dim each
static const char magic[8] = {'P', 'G', 'B', 'A', 'N', 'K', '1', '\n'};

static const char no_hash[HASH_HEX] =
    "0000000000000000000000000000000000000000000000000000000000000000";

/* What the header's "sha256" says of a whole file: see bank.h. */
static void content_hash(char out[HASH_HEX], const json_t *header, const void *data, size_t size)
{
    json_t *copy = json_copy((json_t *)header);
    json_object_set_new(copy, "sha256", json_string(no_hash));
    char *text = spec_text(copy);
    struct hash *h = hash_new();
    hash_add(h, text, strlen(text));
    hash_add(h, data, size);
    hash_end(h, out);
    free(text);
    json_decref(copy);
}

static size_t data_start(size_t header)
{
    return (PREFIX + header + ALIGN - 1) / ALIGN * ALIGN;
}

/* ---- reading ---- */

static int bad_bank(const char *path, const char *what, struct err *e)
{
    return err_set(e, ERR_CORRUPT, "bank '%s': %s; delete it and run again", path, what);
}

/* A positive count of the header; 0 when it is none. */
static size_t count_of(const json_t *header, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(header, key));
    return n > 0 && n <= COUNT_LIMIT ? (size_t)n : 0;
}

static int read_header(struct bank *b, size_t *start, const char *path, struct err *e)
{
    uint64_t length;
    if (b->map.size < PREFIX || memcmp(b->map.data, magic, sizeof magic))
        return bad_bank(path, "it does not start as a bank does", e);
    memcpy(&length, b->map.data + sizeof magic, sizeof length);
    if (length > b->map.size - PREFIX)
        return bad_bank(path, "the header is longer than the file", e);
    b->header =
        json_loadb((const char *)b->map.data + PREFIX, length, JSON_REJECT_DUPLICATES, NULL);
    const json_t *index = json_object_get(b->header, "index");
    b->views = count_of(b->header, "views");
    b->images = count_of(b->header, "images");
    b->dim = count_of(b->header, "dim");
    if (!b->views || !b->images || !b->dim || json_array_size(index) != b->images ||
        !json_is_string(json_object_get(b->header, "sha256")))
        return bad_bank(path, "the header is damaged", e);
    *start = data_start(length);
    // Three counts of at most 2^28 could overflow together, so the product is taken in two steps.
    size_t row = b->dim * sizeof(float), rows = b->views * b->images;
    if (*start > b->map.size || (b->map.size - *start) % row ||
        (b->map.size - *start) / row != rows)
        return bad_bank(path, "the file's size is not what its header says", e);
    b->index = mem_alloc(b->images, sizeof *b->index);
    for (size_t i = 0; i < b->images; i++) {
        const json_t *item = json_array_get(index, i);
        if (!json_is_integer(item) || json_integer_value(item) < 0)
            return bad_bank(path, "the header is damaged", e);
        b->index[i] = (size_t)json_integer_value(item);
    }
    return 0;
}

static bool same_spec(const json_t *a, const json_t *b)
{
    if (!json_is_object(a))
        return false;
    char *left = spec_text(a), *right = spec_text(b);
    bool same = str_eq(left, right);
    free(left);
    free(right);
    return same;
}

int bank_open(struct bank *b, const char *path, const json_t *spec, struct err *e)
{
    size_t start = 0;
    char sha256[HASH_HEX];
    *b = (struct bank){0};
    int rc = fs_map_open(&b->map, path, e);
    if (rc < 0 || (rc = read_header(b, &start, path, e)) < 0)
        goto out;
    content_hash(sha256, b->header, b->map.data + start, b->map.size - start);
    const char *stated = json_string_value(json_object_get(b->header, "sha256"));
    if (!str_eq(sha256, stated))
        rc = err_set(e, ERR_CORRUPT,
                     "bank '%s': the SHA-256 of its content is %s, but its header says %s; delete "
                     "it and run again",
                     path, sha256, stated);
    else if (!same_spec(json_object_get(b->header, "spec"), spec))
        rc = bad_bank(path, "it was made for another spec", e);
    b->features = (const float *)(const void *)(b->map.data + start);
    b->data = json_string_value(json_object_get(b->header, "data"));
    if (str_eq(b->data, no_hash))
        b->data = NULL;
out:
    if (rc < 0)
        bank_close(b);
    return rc;
}

void bank_close(struct bank *b)
{
    json_decref(b->header);
    free(b->index);
    fs_map_close(&b->map);
    *b = (struct bank){0};
}

long bank_row(const struct bank *b, size_t item)
{
    if (item < b->images && b->index[item] == item)
        return (long)item; // a bank of a whole part
    for (size_t i = 0; i < b->images; i++)
        if (b->index[i] == item)
            return (long)i;
    return -1;
}

/* ---- writing ---- */

struct bank_writer {
    struct fs_file file;
    json_t *header;
    size_t views, images, dim, start;
    bool *put; // (V, N): rows that arrived
    size_t left;
};

/* Write magic, length and header text; returns the data's start in *start. */
static int write_header(struct bank_writer *w, const char *sha256, size_t *start, struct err *e)
{
    json_object_set_new(w->header, "sha256", json_string(sha256));
    char *text = spec_text(w->header);
    uint64_t length = strlen(text);
    char prefix[PREFIX];
    memcpy(prefix, magic, sizeof magic);
    memcpy(prefix + sizeof magic, &length, sizeof length);
    *start = data_start(length);
    int rc = fs_put_at(&w->file, prefix, PREFIX, 0, e);
    if (rc == 0)
        rc = fs_put_at(&w->file, text, length, PREFIX, e);
    free(text);
    return rc;
}

int bank_create(struct bank_writer **out, const char *path, const json_t *spec, size_t views,
                const size_t *index, size_t images, size_t dim, struct err *e)
{
    BUG_IF(!views || !images || !dim);
    struct bank_writer *w = mem_zero(1, sizeof *w);
    w->file.fd = -1;
    w->views = views;
    w->images = images;
    w->dim = dim;
    w->left = views * images;
    w->put = mem_zero(w->left, sizeof *w->put);
    json_t *rows = json_array();
    for (size_t i = 0; i < images; i++)
        json_array_append_new(rows, json_integer((json_int_t)index[i]));
    w->header = json_object();
    json_object_set_new(w->header, "spec", json_deep_copy(spec));
    json_object_set_new(w->header, "views", json_integer((json_int_t)views));
    json_object_set_new(w->header, "images", json_integer((json_int_t)images));
    json_object_set_new(w->header, "dim", json_integer((json_int_t)dim));
    json_object_set_new(w->header, "index", rows);
    bank_data(w, no_hash);
    int rc = fs_create(&w->file, path, e);
    if (rc == 0)
        rc = write_header(w, no_hash, &w->start, e);
    if (rc < 0)
        bank_abandon(w);
    else
        *out = w;
    return rc;
}

int bank_put(struct bank_writer *w, size_t view, size_t row, const float *features, struct err *e)
{
    BUG_IF(view >= w->views || row >= w->images);
    size_t at = view * w->images + row, bytes = w->dim * sizeof *features;
    w->left -= !w->put[at];
    w->put[at] = true;
    return fs_put_at(&w->file, features, bytes, w->start + at * bytes, e);
}

void bank_data(struct bank_writer *w, const char *sha256)
{
    json_object_set_new(w->header, "data", json_string(sha256));
}

int bank_commit(struct bank_writer *w, char sha256[65], struct err *e)
{
    BUG_IF(w->left); // a row that never arrived would read as zeros
    struct fs_map m;
    char data[HASH_HEX];
    size_t start;
    int rc = fs_map_open(&m, w->file.temporary, e);
    if (rc < 0)
        goto out;
    content_hash(data, w->header, m.data + w->start, m.size - w->start);
    fs_map_close(&m);
    if ((rc = write_header(w, data, &start, e)) < 0)
        goto out;
    BUG_IF(start != w->start);
    if ((rc = hash_file(sha256, w->file.temporary, e)) == 0)
        rc = fs_commit(&w->file, e);
out:
    bank_abandon(w);
    return rc;
}

void bank_abandon(struct bank_writer *w)
{
    if (!w)
        return;
    fs_abandon(&w->file);
    json_decref(w->header);
    free(w->put);
    free(w);
}
