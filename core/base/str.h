/*
 * Text: a growing string, and small questions about names.
 *
 * `struct str` starts as STR_INIT, is always terminated, and `data` is never NULL (an empty string
 * points at a shared ""). str_release frees it and leaves it empty and usable.
 */
#ifndef PROMPTGRID_BASE_STR_H
#define PROMPTGRID_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

extern char str_empty[1];

struct str {
    char *data;      // terminated; str_empty while capacity is 0
    size_t size;     // bytes before the terminator
    size_t capacity; // bytes allocated, 0 = none
};

#define STR_INIT                                                                                   \
    {                                                                                              \
        str_empty, 0, 0                                                                            \
    }

void str_add(struct str *s, const char *text);
void str_addn(struct str *s, const char *text, size_t bytes);
void str_addc(struct str *s, char c);
void str_addf(struct str *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void str_pad(struct str *s, size_t columns, char fill); // append `fill` until `columns` were added
void str_clear(struct str *s);                          // empty, keep the memory
void str_release(struct str *s);
char *str_detach(struct str *s); // the text, yours to free(); `s` is empty again

bool str_eq(const char *a, const char *b); // both may be NULL
bool str_starts(const char *text, const char *prefix);
bool str_ends(const char *text, const char *suffix);

/* A new formatted string, yours to free(). */
char *str_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Terminal columns of UTF-8 `text`: code points, combining marks counted as none. */
size_t str_columns(const char *text);

/* `text` with control characters, newlines and invalid UTF-8 shown as \xNN; yours to free(). */
char *str_visible(const char *text);

/* Edit distance (insert, delete, replace, swap of neighbours count 1 each). */
size_t str_distance(const char *a, const char *b);

/* The name nearest to `word` among `n` names, or NULL when none is within a third of its length
 * (at least 1, at most 3 edits). `names` is an array of `const char *` spaced `stride` bytes. */
const char *str_nearest(const char *word, const void *names, size_t n, size_t stride);

/* `value` with that many decimals, halves away from zero as people round: 66.25 -> "66.3", where
 * printf gives "66.2". Within 1e-9 of a half counts as a half. */
void str_add_decimal(struct str *s, double value, int decimals);

/* Whole text as a number, nothing before or after it; false when it is not one or out of range. */
bool str_to_long(const char *text, long min, long max, long *out);
bool str_to_double(const char *text, double *out);

#endif
