/* See escape.h. */
#include "results/escape.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A code point of valid UTF-8; *p moves behind it. */
static uint32_t next_point(const char **p)
{
    const unsigned char *c = (const unsigned char *)*p;
    int n = *c < 0x80 ? 1 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : 4;
    uint32_t point = n == 1 ? *c : *c & (0xffu >> (n + 1));
    for (int i = 1; i < n; i++)
        point = point << 6 | (c[i] & 0x3f);
    *p += n;
    return point;
}

/* Invisible marks that make text read otherwise than it is stored. */
static bool turns_text(uint32_t point)
{
    return point == 0x061c || (point >= 0x200b && point <= 0x200f) ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
           point == 0xfeff;
}

void escape_text(struct str *out, const char *text)
{
    char *visible = str_visible(text);
    for (const char *p = visible, *at = p; *p; at = p) {
        if (!turns_text(next_point(&p)))
            str_addn(out, at, (size_t)(p - at));
        else
            for (; at < p; at++)
                str_addf(out, "\\x%02x", (unsigned char)*at);
    }
    free(visible);
}

/* ---- signs that a target takes for its own, and what stands for them ---- */

struct sign {
    char sign;
    const char *text;
};

static const char *find_sign(const struct sign *signs, char sign)
{
    for (; signs->sign; signs++)
        if (signs->sign == sign)
            return signs->text;
    return NULL;
}

static void replace(struct str *out, const char *text, const struct sign *signs)
{
    struct str visible = STR_INIT;
    escape_text(&visible, text);
    for (const char *c = visible.data; *c; c++) {
        const char *instead = find_sign(signs, *c);
        if (instead)
            str_add(out, instead);
        else
            str_addc(out, *c);
    }
    str_release(&visible);
}

void escape_markdown(struct str *out, const char *text)
{
    static const struct sign signs[] = {
        {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'\\', "\\\\"}, {'`', "\\`"},
        {'*', "\\*"},   {'_', "\\_"},  {'|', "\\|"},  {'[', "\\["},   {']', "\\]"},
        {'#', "\\#"},   {'~', "\\~"},  {'$', "\\$"},  {0, NULL},
    };
    replace(out, text, signs);
}

void escape_html(struct str *out, const char *text)
{
    static const struct sign signs[] = {{'&', "&amp;"},  {'<', "&lt;"},   {'>', "&gt;"},
                                        {'"', "&quot;"}, {'\'', "&#39;"}, {0, NULL}};
    replace(out, text, signs);
}

/* ---- LaTeX ---- */

static const struct sign latex_signs[] = {
    {'\\', "\\textbackslash{}"},
    {'{', "\\{"},
    {'}', "\\}"},
    {'$', "\\$"},
    {'&', "\\&"},
    {'#', "\\#"},
    {'_', "\\_"},
    {'%', "\\%"},
    {'~', "\\textasciitilde{}"},
    {'^', "\\textasciicircum{}"},
    {'<', "\\textless{}"},
    {'>', "\\textgreater{}"},
    {'|', "\\textbar{}"},
    {'"', "\\symbol{34}"}, // babel makes the sign itself active
    {'`', "\\textasciigrave{}"},
    {0, NULL},
};

/* Beyond ASCII: what every LaTeX sets with its first font encoding. */
static const char *latex_point(uint32_t point)
{
    static const struct {
        uint32_t point;
        const char *text;
    } points[] = {
        {0xb1, "$\\pm$"},    {0xb5, "$\\mu$"},      {0xd7, "$\\times$"}, {0x2013, "--"},
        {0x2014, "---"},     {0x2018, "`{}"},       {0x2019, "'{}"},     {0x201c, "``"},
        {0x201d, "''"},      {0x2026, "\\ldots{}"}, {0x2192, "$\\to$"},  {0x2212, "$-$"},
        {0x2264, "$\\leq$"}, {0x2265, "$\\geq$"},
    };
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++)
        if (points[i].point == point)
            return points[i].text;
    return NULL;
}

/* Latin letters with accents, but for eth and thorn, which the first encoding lacks. */
static bool latex_letter(uint32_t point)
{
    return point >= 0xc0 && point <= 0xff && point != 0xd0 && point != 0xd7 && point != 0xde &&
           point != 0xf0 && point != 0xf7 && point != 0xfe;
}

void escape_latex(struct str *out, const char *text)
{
    struct str visible = STR_INIT;
    escape_text(&visible, text);
    for (const char *p = visible.data, *at = p; *p; at = p) {
        uint32_t point = next_point(&p);
        const char *instead =
            point < 0x80 ? find_sign(latex_signs, (char)point) : latex_point(point);
        if (instead)
            str_add(out, instead);
        else if (point < 0x80 || latex_letter(point))
            str_addn(out, at, (size_t)(p - at));
        else
            str_addf(out, "[U+%04X]", point);
        if (point < 0x80 && strchr("-,'", (int)point) && *p == (char)point)
            str_add(out, "{}"); // two of these would be another sign
    }
    str_release(&visible);
}

/* ---- CSV ---- */

void escape_csv(struct str *out, const char *text)
{
    // RFC 4180 quotes, and a ' before what a spreadsheet would take for a formula
    bool formula = *text && strchr("=+-@\t\r", *text);
    bool quote = formula || text[strcspn(text, "\",\r\n")];
    str_add(out, quote ? "\"" : "");
    str_add(out, formula ? "'" : "");
    for (; *text; text++) {
        if (*text == '"')
            str_addc(out, '"');
        str_addc(out, *text);
    }
    str_add(out, quote ? "\"" : "");
}
