/*
 * Reading and writing safetensors files: see safetensors.h.
 *
 * A weights file may come from anywhere, so opening trusts nothing: every number is checked against
 * the size of the file before a pointer is made from it. Tensor data need not be aligned, so it is
 * read through memcpy. The format is little-endian and so is every machine this runs on.
 */
#include "core/clip/safetensors.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are stored little-endian");
_Static_assert(sizeof(size_t) == 8, "offsets are 64 bits wide");

/* The reference implementation's bound on the JSON header. */
enum { HEADER_LIMIT = 100 * 1000 * 1000 };

static const char metadata_key[] = "__metadata__";

/* Types of the format. Those of DTYPE_OTHER are only measured, never read. */
static const struct dtype_row {
    const char *name;
    enum dtype dtype;
    size_t bytes;
} dtype_rows[] = {
    {"F32", DTYPE_F32, 4},       {"F16", DTYPE_F16, 2},       {"BF16", DTYPE_BF16, 2},
    {"F64", DTYPE_F64, 8},       {"I64", DTYPE_I64, 8},       {"I32", DTYPE_I32, 4},
    {"I16", DTYPE_OTHER, 2},     {"I8", DTYPE_OTHER, 1},      {"U64", DTYPE_OTHER, 8},
    {"U32", DTYPE_OTHER, 4},     {"U16", DTYPE_OTHER, 2},     {"U8", DTYPE_OTHER, 1},
    {"F8_E4M3", DTYPE_OTHER, 1}, {"F8_E5M2", DTYPE_OTHER, 1}, {"BOOL", DTYPE_OTHER, 1},
};

enum { DTYPE_ROWS = sizeof dtype_rows / sizeof *dtype_rows };

/* Where a tensor's bytes are, relative to the end of the header. */
struct span {
    const char *name;
    size_t begin, end;
};

/* A tensor's name as an error shows it: names come from the file. */
static char *shown(const char *name)
{
    enum { SHOWN = 200 };
    char *cut = mem_strndup(name, strnlen(name, SHOWN)), *text = str_visible(cut);
    free(cut);
    return text;
}

/* err_set with "'file': tensor 'name' " before the text. */
static int tensor_error(const struct safetensors *s, const char *name, int code, struct err *e,
                        const char *format, ...) __attribute__((format(printf, 5, 6)));

static int tensor_error(const struct safetensors *s, const char *name, int code, struct err *e,
                        const char *format, ...)
{
    char rest[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(rest, sizeof rest, format, args);
    va_end(args);
    char *text = shown(name);
    err_set(e, code, "'%s': tensor '%s' %s", s->path, text, rest);
    free(text);
    return code;
}

/* "(2, 3)"; yours to free(). */
static char *shape_text(int dims, const size_t *shape)
{
    struct str text = STR_INIT;
    str_addc(&text, '(');
    for (int i = 0; i < dims; i++)
        str_addf(&text, "%s%zu", i ? ", " : "", shape[i]);
    str_addc(&text, ')');
    return str_detach(&text);
}

/* A JSON integer that is not negative. */
static bool as_size(const json_t *value, size_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (size_t)json_integer_value(value);
    return true;
}

static int read_header(struct safetensors *s, size_t *data_start, struct err *e)
{
    if (s->map.size < 8)
        return err_set(e, ERR_CORRUPT,
                       "'%s' has %zu bytes, too few for a safetensors file (at least 8)", s->path,
                       s->map.size);
    uint64_t length;
    memcpy(&length, s->map.data, sizeof length);
    if (length > s->map.size - 8)
        return err_set(e, ERR_CORRUPT, "'%s': header says %llu bytes, the file has %zu", s->path,
                       (unsigned long long)length, s->map.size);
    if (length > HEADER_LIMIT)
        return err_set(e, ERR_RANGE, "'%s': header of %llu bytes, more than the limit of %d",
                       s->path, (unsigned long long)length, HEADER_LIMIT);
    json_error_t error;
    s->header = json_loadb((const char *)s->map.data + 8, length, JSON_REJECT_DUPLICATES, &error);
    if (!s->header) {
        char *text = shown(error.text);
        err_set(e, ERR_PARSE, "'%s': header is no JSON at byte %d: %s", s->path, error.position,
                text);
        free(text);
        return e->code;
    }
    if (!json_is_object(s->header))
        return err_set(e, ERR_PARSE, "'%s': header is no JSON object", s->path);
    *data_start = 8 + (size_t)length;
    return 0;
}

static int check_metadata(const struct safetensors *s, json_t *metadata, struct err *e)
{
    if (!json_is_object(metadata))
        return err_set(e, ERR_CORRUPT, "'%s': %s is no JSON object", s->path, metadata_key);
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value) if (!json_is_string(value))
    {
        char *text = shown(key);
        err_set(e, ERR_CORRUPT, "'%s': %s '%s' is no string", s->path, metadata_key, text);
        free(text);
        return e->code;
    }
    return 0;
}

/* Shape and element count from the header's "shape". */
static int read_shape(const struct safetensors *s, struct tensor *t, const json_t *shape,
                      struct err *e)
{
    if (!json_is_array(shape))
        return tensor_error(s, t->name, ERR_CORRUPT, e, "has no list 'shape'");
    if (json_array_size(shape) > TENSOR_MAX_DIMS)
        return tensor_error(s, t->name, ERR_RANGE, e,
                            "has %zu dimensions, at most %d are supported", json_array_size(shape),
                            TENSOR_MAX_DIMS);
    t->dims = (int)json_array_size(shape);
    t->count = 1;
    for (int i = 0; i < t->dims; i++) {
        if (!as_size(json_array_get(shape, (size_t)i), &t->shape[i]))
            return tensor_error(s, t->name, ERR_CORRUPT, e,
                                "has a shape with something else than sizes in it");
        if (__builtin_mul_overflow(t->count, t->shape[i], &t->count))
            return tensor_error(s, t->name, ERR_CORRUPT, e,
                                "has more elements than can be counted");
    }
    return 0;
}

/* One tensor's entry, checked against the `size` bytes that follow the header. */
static int read_tensor(const struct safetensors *s, struct tensor *t, struct span *span,
                       const char *name, const json_t *entry, size_t size, struct err *e)
{
    *t = (struct tensor){.name = name};
    if (!json_is_object(entry))
        return tensor_error(s, name, ERR_CORRUPT, e, "is described by no JSON object");
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    const struct dtype_row *row = NULL;
    for (size_t i = 0; dtype && i < DTYPE_ROWS; i++)
        if (str_eq(dtype, dtype_rows[i].name))
            row = &dtype_rows[i];
    if (!row) {
        char *text = shown(dtype ? dtype : "");
        tensor_error(s, name, ERR_CORRUPT, e, "has the unknown dtype '%s'", text);
        free(text);
        return e->code;
    }
    t->dtype = row->dtype;
    if (read_shape(s, t, json_object_get(entry, "shape"), e) < 0)
        return e->code;

    const json_t *offsets = json_object_get(entry, "data_offsets");
    *span = (struct span){.name = name};
    if (json_array_size(offsets) != 2 || !as_size(json_array_get(offsets, 0), &span->begin) ||
        !as_size(json_array_get(offsets, 1), &span->end))
        return tensor_error(s, name, ERR_CORRUPT, e, "has no pair of sizes 'data_offsets'");
    if (span->begin > span->end || span->end > size)
        return tensor_error(s, name, ERR_CORRUPT, e,
                            "has the offsets %zu to %zu, the file has %zu bytes of data",
                            span->begin, span->end, size);
    size_t bytes;
    if (__builtin_mul_overflow(t->count, row->bytes, &bytes) || bytes != span->end - span->begin) {
        char *shape = shape_text(t->dims, t->shape);
        tensor_error(s, name, ERR_CORRUPT, e, "of %s x %s has %zu bytes, its shape needs %zu x %zu",
                     row->name, shape, span->end - span->begin, t->count, row->bytes);
        free(shape);
        return e->code;
    }
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* The tensors cover the data: no overlap, no gap, nothing after the last. */
static int check_places(const struct safetensors *s, struct span *spans, size_t size, struct err *e)
{
    qsort(spans, s->n, sizeof *spans, by_place);
    size_t end = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (spans[i].begin < end) {
            char *other = shown(spans[i - 1].name);
            tensor_error(s, spans[i].name, ERR_CORRUPT, e,
                         "starts at byte %zu and overlaps '%s', which ends at %zu", spans[i].begin,
                         other, end);
            free(other);
            return e->code;
        }
        if (spans[i].begin > end)
            return tensor_error(s, spans[i].name, ERR_CORRUPT, e,
                                "starts at byte %zu, after a gap; expected %zu", spans[i].begin,
                                end);
        end = spans[i].end;
    }
    if (end != size)
        return err_set(e, ERR_CORRUPT, "'%s' has %zu bytes of data, its tensors end at %zu",
                       s->path, size, end);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

int safetensors_open(struct safetensors *s, const char *path, struct err *e)
{
    *s = (struct safetensors){.path = mem_strdup(path)};
    struct span *spans = NULL;
    size_t start = 0;
    int rc = fs_map_open(&s->map, path, e);
    if (rc < 0 || (rc = read_header(s, &start, e)) < 0)
        goto out;
    const size_t size = s->map.size - start;
    s->tensors = mem_zero(json_object_size(s->header) + 1, sizeof *s->tensors);
    spans = mem_zero(json_object_size(s->header) + 1, sizeof *spans);
    const char *name;
    json_t *entry;
    json_object_foreach(s->header, name, entry)
    {
        if (str_eq(name, metadata_key)) {
            if ((rc = check_metadata(s, entry, e)) < 0)
                goto out;
            continue;
        }
        struct tensor *t = &s->tensors[s->n];
        if ((rc = read_tensor(s, t, &spans[s->n], name, entry, size, e)) < 0)
            goto out;
        t->data = s->map.data + start + spans[s->n].begin;
        s->n++;
    }
    if ((rc = check_places(s, spans, size, e)) < 0)
        goto out;
    qsort(s->tensors, s->n, sizeof *s->tensors, by_name);
out:
    free(spans);
    if (rc < 0)
        safetensors_close(s);
    return rc;
}

void safetensors_close(struct safetensors *s)
{
    free(s->path);
    free(s->tensors);
    json_decref(s->header);
    fs_map_close(&s->map);
    *s = (struct safetensors){0};
}

const struct tensor *safetensors_find(const struct safetensors *s, const char *name)
{
    struct tensor key = {.name = name};
    return s->n ? bsearch(&key, s->tensors, s->n, sizeof key, by_name) : NULL;
}

float dtype_from_f16(unsigned short bits)
{
    const uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
    const uint32_t exponent = bits >> 10 & 31, mantissa = bits & 0x3ff;
    uint32_t wide;
    if (exponent == 0) { // zero or subnormal: mantissa x 2^-24
        float value = (float)mantissa * 0x1p-24f;
        memcpy(&wide, &value, sizeof wide);
    } else if (exponent == 31) { // infinity or NaN
        wide = 0x7f800000 | mantissa << 13;
    } else {
        wide = (exponent + 127 - 15) << 23 | mantissa << 13;
    }
    wide |= sign;
    float out;
    memcpy(&out, &wide, sizeof out);
    return out;
}

void safetensors_slice(const struct tensor *t, size_t first, size_t n, float *out)
{
    BUG_IF(t->dtype > DTYPE_F64);
    const unsigned char *data = (const unsigned char *)t->data + first * dtype_bytes(t->dtype);
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        uint32_t word;
        double wide;
        switch (t->dtype) {
        case DTYPE_F16:
            memcpy(&half, data + 2 * i, sizeof half);
            out[i] = dtype_from_f16(half);
            break;
        case DTYPE_BF16: // the upper half of a float32
            memcpy(&half, data + 2 * i, sizeof half);
            word = (uint32_t)half << 16;
            memcpy(&out[i], &word, sizeof word);
            break;
        case DTYPE_F64:
            memcpy(&wide, data + 8 * i, sizeof wide);
            out[i] = (float)wide;
            break;
        case DTYPE_F32:
            memcpy(out, data, n * sizeof *out);
            return;
        default:
            BUG("no float dtype");
        }
    }
}

int safetensors_floats(const struct safetensors *s, const char *name, int dims, const size_t *shape,
                       float **out, struct err *e)
{
    const struct tensor *t = safetensors_find(s, name);
    if (!t)
        return err_set(e, ERR_MISSING, "'%s' has no tensor '%s'", s->path, name);
    if (t->dims != dims || (dims && memcmp(t->shape, shape, (size_t)dims * sizeof *shape) != 0)) {
        char *found = shape_text(t->dims, t->shape), *want = shape_text(dims, shape);
        tensor_error(s, name, ERR_CORRUPT, e, "has shape %s, expected %s", found, want);
        free(found);
        free(want);
        return e->code;
    }
    if (t->dtype > DTYPE_F64)
        return tensor_error(s, name, ERR_CORRUPT, e,
                            "holds no floating-point numbers, expected F32, F16, BF16 or F64");
    *out = mem_aligned(t->count + 1, sizeof **out);
    safetensors_slice(t, 0, t->count, *out);
    return 0;
}

void safetensors_rest(const struct safetensors *s)
{
    if (s->map.data)
        madvise((void *)s->map.data, s->map.size, MADV_DONTNEED);
}

static void add_json(struct str *text, const json_t *value)
{
    char *dump = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    BUG_IF(!dump);
    str_add(text, dump);
    free(dump);
}

static const struct dtype_row *row_of(enum dtype dtype)
{
    BUG_IF(dtype >= DTYPE_OTHER);
    const struct dtype_row *row = dtype_rows;
    while (row->dtype != dtype)
        row++;
    return row;
}

const char *dtype_name(enum dtype dtype)
{
    return row_of(dtype)->name;
}

size_t dtype_bytes(enum dtype dtype)
{
    return row_of(dtype)->bytes;
}

static size_t out_bytes(const struct tensor_out *t)
{
    size_t bytes = dtype_bytes(t->dtype);
    for (int i = 0; i < t->dims; i++)
        BUG_IF(__builtin_mul_overflow(bytes, t->shape[i], &bytes));
    return bytes;
}

/* The JSON header, padded so that the data starts at a multiple of 8 bytes. */
static void build_header(struct str *text, const struct tensor_out *tensors, size_t n,
                         const json_t *metadata)
{
    str_addc(text, '{');
    if (metadata) {
        str_addf(text, "\"%s\":", metadata_key);
        add_json(text, metadata);
    }
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (i || metadata)
            str_addc(text, ',');
        json_t *name = json_string(tensors[i].name);
        add_json(text, name);
        json_decref(name);
        str_addf(text, ":{\"dtype\":\"%s\",\"shape\":[", dtype_name(tensors[i].dtype));
        BUG_IF(tensors[i].dims < 0 || tensors[i].dims > TENSOR_MAX_DIMS);
        for (int d = 0; d < tensors[i].dims; d++)
            str_addf(text, "%s%zu", d ? "," : "", tensors[i].shape[d]);
        const size_t end = at + out_bytes(&tensors[i]);
        str_addf(text, "],\"data_offsets\":[%zu,%zu]}", at, end);
        at = end;
    }
    str_addc(text, '}');
    str_pad(text, (8 - text->size % 8) % 8, ' ');
}

int safetensors_write(const char *path, const struct tensor_out *tensors, size_t n,
                      const json_t *metadata, struct err *e)
{
    struct str header = STR_INIT;
    struct fs_file file = {.fd = -1};
    build_header(&header, tensors, n, metadata);
    const uint64_t length = header.size;
    int rc = fs_create(&file, path, e);
    if (rc < 0 || (rc = fs_put(&file, &length, sizeof length, e)) < 0 ||
        (rc = fs_put(&file, header.data, header.size, e)) < 0)
        goto out;
    for (size_t i = 0; i < n; i++)
        if ((rc = fs_put(&file, tensors[i].data, out_bytes(&tensors[i]), e)) < 0)
            goto out;
    rc = fs_commit(&file, e);
out:
    if (rc < 0)
        fs_abandon(&file);
    str_release(&header);
    return rc;
}
