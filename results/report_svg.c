/*
 * A figure's SVG file as part of a page: see report.h. The file comes from the program that draws,
 * whose output is well-formed; still only what drawings need is let through, so that a name which
 * somehow became an element or a script cannot act in the page.
 */
#include "results/report.h"

#include "core/base/mem.h"
#include "results/escape.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const elements[] = {
    "svg",     "g",           "path",     "text",           "tspan", "rect",     "circle", "line",
    "use",     "polygon",     "polyline", "ellipse",        "defs",  "clipPath", "image",  "filter",
    "feFlood", "feComposite", "pattern",  "linearGradient", "stop",  NULL};
static const char *const skipped[] = {"title", "desc", NULL}; // with what they hold: tool tips
static const char *const image_data = "data:image/png;base64,";

static bool is_in(const char *const *list, const char *name, size_t size)
{
    for (; *list; list++)
        if (strlen(*list) == size && memcmp(*list, name, size) == 0)
            return true;
    return false;
}

/* The '>' that ends the tag at `at`, quotes respected; NULL when there is none. */
static const char *tag_end(const char *at)
{
    char quote = 0;
    for (; *at; at++) {
        if (quote)
            quote = *at == quote ? 0 : quote;
        else if (*at == '"' || *at == '\'')
            quote = *at;
        else if (*at == '>')
            return at;
    }
    return NULL;
}

/* The value of an attribute with its references moved into the figure's own names. */
static int put_value(struct str *out, const char *name, char *value, const char *prefix,
                     struct err *e)
{
    bool link = str_eq(name, "href") || str_eq(name, "xlink:href");
    char *url = strstr(value, "url(");
    if (link && *value == '#')
        str_addf(out, " href=\"#%s%s\"", prefix, value + 1);
    else if (link && str_starts(value, image_data))
        str_addf(out, " href=\"%s\"", value);
    else if (link || (url && !str_starts(url, "url(#")))
        return err_set(e, ERR_PARSE, "a figure refers to '%.40s'", value);
    else if (str_eq(name, "id"))
        str_addf(out, " id=\"%s%s\"", prefix, value);
    else if (url)
        str_addf(out, " %s=\"%.*surl(#%s%s\"", name, (int)(url - value), value, prefix, url + 5);
    else
        str_addf(out, " %s=\"%s\"", name, value);
    return 0;
}

/* name='value' pairs between `at` and `end`. */
static int put_attributes(struct str *out, const char *at, const char *end, const char *prefix,
                          struct err *e)
{
    int rc = 0;
    while (rc == 0) {
        while (at < end && (isspace((unsigned char)*at) || *at == '/'))
            at++;
        const char *name = at;
        while (at < end && (isalnum((unsigned char)*at) || strchr("-_:", *at)))
            at++;
        size_t size = (size_t)(at - name);
        if (at >= end && !size)
            return 0;
        while (at < end && isspace((unsigned char)*at)) // as in "fill = 'red'"
            at++;
        bool equals = at < end && *at == '=';
        while (at < end && (*at == '=' || isspace((unsigned char)*at)))
            at++;
        if (!equals || at >= end || (*at != '"' && *at != '\''))
            return err_set(e, ERR_PARSE, "a figure's attribute '%.*s' has no value", (int)size,
                           name);
        const char *value = at + 1, *last = strchr(value, *at);
        char *key = mem_strndup(name, size), *text = mem_strndup(value, (size_t)(last - value));
        at = last + 1;
        bool event = str_starts(key, "on"), space = str_starts(key, "xmlns");
        if (event || strpbrk(text, "<\""))
            rc = err_set(e, ERR_PARSE, "a figure has the attribute '%s'", key);
        else if (!space)
            rc = put_value(out, key, text, prefix, e);
        free(key);
        free(text);
    }
    return rc;
}

int report_svg(const char *svg, const char *prefix, const char *title, struct str *out,
               struct err *e)
{
    const char *at = strstr(svg, "<svg");
    bool first = true;
    if (!at)
        return err_set(e, ERR_PARSE, "a figure is no SVG");
    while (*at) {
        if (*at != '<') {
            str_addc(out, *at++);
            continue;
        }
        bool closing = at[1] == '/';
        const char *name = at + 1 + closing, *end = tag_end(at);
        size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
        if (end && is_in(skipped, name, size)) {
            const char *close = strstr(end, "</");
            at = closing || end[-1] == '/' || !close ? end + 1 : close;
            continue;
        }
        if (!end || !is_in(elements, name, size))
            return err_set(e, ERR_PARSE, "a figure has the element '%.*s'", (int)size, name);
        str_addf(out, "<%s%.*s", closing ? "/" : "", (int)size, name);
        if (first) {
            str_add(out, " role=\"img\" aria-label=\"");
            escape_html(out, title);
            str_addc(out, '"');
            first = false;
        }
        if (!closing && put_attributes(out, name + size, end, prefix, e) < 0)
            return e->code;
        str_add(out, end[-1] == '/' ? "/>" : ">");
        at = end + 1;
    }
    return 0;
}
