/*
 * Canonical text: see spec.h. As Jansson writes compact JSON with sorted keys and 15 digits, which
 * the ids of all runs rest on, but for the detours: a plan hashes every run of a grid.
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 64 }; // members of an object that need no memory of their own

static void add_value(struct str *out, const json_t *value);

static void add_text(struct str *out, const char *text, size_t size)
{
    str_addc(out, '"');
    for (size_t i = 0, from = 0; i <= size; i++) {
        unsigned char c = i < size ? (unsigned char)text[i] : 0;
        if (i < size && c >= 0x20 && c != '"' && c != '\\')
            continue;
        str_addn(out, text + from, i - from);
        from = i + 1;
        if (i == size)
            break;
        static const char named[] = "\"\"\\\\b\bf\fn\nr\rt\t"; // letter, what it stands for
        const char *name = named;
        while (*name && name[1] != (char)c)
            name += 2;
        if (*name)
            str_addf(out, "\\%c", *name);
        else
            str_addf(out, "\\u%04X", c);
    }
    str_addc(out, '"');
}

/* A real has a point or an exponent, and the exponent neither a plus nor leading zeros. */
static void add_real(struct str *out, double value)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%.15g", value);
    char *e = strchr(text, 'e');
    if (e) {
        char *to = e + 1, *from = to + 1; // behind the sign
        to += *to == '-';
        from += strspn(from, "0");
        memmove(to, from, strlen(from) + 1);
        size = (int)strlen(text);
    }
    str_addn(out, text, (size_t)size);
    if (!e && !strchr(text, '.'))
        str_add(out, ".0");
}

struct member {
    const char *key;
    const json_t *value;
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

static void add_object(struct str *out, const json_t *object)
{
    struct member few[FEW], *members = few;
    const char *key;
    size_t n = 0, size = json_object_size(object);
    json_t *value;
    if (size > FEW)
        members = mem_alloc(size, sizeof *members);
    json_object_foreach((json_t *)object, key, value)
    {
        members[n++] = (struct member){key, value};
    }
    qsort(members, n, sizeof *members, by_key);
    str_addc(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i)
            str_addc(out, ',');
        add_text(out, members[i].key, strlen(members[i].key));
        str_addc(out, ':');
        add_value(out, members[i].value);
    }
    str_addc(out, '}');
    if (members != few)
        free(members);
}

static void add_array(struct str *out, const json_t *array)
{
    str_addc(out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i)
            str_addc(out, ',');
        add_value(out, json_array_get(array, i));
    }
    str_addc(out, ']');
}

static void add_value(struct str *out, const json_t *value)
{
    char number[24];
    int size;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        add_object(out, value);
        break;
    case JSON_ARRAY:
        add_array(out, value);
        break;
    case JSON_STRING:
        add_text(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        size = snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        str_addn(out, number, (size_t)size);
        break;
    case JSON_REAL:
        add_real(out, json_real_value(value));
        break;
    default:
        str_add(out, json_is_null(value) ? "null" : json_is_true(value) ? "true" : "false");
    }
}

char *spec_text(const json_t *spec)
{
    struct str out = STR_INIT;
    BUG_IF(!spec);
    add_value(&out, spec);
    return str_detach(&out);
}

void spec_id(const json_t *spec, char out[HASH_HEX])
{
    char *text = spec_text(spec);
    hash_bytes(out, text, strlen(text));
    free(text);
}
