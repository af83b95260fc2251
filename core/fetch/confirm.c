/* Reading the page: see confirm.h. Enough of HTML for one form: tags, attributes in quotes, the
 * five named characters. */
#include "core/fetch/confirm.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

enum { TITLE_LIMIT = 100 };

/* `text` of n bytes with &amp; and its like as the characters they stand for. */
static char *unescape(const char *text, size_t n)
{
    static const struct {
        const char *name;
        char c;
    } named[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}};
    char *out = mem_alloc(n + 1, 1);
    size_t size = 0;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        for (size_t k = 0; c == '&' && k < sizeof named / sizeof named[0]; k++) {
            size_t length = strlen(named[k].name);
            if (n - i >= length && !strncmp(text + i, named[k].name, length)) {
                c = named[k].c;
                i += length - 1;
                break;
            }
        }
        out[size++] = c;
    }
    out[size] = 0;
    return out;
}

/* The value of `name="..."` within the tag that starts at `tag`; NULL when it has none. */
static char *attribute(const char *tag, const char *name)
{
    const char *end = strchr(tag, '>');
    char *wanted = str_format(" %s=\"", name), *value = NULL;
    const char *at = strstr(tag, wanted);
    if (end && at && at < end) {
        at += strlen(wanted);
        const char *quote = strchr(at, '"');
        if (quote && quote < end)
            value = unescape(at, (size_t)(quote - at));
    }
    free(wanted);
    return value;
}

/* The form's tag. */
static const char *find_form(const char *page)
{
    for (const char *form = page; (form = strstr(form, "<form ")); form++) {
        char *id = attribute(form, "id");
        const bool found = str_eq(id, "download-form");
        free(id);
        if (found)
            return form;
    }
    return NULL;
}

/* "?name=value&..." of the hidden fields between the form's start and its end. */
static void add_fields(struct str *out, const char *form)
{
    const char *end = strstr(form, "</form>");
    for (const char *tag = form; end && (tag = strstr(tag, "<input ")) && tag < end; tag++) {
        char *type = attribute(tag, "type"), *name = attribute(tag, "name"),
             *value = attribute(tag, "value");
        if (str_eq(type, "hidden") && name && value) {
            char *left = curl_easy_escape(NULL, name, 0), *right = curl_easy_escape(NULL, value, 0);
            str_addf(out, "%c%s=%s", out->size ? '&' : '?', left, right);
            curl_free(left);
            curl_free(right);
        }
        free(type);
        free(name);
        free(value);
    }
}

/* `action`, as a link in a page of `url` is read. */
static char *absolute(const char *url, const char *action)
{
    CURLU *u = curl_url();
    char *text = NULL, *out = NULL;
    if (u && !curl_url_set(u, CURLUPART_URL, url, 0) &&
        !curl_url_set(u, CURLUPART_URL, action, 0) && !curl_url_get(u, CURLUPART_URL, &text, 0))
        out = mem_strdup(text);
    curl_free(text);
    curl_url_cleanup(u);
    return out;
}

char *confirm_url(const char *page, const char *url)
{
    const char *form = find_form(page);
    char *action = form ? attribute(form, "action") : NULL, *out = NULL;
    struct str fields = STR_INIT;
    if (action) {
        char *address = absolute(url, action);
        add_fields(&fields, form);
        if (address)
            out = str_format("%s%s", address, fields.data);
        free(address);
    }
    str_release(&fields);
    free(action);
    return out;
}

char *confirm_title(const char *page)
{
    const char *start = strstr(page, "<title>"), *end = start ? strstr(start, "</title>") : NULL;
    if (!end)
        return NULL;
    start += strlen("<title>");
    size_t n = (size_t)(end - start);
    char *text = unescape(start, n < TITLE_LIMIT ? n : TITLE_LIMIT), *visible = str_visible(text);
    free(text);
    return visible;
}
