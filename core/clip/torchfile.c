/*
 * Opening torch's archives: the entries, the names, the tensors. See torchfile.h.
 *
 * Entries are stored, not compressed, so tensors point into the mapped file; only one that is not
 * contiguous is copied, and all copies together are no larger than the file. There is nothing to
 * unpack and so nothing that could unpack to more than it is.
 */
#include "core/clip/torchfile.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/pickle.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENTRIES_LIMIT = 100 * 1000,
    DEPTH_LIMIT = 64,               // of names
    VISITS_LIMIT = 1000 * 1000,     // of values while naming: shared ones are visited again
    NAMES_LIMIT = 16 * 1000 * 1000, // bytes of all names
};

struct entry {
    char *name;
    const unsigned char *data; // in the map
    size_t size;
};

/* What opening needs besides the file itself. */
struct opening {
    struct torchfile *f;
    struct entry *entries; // sorted by name
    size_t n_entries, entries_capacity;
    char *top; // the folder that everything is in
    size_t tensors_capacity, names_bytes, copies_capacity, copied, visits;
    struct str name; // of the value that is looked at
    struct err *e;
};

bool torchfile_is(const unsigned char *data, size_t size)
{
    // A length of safetensors' header may begin as a pickle does; its '{' tells.
    const bool header = size > 8 && data[8] == '{';
    return size >= 4 &&
           (memcmp(data, "PK\3\4", 4) == 0 || (data[0] == 0x80 && data[1] <= 5 && !header));
}

/* ---- the archive ---- */

/* All of an entry, which must lie in the map as it is. */
static int read_entry(struct opening *o, struct archive *a, struct entry *entry)
{
    const unsigned char *from = o->f->map.data, *to = from + o->f->map.size;
    const void *block;
    size_t size;
    la_int64_t offset;
    int rc;
    char *shown = str_visible(entry->name);
    while ((rc = archive_read_data_block(a, &block, &size, &offset)) == ARCHIVE_OK) {
        const unsigned char *bytes = block;
        if (!size)
            continue;
        if (!entry->size)
            entry->data = bytes;
        if (bytes < from || bytes >= to || size > (size_t)(to - bytes) ||
            bytes != entry->data + entry->size) {
            err_set(o->e, ERR_CORRUPT,
                    "'%s': entry '%.200s' is compressed; torch's own files are not: save it again "
                    "with torch.save",
                    o->f->path, shown);
            free(shown);
            return o->e->code;
        }
        entry->size += size;
    }
    if (rc != ARCHIVE_EOF)
        err_set(o->e, ERR_CORRUPT, "'%s': entry '%.200s': %s", o->f->path, shown,
                archive_error_string(a) ? archive_error_string(a) : "unreadable");
    free(shown);
    return rc == ARCHIVE_EOF ? 0 : o->e->code;
}

/* "top/data.pkl", "top/byteorder" or "top/data/key": what is read at all. */
static bool is_wanted(const char *name)
{
    const char *rest = strchr(name, '/');
    return rest &&
           (str_eq(rest, "/data.pkl") || str_eq(rest, "/byteorder") || str_starts(rest, "/data/"));
}

static int by_entry(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static int read_entries(struct opening *o, struct archive *a)
{
    struct archive_entry *header;
    size_t seen = 0;
    int rc;
    while ((rc = archive_read_next_header(a, &header)) == ARCHIVE_OK || rc == ARCHIVE_WARN) {
        const char *name = archive_entry_pathname(header);
        if (!name)
            name = archive_entry_pathname_utf8(header);
        if (++seen > ENTRIES_LIMIT)
            return err_set(o->e, ERR_RANGE, "'%s' has more than %d entries", o->f->path,
                           ENTRIES_LIMIT);
        if (!name || !is_wanted(name))
            continue;
        struct entry entry = {.name = mem_strdup(name), .data = o->f->map.data};
        MEM_PUSH(o->entries, o->n_entries, o->entries_capacity) = entry;
        if (archive_entry_is_encrypted(header))
            return err_set(o->e, ERR_CORRUPT, "'%s' is encrypted", o->f->path);
        if (read_entry(o, a, &o->entries[o->n_entries - 1]) < 0)
            return o->e->code;
    }
    if (rc != ARCHIVE_EOF)
        return err_set(o->e, ERR_CORRUPT,
                       "'%s' is no whole ZIP archive: %s; is the download complete?", o->f->path,
                       archive_error_string(a) ? archive_error_string(a) : "unreadable");
    if (o->n_entries)
        qsort(o->entries, o->n_entries, sizeof *o->entries, by_entry);
    for (size_t i = 1; i < o->n_entries; i++)
        if (str_eq(o->entries[i].name, o->entries[i - 1].name))
            return err_set(o->e, ERR_CORRUPT, "'%s' has an entry twice", o->f->path);
    return 0;
}

static int read_archive(struct opening *o)
{
    struct archive *a = archive_read_new();
    BUG_IF(!a);
    int rc;
    if (archive_read_support_format_zip_seekable(a) != ARCHIVE_OK ||
        archive_read_open_memory(a, o->f->map.data, o->f->map.size) != ARCHIVE_OK)
        rc = err_set(o->e, ERR_CORRUPT,
                     "'%s' is no whole ZIP archive: %s; is the download complete?", o->f->path,
                     archive_error_string(a) ? archive_error_string(a) : "unreadable");
    else
        rc = read_entries(o, a);
    archive_read_free(a);
    return rc;
}

static const struct entry *find_entry(const struct opening *o, const char *folder, const char *name)
{
    char *full = str_format("%s/%s%s", o->top, folder, name);
    struct entry key = {.name = full};
    const struct entry *found =
        bsearch(&key, o->entries, o->n_entries, sizeof *o->entries, by_entry);
    free(full);
    return found;
}

/* The one folder that has a data.pkl. */
static int find_top(struct opening *o)
{
    for (size_t i = 0; i < o->n_entries; i++) {
        char *slash = strchr(o->entries[i].name, '/');
        if (!str_eq(slash, "/data.pkl"))
            continue;
        if (o->top)
            return err_set(o->e, ERR_CORRUPT, "'%s' holds more than one data.pkl", o->f->path);
        o->top = mem_strndup(o->entries[i].name, (size_t)(slash - o->entries[i].name));
    }
    if (!o->top)
        return err_set(o->e, ERR_MISSING,
                       "'%s' is a ZIP archive without data.pkl: it was not written by torch",
                       o->f->path);
    const struct entry *order = find_entry(o, "", "byteorder");
    if (order && !(order->size >= 6 && memcmp(order->data, "little", 6) == 0))
        return err_set(o->e, ERR_CORRUPT,
                       "'%s' was written by a big-endian machine, expected little-endian numbers",
                       o->f->path);
    return 0;
}

/* ---- tensors ---- */

static int tensor_error(const struct opening *o, const char *what)
{
    char *shown = str_visible(o->name.data);
    err_set(o->e, ERR_CORRUPT, "'%s': tensor '%.300s' %s", o->f->path, shown, what);
    free(shown);
    return o->e->code;
}

/* The storage's bytes, as many as it says. */
static int storage_bytes(const struct opening *o, const struct pickle_value *s,
                         const unsigned char **out)
{
    const struct entry *entry = find_entry(o, "data/", s->storage.key);
    if (!entry)
        return tensor_error(o, "has no data in the archive");
    if (s->storage.count < 0 || (size_t)s->storage.count != entry->size / s->storage.bytes)
        return tensor_error(o, "has a storage whose size is not the one described");
    *out = entry->data;
    return 0;
}

/* Element count and place of the last element, all within the storage; `out` gets the shape. */
static int check_layout(const struct opening *o, const struct pickle_value *v, struct tensor *out)
{
    const long long count = v->tensor.storage->storage.count;
    long long last = v->tensor.offset, elements = 1, step;
    if (last < 0)
        return tensor_error(o, "starts before its storage");
    for (int i = 0; i < v->tensor.dims; i++) {
        if (v->tensor.shape[i] < 0 || v->tensor.stride[i] < 0)
            return tensor_error(o, "has a negative size or stride");
        if (__builtin_mul_overflow(elements, v->tensor.shape[i], &elements))
            return tensor_error(o, "has more elements than can be counted");
        out->shape[i] = (size_t)v->tensor.shape[i];
    }
    for (int i = 0; i < v->tensor.dims && elements; i++)
        if (__builtin_mul_overflow(v->tensor.shape[i] - 1, v->tensor.stride[i], &step) ||
            __builtin_add_overflow(last, step, &last))
            return tensor_error(o, "reaches beyond its storage");
    if (elements ? last >= count : last > count)
        return tensor_error(o, "reaches beyond its storage");
    if (elements > count)
        return tensor_error(o, "is larger than its storage: its elements repeat");
    out->dims = v->tensor.dims;
    out->count = (size_t)elements;
    return 0;
}

static bool is_contiguous(const struct pickle_value *v)
{
    long long expected = 1;
    for (int i = v->tensor.dims - 1; i >= 0; i--) {
        if (v->tensor.shape[i] != 1 && v->tensor.stride[i] != expected)
            return false;
        expected *= v->tensor.shape[i];
    }
    return true;
}

/* Elements in the order of the shape, the last index fastest. */
static void gather(const struct pickle_value *v, const unsigned char *from, size_t count,
                   unsigned char *to)
{
    const size_t bytes = v->tensor.storage->storage.bytes;
    long long index[TENSOR_MAX_DIMS] = {0}, at = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(to + i * bytes, from + (size_t)at * bytes, bytes);
        for (int d = v->tensor.dims - 1; d >= 0; d--) {
            at += v->tensor.stride[d];
            if (++index[d] < v->tensor.shape[d])
                break;
            at -= v->tensor.shape[d] * v->tensor.stride[d];
            index[d] = 0;
        }
    }
}

static int add_tensor(struct opening *o, const struct pickle_value *v)
{
    struct torchfile *f = o->f;
    const struct pickle_value *s = v->tensor.storage;
    struct tensor t = {.dtype = s->storage.dtype};
    const unsigned char *data = NULL;
    int rc;
    if ((rc = storage_bytes(o, s, &data)) < 0 || (rc = check_layout(o, v, &t)) < 0)
        return rc;
    t.data = data + (size_t)v->tensor.offset * s->storage.bytes;
    if (t.count && !is_contiguous(v)) {
        const size_t bytes = t.count * s->storage.bytes;
        if (bytes > f->map.size - o->copied)
            return tensor_error(o, "and others before it are not contiguous and together larger "
                                   "than the file");
        o->copied += bytes;
        unsigned char *copy = mem_alloc(bytes, 1);
        gather(v, t.data, t.count, copy);
        MEM_PUSH(f->copies, f->n_copies, o->copies_capacity) = copy;
        t.data = copy;
    }
    if (o->name.size > NAMES_LIMIT - o->names_bytes)
        return err_set(o->e, ERR_RANGE, "'%s': the tensors' names have more than %d bytes", f->path,
                       NAMES_LIMIT);
    o->names_bytes += o->name.size;
    t.name = mem_strdup(o->name.data);
    MEM_PUSH(f->tensors, f->n, o->tensors_capacity) = t;
    return 0;
}

/* ---- names ---- */

static int visit(struct opening *o, const struct pickle_value *v, int depth);

/* A value below a key or index; keys of other kinds name nothing that is wanted. */
static int visit_below(struct opening *o, const struct pickle_value *key,
                       const struct pickle_value *v, int depth)
{
    const size_t before = o->name.size;
    if (key->kind != PICKLE_TEXT && key->kind != PICKLE_INT)
        return 0;
    if (before)
        str_addc(&o->name, '.');
    if (key->kind == PICKLE_TEXT)
        str_add(&o->name, key->text);
    else
        str_addf(&o->name, "%lld", key->integer);
    int rc = visit(o, v, depth + 1);
    o->name.size = before;
    o->name.data[before] = 0;
    return rc;
}

static int visit(struct opening *o, const struct pickle_value *v, int depth)
{
    int rc = 0;
    if (v->kind == PICKLE_TENSOR)
        return add_tensor(o, v);
    if (v->kind != PICKLE_DICT && v->kind != PICKLE_OBJECT)
        return 0;
    if (depth > DEPTH_LIMIT)
        return tensor_error(o, "lies too deep: names within themselves");
    for (size_t i = 0; i < v->n && rc == 0; i += 2) {
        if (++o->visits > VISITS_LIMIT)
            return tensor_error(o, "comes after too many values");
        rc = visit_below(o, v->items[i], v->items[i + 1], depth);
    }
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

static int name_tensors(struct opening *o, const struct pickle_value *root)
{
    struct torchfile *f = o->f;
    const struct pickle_value *inner = pickle_find(root, "state_dict");
    f->script = root->kind == PICKLE_OBJECT;
    if (!f->script && inner && inner->kind == PICKLE_DICT)
        root = inner;
    int rc = visit(o, root, 0);
    if (rc < 0)
        return rc;
    if (!f->n)
        return err_set(o->e, ERR_MISSING, "'%s' holds no tensor by name", f->path);
    qsort(f->tensors, f->n, sizeof *f->tensors, by_name);
    for (size_t i = 1; i < f->n; i++)
        if (str_eq(f->tensors[i].name, f->tensors[i - 1].name)) {
            str_clear(&o->name);
            str_add(&o->name, f->tensors[i].name);
            return tensor_error(o, "is there twice");
        }
    return 0;
}

/* ---- the file ---- */

static int read_all(struct opening *o)
{
    struct pickle pickle;
    int rc;
    if ((rc = read_archive(o)) < 0 || (rc = find_top(o)) < 0)
        return rc;
    const struct entry *entry = find_entry(o, "", "data.pkl");
    char *name = str_format("'%s': data.pkl", o->f->path);
    if ((rc = pickle_read(&pickle, entry->data, entry->size, name, o->e)) == 0) {
        rc = name_tensors(o, pickle.root);
        pickle_release(&pickle);
    }
    free(name);
    return rc;
}

int torchfile_open(struct torchfile *f, const char *path, struct err *e)
{
    *f = (struct torchfile){.path = mem_strdup(path)};
    struct opening o = {.f = f, .name = STR_INIT, .e = e};
    int rc = fs_map_open(&f->map, path, e);
    if (rc < 0)
        goto out;
    if (f->map.size >= 2 && f->map.data[0] == 0x80)
        rc =
            err_set(e, ERR_PARSE,
                    "'%s' is a torch file of the kind before torch 1.6, which is not read: save it "
                    "again with torch.save of a newer torch",
                    path);
    else
        rc = read_all(&o);
out:
    for (size_t i = 0; i < o.n_entries; i++)
        free(o.entries[i].name);
    free(o.entries);
    free(o.top);
    str_release(&o.name);
    if (rc < 0)
        torchfile_close(f);
    return rc;
}

void torchfile_close(struct torchfile *f)
{
    for (size_t i = 0; i < f->n; i++)
        free((char *)f->tensors[i].name);
    for (size_t i = 0; i < f->n_copies; i++)
        free(f->copies[i]);
    free(f->copies);
    free(f->tensors);
    free(f->path);
    fs_map_close(&f->map);
    *f = (struct torchfile){0};
}

const struct tensor *torchfile_find(const struct torchfile *f, const char *name)
{
    struct tensor key = {.name = name};
    return f->n ? bsearch(&key, f->tensors, f->n, sizeof key, by_name) : NULL;
}
