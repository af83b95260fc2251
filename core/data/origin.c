/* See origin.h; the table is in origin_table.c. */
#include "core/data/origin.h"

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/split_build.h"

#include <stdlib.h>
#include <string.h>

const struct origin *origin_of(const struct dataset_row *row)
{
    if (row->origin)
        return row->origin;
    for (const struct origin *o = origins; o->dataset; o++)
        if (str_eq(o->dataset, row->name))
            return o;
    return NULL;
}

bool origin_is_archive(const struct origin_file *f)
{
    static const char *const ends[] = {".tar", ".tar.gz", ".tgz", ".zip", ".tar.xz", ".tar.zst"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (str_ends(f->file, ends[i]))
            return true;
    return false;
}

size_t origin_addresses(const struct origin_file *f, char *urls[ORIGIN_ADDRESSES])
{
    size_t n = 0;
    for (int i = 0; i < ORIGIN_URLS && f->urls[i]; i++)
        urls[n++] = mem_strdup(f->urls[i]);
    // With confirm=t the page before large files is mostly left out, and a part can be gone on
    // from.
    if (f->drive)
        urls[n++] = str_format("https://drive.usercontent.google.com/download?id=%s"
                               "&export=download&confirm=t",
                               f->drive);
    return n;
}

/* ---- of a description ---- */

static bool is_hex(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

static bool is_drive_id(const char *text)
{
    size_t n = strlen(text);
    return n && n < 100 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == n;
}

static bool is_file_name(const char *text)
{
    return *text && *text != '.' && !strchr(text, '/');
}

static bool is_url(const char *text)
{
    return str_starts(text, "https://") || str_starts(text, "http://");
}

static bool is_sha256(const char *text)
{
    return is_hex(text, HASH_HEX - 1);
}

static bool is_md5(const char *text)
{
    return is_hex(text, HASH_MD5_HEX - 1);
}

static bool is_text(const char *text)
{
    return *text != 0;
}

static int wrong(const char *path, size_t i, const char *key, const char *want, struct err *e)
{
    return err_set(e, ERR_PARSE, "'%s': source %zu: '%s' is not %s", path, i, key, want);
}

static int read_urls(struct origin_file *f, const json_t *list, const char *path, size_t i,
                     struct err *e)
{
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n > ORIGIN_URLS)
        return wrong(path, i, "urls", "a list of at most 3 addresses", e);
    for (size_t k = 0; k < n; k++) {
        const char *url = json_string_value(json_array_get(list, k));
        if (!url || !is_url(url))
            return wrong(path, i, "urls", "a list of addresses with https://", e);
        f->urls[k] = mem_strdup(url);
    }
    return 0;
}

static int read_file(struct origin_file *f, const json_t *source, const char *path, size_t i,
                     struct err *e)
{
    const struct {
        const char *key, **to;
        bool (*is)(const char *text);
        const char *want;
    } texts[] = {
        {"file", &f->file, is_file_name, "a file's name"},
        {"gives", &f->gives, split_stays_inside, "a path below the dataset's folder"},
        {"from", &f->from, split_stays_inside, "a path"},
        {"into", &f->into, split_stays_inside, "a path"},
        {"inner", &f->inner, split_stays_inside, "a path"},
        {"sha256", &f->sha256, is_sha256, "64 digits of 0-9 and a-f"},
        {"md5", &f->md5, is_md5, "32 digits of 0-9 and a-f"},
        {"drive", &f->drive, is_drive_id, "an id of Google Drive"},
        {"by_hand", &f->by_hand, is_text, "text"},
        {"verified", &f->verified, is_text, "text"},
    };
    enum { TEXTS = sizeof texts / sizeof texts[0] };
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)source, key, value)
    {
        size_t t = 0;
        while (t < TEXTS && !str_eq(texts[t].key, key))
            t++;
        if (t < TEXTS) {
            if (!json_is_string(value) || !texts[t].is(json_string_value(value)))
                return wrong(path, i, key, texts[t].want, e);
            *texts[t].to = mem_strdup(json_string_value(value));
        } else if (str_eq(key, "bytes")) {
            f->bytes = json_integer_value(value);
            if (f->bytes <= 0)
                return wrong(path, i, key, "a number of bytes", e);
        } else if (str_eq(key, "urls")) {
            if (read_urls(f, value, path, i, e) < 0)
                return e->code;
        } else {
            return err_set(e, ERR_PARSE, "'%s': source %zu: unknown key '%.80s'", path, i, key);
        }
    }
    if (!f->file || !f->gives || (!f->sha256 && !f->md5))
        return err_set(e, ERR_PARSE,
                       "'%s': source %zu: 'file', 'gives' and 'sha256' (or 'md5') are needed", path,
                       i);
    return 0;
}

int origin_read(const struct origin **out, const json_t *description, const char *path,
                struct err *e)
{
    static struct origin **made; // all that were ever made: somebody may still hold one
    static size_t n_made, capacity;
    const json_t *sources = json_object_get(description, "sources");
    const size_t n = json_array_size(sources);
    struct origin_file *files = mem_zero(n + 1, sizeof *files);
    struct origin *o = mem_zero(1, sizeof *o);
    const struct {
        const char *key, **to;
    } texts[] = {{"homepage", &o->homepage}, {"citation", &o->citation}, {"terms", &o->terms}};
    bool says = n > 0;
    MEM_PUSH(made, n_made, capacity) = o;
    o->files = files;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = json_string_value(json_object_get(description, texts[i].key));
        if (text)
            *texts[i].to = mem_strdup(text);
        says |= text != NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (!json_is_object(json_array_get(sources, i)))
            return wrong(path, i, "sources", "a list of objects", e);
        if (read_file(&files[i], json_array_get(sources, i), path, i, e) < 0)
            return e->code;
    }
    *out = says ? o : NULL;
    return 0;
}
