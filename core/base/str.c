/* Growing strings and name questions: see str.h. */
#include "core/base/str.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char str_empty[1];

static void reserve(struct str *s, size_t extra)
{
    size_t need = s->size + extra + 1;
    if (need <= s->capacity)
        return;
    size_t capacity = s->capacity ? s->capacity : 64;
    while (capacity < need)
        capacity *= 2;
    s->data = mem_grow(s->capacity ? s->data : NULL, capacity, 1);
    s->capacity = capacity;
}

void str_addn(struct str *s, const char *text, size_t bytes)
{
    reserve(s, bytes);
    memcpy(s->data + s->size, text, bytes);
    s->size += bytes;
    s->data[s->size] = 0;
}

void str_add(struct str *s, const char *text)
{
    str_addn(s, text, strlen(text));
}

void str_addc(struct str *s, char c)
{
    str_addn(s, &c, 1);
}

static void add_va(struct str *s, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    size_t room = s->capacity - s->size; // 0 of an empty string
    int n = vsnprintf(room ? s->data + s->size : NULL, room, format, args);
    if ((size_t)n >= room) {
        reserve(s, (size_t)n);
        vsnprintf(s->data + s->size, (size_t)n + 1, format, again);
    }
    s->size += (size_t)n;
    va_end(again);
}

void str_addf(struct str *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_va(s, format, args);
    va_end(args);
}

void str_pad(struct str *s, size_t columns, char fill)
{
    reserve(s, columns);
    memset(s->data + s->size, fill, columns);
    s->size += columns;
    s->data[s->size] = 0;
}

void str_clear(struct str *s)
{
    s->size = 0;
    if (s->capacity)
        s->data[0] = 0;
}

void str_release(struct str *s)
{
    if (s->capacity)
        free(s->data);
    *s = (struct str)STR_INIT;
}

char *str_detach(struct str *s)
{
    char *text = s->capacity ? s->data : mem_strdup("");
    *s = (struct str)STR_INIT;
    return text;
}

bool str_eq(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);
    return n >= m && memcmp(text + n - m, suffix, m) == 0;
}

char *str_format(const char *format, ...)
{
    struct str s = STR_INIT;
    va_list args;
    va_start(args, format);
    add_va(&s, format, args);
    va_end(args);
    return str_detach(&s);
}

/* Length of the UTF-8 sequence at `p`, or 0 when it is not one. */
static size_t utf8_length(const unsigned char *p)
{
    size_t n = *p < 0x80                 ? 1
               : *p >= 0xc2 && *p < 0xe0 ? 2
               : *p >= 0xe0 && *p < 0xf0 ? 3
               : *p >= 0xf0 && *p < 0xf5 ? 4
                                         : 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    // Longer than needed, a surrogate, or above U+10FFFF: the second byte tells.
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
        (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

size_t str_columns(const char *text)
{
    size_t columns = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t n = utf8_length(p);
        // U+0300..U+036F: combining marks take no column of their own.
        if (!(n == 2 && ((p[0] == 0xcc) || (p[0] == 0xcd && p[1] <= 0xaf))))
            columns++;
        p += n ? n : 1;
    }
    return columns;
}

char *str_visible(const char *text)
{
    struct str s = STR_INIT;
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t n = utf8_length(p);
        bool control = *p < 0x20 || *p == 0x7f || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
        if (n && !control)
            str_addn(&s, (const char *)p, n);
        else
            for (size_t i = 0; i < (n ? n : 1); i++)
                str_addf(&s, "\\x%02x", p[i]);
        p += n ? n : 1;
    }
    return str_detach(&s);
}

size_t str_distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST)
        return n > m ? n : m;
    size_t row[3][LONGEST + 1]; // the last three rows of the table, by i mod 3
    for (size_t j = 0; j <= m; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = row[i % 3], *above = row[(i + 2) % 3], *two = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two[j - 2] + 1 < best)
                best = two[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

const char *str_nearest(const char *word, const void *names, size_t n, size_t stride)
{
    size_t limit = (strlen(word) + 2) / 3;
    limit = limit > 3 ? 3 : limit < 1 ? 1 : limit;
    const char *best = NULL;
    size_t best_distance = limit + 1;
    for (size_t i = 0; i < n; i++) {
        const char *name;
        memcpy(&name, (const char *)names + i * stride, sizeof name);
        size_t distance = name ? str_distance(word, name) : best_distance;
        if (distance < best_distance) {
            best_distance = distance;
            best = name;
        }
    }
    return best;
}

void str_add_decimal(struct str *s, double value, int decimals)
{
    double unit = pow(10, decimals), scaled = floor(fabs(value) * unit + 0.5 + 1e-9);
    if (isfinite(scaled) && scaled < 1e15)
        value = (value < 0 && scaled > 0 ? -scaled : scaled) / unit;
    str_addf(s, "%.*f", decimals, value);
}

bool str_to_long(const char *text, long min, long max, long *out)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end || errno || isspace((unsigned char)*text) || value < min || value > max)
        return false;
    *out = value;
    return true;
}

bool str_to_double(const char *text, double *out)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || isspace((unsigned char)*text) || !isfinite(value))
        return false;
    *out = value;
    return true;
}
