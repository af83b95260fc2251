/*
 * Pickles, read as data.
 *
 * A small interpreter of the opcodes that torch writes. It can build numbers, strings, lists,
 * tuples, dicts, tensors' descriptions and objects that are nothing but their attributes; it calls
 * nothing and imports nothing. A global that is not in its table, or an opcode that it does not
 * know, is an error that names it. Memory is bounded: PICKLE_LIMIT bytes of pickle, VALUES_LIMIT
 * values.
 */
#ifndef PROMPTGRID_CLIP_PICKLE_H
#define PROMPTGRID_CLIP_PICKLE_H

#include "core/base/err.h"
#include "core/clip/safetensors.h"

#include <stdbool.h>
#include <stddef.h>

enum { PICKLE_LIMIT = 8 << 20 };

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_FLOAT,
    PICKLE_TEXT,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT,
    PICKLE_OBJECT, // of a class of modules or optimizers: its attributes
    PICKLE_TENSOR,
    PICKLE_STORAGE,
    PICKLE_GLOBAL, // a name that was not used for anything yet
    PICKLE_OPAQUE, // something without use here: a device, a numpy number
};

struct pickle_value {
    enum pickle_kind kind;
    union {
        bool truth;
        long long integer;
        double real;
        char *text; // terminated; one with a 0 byte inside ends there
        struct {
            struct pickle_value **items; // of a dict and an object: key, value, key, value, ...
            size_t n, capacity;
        };
        struct {
            const struct pickle_value *storage;
            long long offset; // of the first element, in elements
            int dims;
            long long shape[TENSOR_MAX_DIMS], stride[TENSOR_MAX_DIMS]; // not checked yet
        } tensor;
        struct {
            enum dtype dtype;
            size_t bytes; // of one element
            char *key;    // its file is data/<key>
            long long count;
        } storage;
        const struct global *global;
    };
};

struct pickle {
    struct pickle_value *root;
    struct pickle_value **values; // all of them
    size_t n, capacity;
};

/* `name` is how errors call the pickle: "'file.pt': data.pkl". */
int pickle_read(struct pickle *p, const void *data, size_t size, const char *name, struct err *e);
void pickle_release(struct pickle *p);

/* The value of a text key in a dict or an object; NULL if it has none or is something else. */
const struct pickle_value *pickle_find(const struct pickle_value *v, const char *key);

#endif
