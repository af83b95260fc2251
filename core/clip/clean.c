/*
 * Cleaning a prompt's text: see clean.h. Each step reads one UTF-8 string and writes the next.
 */
#include "core/clip/clean.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static void add_code(struct str *out, int32_t code)
{
    utf8proc_uint8_t bytes[4];
    str_addn(out, (const char *)bytes, (size_t)utf8proc_encode_char(code, bytes));
}

/* The code point at text[*at], and step over it. The text is valid. */
static int32_t next_code(const char *text, size_t size, size_t *at)
{
    utf8proc_int32_t code = 0;
    *at += (size_t)utf8proc_iterate((const utf8proc_uint8_t *)text + *at,
                                    (utf8proc_ssize_t)(size - *at), &code);
    return code;
}

static int check_utf8(const char *text, struct err *e)
{
    const size_t size = strlen(text);
    for (size_t at = 0; at < size;) {
        utf8proc_int32_t code;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                              (utf8proc_ssize_t)(size - at), &code);
        if (n <= 0) {
            char *shown = str_visible(text);
            err_set(e, ERR_PARSE, "text '%.200s' is not valid UTF-8 at byte %zu", shown, at);
            free(shown);
            return e->code;
        }
        at += (size_t)n;
    }
    return 0;
}

/* Unicode's White_Space. */
static bool is_space(int32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

/* Code points that ftfy replaces by one character, by nothing (0) or by their compatibility
 * decomposition (COMPAT). */
enum { COMPAT = -1 };
static const struct repair {
    int32_t first, last, to;
} repairs[] = {
    {0x00, 0x08, 0},        {0x0b, 0x0b, 0},          {0x0e, 0x1f, 0},
    {0x7f, 0x7f, 0},        {0x132, 0x133, COMPAT},   {0x149, 0x149, COMPAT}, // ij, 'n
    {0x1c4, 0x1cc, COMPAT}, {0x1f1, 0x1f3, COMPAT},                           // dz, lj, nj
    {0x2bc, 0x2bc, '\''},   {0x2018, 0x201b, '\''},   {0x201c, 0x201f, '"'},
    {0x206a, 0x206f, 0},    {0x3000, 0x3000, ' '},    {0xfb00, 0xfb06, COMPAT}, // ff, fi, fl, st
    {0xfeff, 0xfeff, 0},    {0xff01, 0xffef, COMPAT},                           // full, half width
    {0xfff9, 0xfffc, 0},
};

/* Length of a terminal escape (ESC [ digits and semicolons, a letter) at `text`, or 0. */
static size_t escape_length(const char *text)
{
    if (text[0] != 0x1b || text[1] != '[')
        return 0;
    size_t n = 2 + strspn(text + 2, "0123456789;");
    const char letter = text[n] | 0x20;
    return letter >= 'a' && letter <= 'z' ? n + 1 : 0;
}

static void repair_code(struct str *out, int32_t code)
{
    const struct repair *found = NULL;
    for (size_t i = 0; i < sizeof repairs / sizeof *repairs; i++)
        if (code >= repairs[i].first && code <= repairs[i].last)
            found = &repairs[i];
    if (!found) {
        add_code(out, code);
    } else if (found->to == COMPAT) {
        enum { LONGEST = 18 }; // of any code point's decomposition
        utf8proc_int32_t parts[LONGEST];
        int boundary = 0;
        const utf8proc_ssize_t n = utf8proc_decompose_char(
            code, parts, LONGEST, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &boundary);
        if (n == 1 && parts[0] == code) // unassigned, or it has no other form
            add_code(out, code);
        else
            for (utf8proc_ssize_t i = 0; i < n; i++)
                repair_code(out, parts[i]); // U+0149 is a curly quote and n
    } else if (found->to) {
        add_code(out, found->to);
    }
}

static void repair(struct str *out, const struct str *in)
{
    for (size_t at = 0; at < in->size;) {
        const size_t escape = escape_length(in->data + at);
        if (escape)
            at += escape;
        else
            repair_code(out, next_code(in->data, in->size, &at));
    }
}

static int compose(struct str *out, const struct str *in, struct err *e)
{
    utf8proc_uint8_t *text = NULL;
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)in->data, (utf8proc_ssize_t)in->size, &text,
                     UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (n < 0)
        return err_set(e, ERR_MEMORY, "unable to normalise text: %s", utf8proc_errmsg(n));
    str_addn(out, (const char *)text, (size_t)n);
    free(text);
    return 0;
}

/* HTML's named entities; `bare`: also without the semicolon, before something that is neither
 * letter nor digit. */
static const struct entity {
    const char *name;
    bool bare;
    int32_t code;
} entities[] = {
    {"amp", true, '&'},    {"AMP", true, '&'},   {"lt", true, '<'},   {"LT", true, '<'},
    {"gt", true, '>'},     {"GT", true, '>'},    {"quot", true, '"'}, {"QUOT", true, '"'},
    {"apos", false, '\''}, {"nbsp", true, 0xa0},
};

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* What a numeric reference stands for, by HTML's rules: C1 controls are read as Windows-1252, what
 * cannot be a character becomes U+FFFD, other controls and non-characters nothing (0). */
static int32_t reference_code(uint32_t n)
{
    static const uint16_t windows[32] = {
        0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
        0x2039, 0x0152, 0x8d,   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178};
    if (n >= 0x80 && n <= 0x9f)
        return windows[n - 0x80];
    if (n == 0 || n > 0x10ffff || (n >= 0xd800 && n <= 0xdfff))
        return 0xfffd;
    if (n < 0x09 || n == 0x0b || (n >= 0x0e && n <= 0x1f) || n == 0x7f ||
        (n >= 0xfdd0 && n <= 0xfdef) || (n & 0xfffe) == 0xfffe)
        return 0;
    return (int32_t)n;
}

/* "&#65;", "&#x41;": the length of the reference at `text`, or 0. */
static size_t numeric_entity(const char *text, int32_t *code)
{
    if (text[0] != '&' || text[1] != '#')
        return 0;
    const bool hex = text[2] == 'x' || text[2] == 'X';
    const char *first = text + (hex ? 3 : 2), *p = first;
    uint32_t n = 0;
    for (; is_alnum(*p); p++) {
        const uint32_t digit =
            *p <= '9' ? (uint32_t)(*p - '0') : (uint32_t)((*p | 0x20) - 'a') + 10;
        if (digit >= (hex ? 16U : 10U))
            break;
        n = n > 0x10ffff ? n : n * (hex ? 16U : 10U) + digit;
    }
    if (p == first)
        return 0;
    *code = reference_code(n);
    return (size_t)(p - text) + (*p == ';');
}

static size_t named_entity(const char *text, int32_t *code)
{
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        const size_t n = strlen(entities[i].name);
        if (strncmp(text + 1, entities[i].name, n) != 0)
            continue;
        const char after = text[1 + n];
        if (after != ';' && (!entities[i].bare || is_alnum(after)))
            continue;
        *code = entities[i].code;
        return 1 + n + (after == ';');
    }
    return 0;
}

static void unescape(struct str *out, const struct str *in)
{
    for (const char *p = in->data; *p;) {
        int32_t code = 0;
        size_t n = *p == '&' ? numeric_entity(p, &code) : 0;
        if (*p == '&' && !n)
            n = named_entity(p, &code);
        if (!n)
            str_addc(out, *p++);
        else if (code)
            add_code(out, code);
        p += n;
    }
}

/* Runs of whitespace become one space; none at the ends. */
static void collapse(struct str *out, const struct str *in)
{
    bool space = false;
    for (size_t at = 0; at < in->size;) {
        const int32_t code = next_code(in->data, in->size, &at);
        if (is_space(code)) {
            space = out->size > 0;
            continue;
        }
        if (space)
            str_addc(out, ' ');
        space = false;
        add_code(out, code);
    }
}

static bool is_cased(int32_t c)
{
    const utf8proc_category_t category = utf8proc_category(c);
    return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
           category == UTF8PROC_CATEGORY_LT;
}

/* What the final-sigma rule looks through: marks, format characters, modifiers, word-inner dots. */
static bool is_case_ignorable(int32_t c)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        return c == '\'' || c == '.' || c == ':' || c == 0xb7 || c == 0x2019 || c == 0x2024 ||
               c == 0x2027;
    }
}

/* Is the sigma that ends at byte `after` the last letter of its word? `before`: a cased letter
 * comes before it. */
static bool is_final_sigma(const struct str *in, size_t after, bool before)
{
    while (before && after < in->size) {
        const int32_t code = next_code(in->data, in->size, &after);
        if (!is_case_ignorable(code))
            return !is_cased(code);
    }
    return before;
}

static void lower(struct str *out, const struct str *in)
{
    bool cased = false; // the last character that is not case-ignorable is a cased letter
    for (size_t at = 0; at < in->size;) {
        const int32_t code = next_code(in->data, in->size, &at);
        if (code == 0x130) { // the one letter whose lower case is two characters
            add_code(out, 'i');
            add_code(out, 0x307);
        } else if (code == 0x3a3) {
            add_code(out, is_final_sigma(in, at, cased) ? 0x3c2 : 0x3c3);
        } else {
            add_code(out, utf8proc_tolower(code));
        }
        if (!is_case_ignorable(code))
            cased = is_cased(code);
    }
}

/* A step's output becomes the next one's input. */
static void turn(struct str *in, struct str *out)
{
    const struct str old = *in;
    *in = *out;
    *out = old;
    str_clear(out);
}

int clean_text(struct str *out, const char *text, struct err *e)
{
    struct str now = STR_INIT, next = STR_INIT;
    int rc = check_utf8(text, e);
    if (rc < 0)
        goto out;
    str_add(&now, text);
    if (!strchr(text, '<')) { // ftfy unescapes what holds no tag
        unescape(&next, &now);
        turn(&now, &next);
    }
    repair(&next, &now);
    turn(&now, &next);
    if ((rc = compose(&next, &now, e)) < 0)
        goto out;
    turn(&now, &next);
    for (int i = 0; i < 2; i++) {
        unescape(&next, &now);
        turn(&now, &next);
    }
    collapse(&next, &now);
    str_clear(out);
    lower(out, &next);
out:
    str_release(&now);
    str_release(&next);
    return rc;
}
