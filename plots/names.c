/*
 * Names in gnuplot scripts and in the LaTeX that gnuplot writes: see layout.h.
 *
 * Every name is assigned to a variable as a string in which only letters, digits and harmless signs
 * stand for themselves, so nothing is left that gnuplot could take for a quote, a backtick, a
 * macro, a brace or an escape. (Doubling single quotes is not enough: gnuplot 5.4 takes two of them
 * at the start of a string for the empty string.) The plot commands use only these variables, and
 * the terminals are "noenhanced".
 */
#include "plots/layout.h"

#include "core/base/mem.h"
#include "results/escape.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char plot__more[] = ", \\\n        ";

double plot__text_width(const char *text)
{
    return 0.15 * (double)str_columns(text);
}

void plot__quote(struct str *out, const char *name)
{
    static const char harmless[] = " ()%,.:;/+-=_*<>|~?&";
    char *shown = str_visible(name);
    str_addc(out, '"');
    for (const unsigned char *c = (const unsigned char *)shown; *c; c++)
        if (*c >= 0x80 || isalnum(*c) || strchr(harmless, *c))
            str_addc(out, (char)*c);
        else
            str_addf(out, "\\%03o", *c);
    str_addc(out, '"');
    free(shown);
}

char *plot__shorten(const char *name, size_t columns)
{
    char *shown = str_visible(name);
    if (str_columns(shown) <= columns)
        return shown;
    size_t length = strlen(shown);
    do {
        do
            length--;
        while (length && ((unsigned char)shown[length] & 0xc0) == 0x80);
        shown[length] = 0;
    } while (length && str_columns(shown) > columns - 1);
    char *cut = str_format("%s\xe2\x80\xa6", shown); // U+2026
    free(shown);
    return cut;
}

/* "text", for LaTeX when the layout says so. */
static void add_text(struct str *out, const struct plot__layout *l, const char *text)
{
    struct str latex = STR_INIT;
    if (l->latex)
        escape_latex(&latex, text);
    plot__quote(out, l->latex ? latex.data : text);
    str_release(&latex);
}

void plot__assign(struct str *out, const struct plot__layout *l, const char *variable,
                  const char *text)
{
    str_addf(out, "%s%s = ", l->latex ? "        " : "", variable);
    add_text(out, l, text);
    str_addc(out, '\n');
}

bool plot__wraps(const char *text, double room)
{
    return 1.15 * plot__text_width(text) > room && strstr(text, ", ");
}

void plot__assign_wrapped(struct str *out, const struct plot__layout *l, const char *variable,
                          const char *text, double room)
{
    if (!plot__wraps(text, room)) {
        plot__assign(out, l, variable, text);
        return;
    }
    const char *comma = strstr(text, ", ");
    char *first = mem_strndup(text, (size_t)(comma - text) + 1);
    str_addf(out, "%s%s = ", l->latex ? "        " : "", variable);
    add_text(out, l, first);
    str_add(out, ".\"\\n\".");
    add_text(out, l, comma + 2);
    str_addc(out, '\n');
    free(first);
}

void plot__assign_at(struct str *out, const struct plot__layout *l, const char *variable,
                     size_t number, const char *text)
{
    char *name = str_format("%s%zu", variable, number);
    plot__assign(out, l, name, text);
    free(name);
}
