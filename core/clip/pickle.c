/*
 * The pickle interpreter: see pickle.h. The machine is Python's own (a stack, marks, a memo), as
 * described at the top of CPython's Lib/pickletools.py; protocols 2 to 4 as far as torch uses them.
 */
#include "core/clip/pickle.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/pickle_globals.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES_LIMIT = 1 << 20, ITEMS_LIMIT = 4 << 20, MARKS_LIMIT = 1000, NAME_LIMIT = 512 };

struct machine {
    struct pickle *out;
    const unsigned char *start, *at, *end;
    struct pickle_value **stack;
    size_t depth, stack_capacity;
    size_t marks[MARKS_LIMIT], n_marks; // depths of the stack
    struct pickle_value **memo;
    size_t memo_n, items; // items: of all containers
    const char *name;
    struct err *e;
    bool stopped;
};

static int broken(const struct machine *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int broken(const struct machine *m, const char *format, ...)
{
    char text[NAME_LIMIT + 256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return err_set(m->e, ERR_CORRUPT, "%s: byte %zu: %s", m->name, (size_t)(m->at - m->start),
                   text);
}

/* ---- reading, the stack ---- */

static int take(struct machine *m, size_t n, const unsigned char **out)
{
    if ((size_t)(m->end - m->at) < n)
        return broken(m, "%zu bytes are missing", n - (size_t)(m->end - m->at));
    *out = m->at;
    m->at += n;
    return 0;
}

/* An unsigned little-endian number of n <= 8 bytes. */
static int take_number(struct machine *m, size_t n, uint64_t *out)
{
    const unsigned char *bytes = NULL;
    int rc = take(m, n, &bytes);
    *out = 0;
    while (rc == 0 && n--)
        *out = *out << 8 | bytes[n];
    return rc;
}

static int new_value(struct machine *m, enum pickle_kind kind, struct pickle_value **out)
{
    if (m->out->n == VALUES_LIMIT)
        return broken(m, "more than %d values", VALUES_LIMIT);
    *out = mem_zero(1, sizeof **out);
    (*out)->kind = kind;
    MEM_PUSH(m->out->values, m->out->n, m->out->capacity) = *out;
    return 0;
}

static int push(struct machine *m, struct pickle_value *v)
{
    if (m->depth == VALUES_LIMIT)
        return broken(m, "the stack holds more than %d values", VALUES_LIMIT);
    MEM_PUSH(m->stack, m->depth, m->stack_capacity) = v;
    return 0;
}

static int push_new(struct machine *m, enum pickle_kind kind, struct pickle_value **out)
{
    int rc = new_value(m, kind, out);
    return rc < 0 ? rc : push(m, *out);
}

/* Values above the last mark belong to it: nothing else may take from below. */
static size_t held(const struct machine *m)
{
    return m->depth - (m->n_marks ? m->marks[m->n_marks - 1] : 0);
}

static int pop(struct machine *m, struct pickle_value **out)
{
    if (!held(m))
        return broken(m, "the stack is empty");
    *out = m->stack[--m->depth];
    return 0;
}

static int top(const struct machine *m, struct pickle_value **out)
{
    if (!held(m))
        return broken(m, "the stack is empty");
    *out = m->stack[m->depth - 1];
    return 0;
}

/* The values since the last mark leave the stack; *items is valid until the next push. */
static int pop_mark(struct machine *m, struct pickle_value ***items, size_t *n)
{
    if (!m->n_marks)
        return broken(m, "there is no mark");
    const size_t from = m->marks[--m->n_marks];
    *n = m->depth - from;
    *items = m->stack ? m->stack + from : NULL;
    m->depth = from;
    return 0;
}

/* Also bounded: a pickle may ask for the same items again and again. */
static int append(struct machine *m, struct pickle_value *list, struct pickle_value *const *items,
                  size_t n)
{
    if (n > ITEMS_LIMIT - m->items)
        return broken(m, "more than %d items in containers", ITEMS_LIMIT);
    m->items += n;
    for (size_t i = 0; i < n; i++)
        MEM_PUSH(list->items, list->n, list->capacity) = items[i];
    return 0;
}

/* ---- constants ---- */

static int push_integer(struct machine *m, long long value)
{
    struct pickle_value *v = NULL;
    int rc = push_new(m, PICKLE_INT, &v);
    if (rc == 0)
        v->integer = value;
    return rc;
}

static int op_truth(struct machine *m, int truth)
{
    struct pickle_value *v = NULL;
    int rc = push_new(m, PICKLE_BOOL, &v);
    if (rc == 0)
        v->truth = truth;
    return rc;
}

static int op_integer(struct machine *m, int bytes)
{
    uint64_t value;
    int rc = take_number(m, (size_t)bytes, &value);
    // only that of 4 bytes has a sign
    return rc < 0 ? rc : push_integer(m, bytes == 4 ? (int32_t)(uint32_t)value : (long long)value);
}

/* Two's complement of 0 to 8 bytes; longer ones are no size of anything. */
static int op_long(struct machine *m, int unused)
{
    uint64_t n, value;
    (void)unused;
    int rc = take_number(m, 1, &n);
    if (rc < 0)
        return rc;
    if (n > 8)
        return broken(m, "an integer of %llu bytes, at most 8 are read", (unsigned long long)n);
    if ((rc = take_number(m, n, &value)) < 0)
        return rc;
    if (n && n < 8 && value >> (8 * n - 1))
        value |= ~(uint64_t)0 << 8 * n;
    return push_integer(m, (long long)value);
}

static int op_float(struct machine *m, int unused)
{
    const unsigned char *bytes = NULL;
    struct pickle_value *v = NULL;
    uint64_t bits = 0;
    (void)unused;
    int rc = take(m, 8, &bytes); // big-endian
    if (rc < 0 || (rc = push_new(m, PICKLE_FLOAT, &v)) < 0)
        return rc;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | bytes[i];
    memcpy(&v->real, &bits, sizeof bits);
    return 0;
}

static int op_text(struct machine *m, int length_bytes)
{
    uint64_t n;
    const unsigned char *bytes = NULL;
    struct pickle_value *v = NULL;
    int rc = take_number(m, (size_t)length_bytes, &n);
    if (rc < 0 || (rc = take(m, n, &bytes)) < 0 || (rc = push_new(m, PICKLE_TEXT, &v)) < 0)
        return rc;
    v->text = mem_strndup((const char *)bytes, n); // bytes of numbers may hold 0: cut, never a key
    return 0;
}

/* ---- containers ---- */

/* Something empty: none, tuple, list, dict. */
static int op_empty(struct machine *m, int kind)
{
    struct pickle_value *v = NULL;
    return push_new(m, (enum pickle_kind)kind, &v);
}

static int op_mark(struct machine *m, int unused)
{
    (void)unused;
    if (m->n_marks == MARKS_LIMIT)
        return broken(m, "more than %d marks at once", MARKS_LIMIT);
    m->marks[m->n_marks++] = m->depth;
    return 0;
}

static int op_pop(struct machine *m, int unused)
{
    struct pickle_value *v = NULL;
    (void)unused;
    return pop(m, &v);
}

static int op_tuple(struct machine *m, int unused)
{
    (void)unused;
    struct pickle_value **items = NULL, *v = NULL;
    size_t n = 0;
    int rc = new_value(m, PICKLE_TUPLE, &v);
    if (rc < 0 || (rc = pop_mark(m, &items, &n)) < 0)
        return rc;
    rc = append(m, v, items, n);
    return rc < 0 ? rc : push(m, v);
}

static int op_tuple_of(struct machine *m, int n)
{
    struct pickle_value *v = NULL;
    int rc = new_value(m, PICKLE_TUPLE, &v);
    if (rc < 0)
        return rc;
    if (held(m) < (size_t)n)
        return broken(m, "the stack is empty");
    m->depth -= (size_t)n;
    rc = append(m, v, m->stack + m->depth, (size_t)n);
    return rc < 0 ? rc : push(m, v);
}

/* `n` values for the list or dict on top. */
static int fill(struct machine *m, int kind, struct pickle_value *const *items, size_t n)
{
    struct pickle_value *v = NULL;
    int rc = top(m, &v);
    if (rc < 0)
        return rc;
    if ((int)v->kind != kind || (kind == PICKLE_DICT && n % 2))
        return broken(m, "items for something that is no %s",
                      kind == PICKLE_DICT ? "dict" : "list");
    return append(m, v, items, n);
}

static int op_item(struct machine *m, int kind)
{
    const size_t n = kind == PICKLE_DICT ? 2 : 1; // key and value
    if (held(m) < n)
        return broken(m, "the stack is empty");
    m->depth -= n;
    return fill(m, kind, m->stack + m->depth, n);
}

static int op_items(struct machine *m, int kind)
{
    struct pickle_value **items = NULL;
    size_t n = 0;
    int rc = pop_mark(m, &items, &n);
    return rc < 0 ? rc : fill(m, kind, items, n);
}

/* ---- the memo ---- */

static int memo_put(struct machine *m, size_t index)
{
    struct pickle_value *v = NULL;
    int rc = top(m, &v);
    if (rc < 0)
        return rc;
    if (index >= VALUES_LIMIT)
        return broken(m, "memo entry %zu, at most %d are kept", index, VALUES_LIMIT);
    if (index >= m->memo_n) {
        const size_t n = 2 * index + 64;
        m->memo = mem_grow(m->memo, n, sizeof(struct pickle_value *));
        memset(m->memo + m->memo_n, 0, (n - m->memo_n) * sizeof(struct pickle_value *));
        m->memo_n = n;
    }
    m->memo[index] = v;
    return 0;
}

static int memo_get(struct machine *m, size_t index)
{
    if (index >= m->memo_n || !m->memo[index])
        return broken(m, "memo entry %zu was never stored", index);
    return push(m, m->memo[index]);
}

static int op_put(struct machine *m, int bytes)
{
    uint64_t index;
    int rc = take_number(m, (size_t)bytes, &index);
    return rc < 0 ? rc : memo_put(m, index);
}

static int op_get(struct machine *m, int bytes)
{
    uint64_t index;
    int rc = take_number(m, (size_t)bytes, &index);
    return rc < 0 ? rc : memo_get(m, index);
}

/* ---- globals and what is made of them ---- */

/* A line of a global's name. */
static int take_line(struct machine *m, char out[NAME_LIMIT])
{
    const size_t left = (size_t)(m->end - m->at), most = left < NAME_LIMIT ? left : NAME_LIMIT;
    const unsigned char *stop = memchr(m->at, '\n', most);
    if (!stop)
        return broken(m, "a global's name has no end within %d bytes", NAME_LIMIT);
    snprintf(out, NAME_LIMIT, "%.*s", (int)(stop - m->at), (const char *)m->at);
    m->at = stop + 1;
    return 0;
}

static int op_global(struct machine *m, int unused)
{
    (void)unused;
    char module[NAME_LIMIT], name[NAME_LIMIT];
    struct pickle_value *v = NULL;
    int rc;
    if ((rc = take_line(m, module)) < 0 || (rc = take_line(m, name)) < 0)
        return rc;
    const struct global *g = global_find(module, name);
    if (g) {
        rc = push_new(m, PICKLE_GLOBAL, &v);
        if (rc == 0)
            v->global = g;
        return rc;
    }
    char *full = str_format("%.200s.%.200s", module, name), *shown = str_visible(full);
    rc = broken(m,
                "global '%.300s' is none of those that tensors and their containers are made of; "
                "nothing was executed",
                shown);
    free(shown);
    free(full);
    return rc;
}

/* A tuple of sizes. */
static int read_sizes(const struct pickle_value *v, long long out[TENSOR_MAX_DIMS])
{
    if ((v->kind != PICKLE_TUPLE && v->kind != PICKLE_LIST) || v->n > TENSOR_MAX_DIMS)
        return -1;
    for (size_t i = 0; i < v->n; i++) {
        if (v->items[i]->kind != PICKLE_INT)
            return -1;
        out[i] = v->items[i]->integer;
    }
    return (int)v->n;
}

static int rebuild_tensor(struct machine *m, const struct pickle_value *args)
{
    struct pickle_value *v = NULL;
    if (args->n < 4 || args->items[0]->kind != PICKLE_STORAGE || args->items[1]->kind != PICKLE_INT)
        return broken(m, "a tensor is not built from storage, offset, shape and stride");
    int rc = push_new(m, PICKLE_TENSOR, &v);
    if (rc < 0)
        return rc;
    v->tensor.storage = args->items[0];
    v->tensor.offset = args->items[1]->integer;
    v->tensor.dims = read_sizes(args->items[2], v->tensor.shape);
    if (v->tensor.dims < 0 || read_sizes(args->items[3], v->tensor.stride) != v->tensor.dims)
        return broken(m, "a tensor's shape and stride are not the same number of sizes, at most %d",
                      TENSOR_MAX_DIMS);
    return 0;
}

/* What calling `callee` with `args` stands for. */
static int call(struct machine *m, const struct pickle_value *callee,
                const struct pickle_value *args)
{
    struct pickle_value *v = NULL;
    if (callee->kind != PICKLE_GLOBAL || args->kind != PICKLE_TUPLE)
        return broken(m, "a call of something that is no global, or without a tuple");
    switch (callee->global->use) {
    case USE_TENSOR:
        return rebuild_tensor(m, args);
    case USE_FIRST:
        return args->n ? push(m, args->items[0]) : broken(m, "a call without arguments");
    case USE_DICT:
        if (args->n && args->items[0]->kind != PICKLE_GLOBAL)
            return broken(m, "a dict is made of something, expected an empty one");
        return push_new(m, PICKLE_DICT, &v);
    case USE_CLASS:
        return push_new(m, PICKLE_OBJECT, &v);
    case USE_OPAQUE:
        return push_new(m, PICKLE_OPAQUE, &v);
    case USE_STORAGE:
        break;
    }
    return broken(m, "'%s.%s' is called", callee->global->module, callee->global->name);
}

static int op_call(struct machine *m, int unused)
{
    (void)unused;
    struct pickle_value *callee = NULL, *args = NULL;
    int rc;
    if ((rc = pop(m, &args)) < 0 || (rc = pop(m, &callee)) < 0)
        return rc;
    return call(m, callee, args);
}

/* State for the object on top: attributes, or what means nothing here. */
static int op_build(struct machine *m, int unused)
{
    (void)unused;
    struct pickle_value *state = NULL, *v = NULL;
    int rc;
    if ((rc = pop(m, &state)) < 0 || (rc = top(m, &v)) < 0)
        return rc;
    if (v->kind == PICKLE_OBJECT && state->kind == PICKLE_DICT)
        return append(m, v, state->items, state->n);
    if (v->kind != PICKLE_OBJECT && v->kind != PICKLE_DICT && v->kind != PICKLE_OPAQUE)
        return broken(m, "attributes for something that has none");
    return 0;
}

/* ('storage', type, key, place, number of elements) */
static int op_persistent(struct machine *m, int unused)
{
    (void)unused;
    struct pickle_value *id = NULL, *v = NULL;
    int rc = pop(m, &id);
    if (rc < 0)
        return rc;
    struct pickle_value **a = id->items;
    if (id->kind != PICKLE_TUPLE || id->n < 5 || a[0]->kind != PICKLE_TEXT ||
        !str_eq(a[0]->text, "storage") || a[1]->kind != PICKLE_GLOBAL ||
        a[1]->global->use != USE_STORAGE || a[2]->kind != PICKLE_TEXT || a[4]->kind != PICKLE_INT)
        return broken(m, "a persistent id is not ('storage', type, key, place, elements)");
    if ((rc = push_new(m, PICKLE_STORAGE, &v)) < 0)
        return rc;
    v->storage.dtype = a[1]->global->dtype;
    v->storage.bytes = a[1]->global->bytes;
    v->storage.key = mem_strdup(a[2]->text);
    v->storage.count = a[4]->integer;
    return 0;
}

/* ---- the program ---- */

static int op_protocol(struct machine *m, int unused)
{
    (void)unused;
    uint64_t version;
    int rc = take_number(m, 1, &version);
    if (rc == 0 && (version < 2 || version > 4))
        rc = broken(m, "pickle protocol %llu, expected 2 to 4", (unsigned long long)version);
    return rc;
}

static int op_stop(struct machine *m, int unused)
{
    (void)unused;
    int rc = pop(m, &m->out->root);
    m->stopped = true;
    return rc;
}

static const struct op {
    int (*run)(struct machine *m, int argument);
    int argument;
} ops[256] = {
    [0x80] = {op_protocol, 0},
    ['.'] = {op_stop, 0},
    ['('] = {op_mark, 0},
    ['0'] = {op_pop, 0},
    ['N'] = {op_empty, PICKLE_NONE},
    [')'] = {op_empty, PICKLE_TUPLE},
    [']'] = {op_empty, PICKLE_LIST},
    ['}'] = {op_empty, PICKLE_DICT},
    [0x88] = {op_truth, true},
    [0x89] = {op_truth, false},
    ['K'] = {op_integer, 1},
    ['M'] = {op_integer, 2},
    ['J'] = {op_integer, 4},
    [0x8a] = {op_long, 0},
    ['G'] = {op_float, 0},
    ['X'] = {op_text, 4},
    ['T'] = {op_text, 4},
    [0x8c] = {op_text, 1},
    ['U'] = {op_text, 1},
    ['t'] = {op_tuple, 0},
    [0x85] = {op_tuple_of, 1},
    [0x86] = {op_tuple_of, 2},
    [0x87] = {op_tuple_of, 3},
    ['a'] = {op_item, PICKLE_LIST},
    ['e'] = {op_items, PICKLE_LIST},
    ['s'] = {op_item, PICKLE_DICT},
    ['u'] = {op_items, PICKLE_DICT},
    ['q'] = {op_put, 1},
    ['r'] = {op_put, 4},
    ['h'] = {op_get, 1},
    ['j'] = {op_get, 4},
    ['c'] = {op_global, 0},
    ['R'] = {op_call, 0},
    [0x81] = {op_call, 0},
    ['b'] = {op_build, 0},
    ['Q'] = {op_persistent, 0},
};

int pickle_read(struct pickle *p, const void *data, size_t size, const char *name, struct err *e)
{
    *p = (struct pickle){0};
    if (size > PICKLE_LIMIT)
        return err_set(e, ERR_RANGE, "%s has %zu bytes, more than the limit of %d", name, size,
                       PICKLE_LIMIT);
    struct machine *m = mem_zero(1, sizeof *m);
    m->out = p;
    m->start = m->at = data;
    m->end = m->start + size;
    m->name = name;
    m->e = e;
    int rc = 0;
    while (rc == 0 && !m->stopped) {
        const unsigned char *code = NULL;
        if ((rc = take(m, 1, &code)) < 0)
            break;
        rc = ops[*code].run ? ops[*code].run(m, ops[*code].argument)
                            : broken(m, "opcode 0x%02x is none of those that are read", *code);
    }
    free(m->stack);
    free(m->memo);
    free(m);
    if (rc < 0)
        pickle_release(p);
    return rc;
}

static void value_free(struct pickle_value *v)
{
    switch (v->kind) {
    case PICKLE_TEXT:
        free(v->text);
        break;
    case PICKLE_STORAGE:
        free(v->storage.key);
        break;
    case PICKLE_TUPLE:
    case PICKLE_LIST:
    case PICKLE_DICT:
    case PICKLE_OBJECT:
        free(v->items);
        break;
    default:
        break;
    }
    free(v);
}

void pickle_release(struct pickle *p)
{
    for (size_t i = 0; i < p->n; i++)
        value_free(p->values[i]);
    free(p->values);
    *p = (struct pickle){0};
}

const struct pickle_value *pickle_find(const struct pickle_value *v, const char *key)
{
    if (v->kind != PICKLE_DICT && v->kind != PICKLE_OBJECT)
        return NULL;
    for (size_t i = 0; i < v->n; i += 2)
        if (v->items[i]->kind == PICKLE_TEXT && str_eq(v->items[i]->text, key))
            return v->items[i + 1];
    return NULL;
}
