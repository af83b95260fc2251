/* A ZIP of stored entries and a pickle of protocol 2, both as small as torch.load takes them: see
 * torchwrite.h. */
#include "core/clip/torchwrite.h"

#include "core/base/fs.h"
#include "core/base/str.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { ALIGNMENT = 64 }; // of storages, as torch has it

struct zip {
    struct str out, directory;
    unsigned entries;
};

static void put(struct str *s, uint64_t value, int bytes)
{
    while (bytes--) {
        str_addc(s, (char)(value & 255));
        value >>= 8;
    }
}

static void zip_add(struct zip *z, const char *name, const void *data, size_t size)
{
    enum { LOCAL = 30, EXTRA = 4 };
    const size_t at = z->out.size, start = at + LOCAL + strlen(name) + EXTRA;
    const size_t padding = (ALIGNMENT - start % ALIGNMENT) % ALIGNMENT;
    const uint32_t crc = (uint32_t)crc32(0, data, (unsigned)size);
    struct str *const parts[] = {&z->out, &z->directory};
    for (int i = 0; i < 2; i++) { // the local header, the central one
        struct str *s = parts[i];
        put(s, i ? 0x02014b50 : 0x04034b50, 4);
        put(s, 0, i ? 2 : 0);  // made by
        put(s, 0, 2 + 2 + 2);  // version, flags, method: stored
        put(s, 0x21 << 16, 4); // 1980-01-01
        put(s, crc, 4);
        put(s, size, 4);
        put(s, size, 4);
        put(s, strlen(name), 2);
        put(s, i ? 0 : EXTRA + padding, 2);
        put(s, 0, i ? 2 + 2 + 2 : 0); // comment, disk, attributes
        put(s, 0, i ? 4 : 0);
        put(s, at, i ? 4 : 0);
        str_add(s, name);
    }
    put(&z->out, 0x4246, 2); // "FB": torch's own padding
    put(&z->out, padding, 2);
    str_pad(&z->out, padding, 'Z');
    str_addn(&z->out, data, size);
    z->entries++;
}

static void zip_end(struct zip *z)
{
    const size_t at = z->out.size;
    str_addn(&z->out, z->directory.data, z->directory.size);
    put(&z->out, 0x06054b50, 4);
    put(&z->out, 0, 4);
    put(&z->out, z->entries, 2);
    put(&z->out, z->entries, 2);
    put(&z->out, z->directory.size, 4);
    put(&z->out, at, 4);
    put(&z->out, 0, 2);
}

/* ---- the pickle ---- */

static void put_text(struct str *p, const char *text)
{
    str_addc(p, 'X'); // BINUNICODE
    put(p, strlen(text), 4);
    str_add(p, text);
}

static void put_integer(struct str *p, uint64_t value)
{
    str_addc(p, 'J'); // BININT
    put(p, value, 4);
}

/* An integer tuple. */
static void put_sizes(struct str *p, const size_t *sizes, int n)
{
    str_addc(p, '('); // MARK
    for (int i = 0; i < n; i++)
        put_integer(p, sizes[i]);
    str_addc(p, 't'); // TUPLE
}

static size_t count_of(const struct tensor_out *t)
{
    size_t n = 1;
    for (int i = 0; i < t->dims; i++)
        n *= t->shape[i];
    return n;
}

/* torch._utils._rebuild_tensor_v2(storage, 0, shape, stride, False, OrderedDict()) */
static void put_tensor(struct str *p, const struct tensor_out *t, size_t key)
{
    size_t stride[TENSOR_MAX_DIMS], step = 1;
    char name[24];
    for (int i = t->dims - 1; i >= 0; i--) {
        stride[i] = step;
        step *= t->shape[i];
    }
    snprintf(name, sizeof name, "%zu", key);
    str_add(p, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(p, "storage");
    str_add(p, "ctorch\nFloatStorage\n");
    put_text(p, name);
    put_text(p, "cpu");
    put_integer(p, count_of(t));
    str_add(p, "tQ"); // TUPLE, BINPERSID
    put_integer(p, 0);
    put_sizes(p, t->shape, t->dims);
    put_sizes(p, stride, t->dims);
    str_add(p, "\x89"                              // NEWFALSE
               "ccollections\nOrderedDict\n)RtR"); // its REDUCE, then TUPLE and REDUCE
}

static void put_pickle(struct str *p, const struct tensor_out *tensors, size_t n, int epoch)
{
    static const char *const none[] = {"optimizer", "scheduler", "val_result"};
    str_add(p, "\x80\2}("); // PROTO 2, EMPTY_DICT, MARK
    put_text(p, "state_dict");
    str_add(p, "ccollections\nOrderedDict\n)R(");
    for (size_t i = 0; i < n; i++) {
        put_text(p, tensors[i].name);
        put_tensor(p, &tensors[i], i);
    }
    str_addc(p, 'u'); // SETITEMS
    put_text(p, "epoch");
    put_integer(p, (uint64_t)epoch);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        put_text(p, none[i]);
        str_addc(p, 'N');
    }
    str_add(p, "u."); // SETITEMS, STOP
}

int torchwrite_checkpoint(const char *path, const struct tensor_out *tensors, size_t n, int epoch,
                          struct err *e)
{
    struct zip z = {.out = STR_INIT, .directory = STR_INIT};
    struct str pickle = STR_INIT;
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += count_of(&tensors[i]) * sizeof(float);
    if (bytes >= INT_MAX)
        return err_set(e, ERR_RANGE, "'%s': %zu bytes of tensors, at most %d can be written", path,
                       bytes, INT_MAX);
    put_pickle(&pickle, tensors, n, epoch);
    zip_add(&z, "archive/data.pkl", pickle.data, pickle.size);
    for (size_t i = 0; i < n; i++) {
        char name[40];
        snprintf(name, sizeof name, "archive/data/%zu", i);
        zip_add(&z, name, tensors[i].data, count_of(&tensors[i]) * sizeof(float));
    }
    zip_add(&z, "archive/version", "3\n", 2);
    zip_end(&z);
    int rc = fs_write(path, z.out.data, z.out.size, e);
    str_release(&pickle);
    str_release(&z.out);
    str_release(&z.directory);
    return rc;
}
