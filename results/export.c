/* The choice of format, and what frames several tables in one file. */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/table_model.h"

#include <stdlib.h>
#include <string.h>

static void put_text(const struct table *t, size_t width, struct str *out)
{
    export_text(t, width, false, out);
}

static void put_terminal(const struct table *t, size_t width, struct str *out)
{
    export_text(t, width, true, out);
}

static void put_markdown(const struct table *t, size_t width, struct str *out)
{
    (void)width;
    export_markdown(t, out);
}

static void put_csv(const struct table *t, size_t width, struct str *out)
{
    (void)width;
    export_csv(t, out);
}

static void put_html(const struct table *t, size_t width, struct str *out)
{
    (void)width;
    export_html(t, out);
}

static const struct {
    const char *name;
    void (*put)(const struct table *t, size_t width, struct str *out);
} formats[] = {
    {"text", put_text}, {"markdown", put_markdown}, {"latex", export_latex},
    {"csv", put_csv},   {"html", put_html},         {"terminal", put_terminal},
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

const char *table_format_name(size_t i)
{
    return i + 1 < FORMATS ? formats[i].name : NULL; // the terminal is no file
}

int table_format(const struct table *t, const char *format, int width, struct str *out,
                 struct err *e)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (str_eq(format, formats[i].name)) {
            formats[i].put(t, (size_t)width, out);
            return 0;
        }
    return err_set(e, ERR_USAGE,
                   "unknown format '%s': expected text, markdown, latex, csv, html or json",
                   format);
}

void table_open_file(const char *format, const char *title, struct str *out)
{
    if (str_eq(format, "csv"))
        export_csv_open(out);
    if (str_eq(format, "html"))
        export_html_open(title, out);
}

void table_close_file(const char *format, struct str *out)
{
    if (str_eq(format, "html"))
        export_html_close(out);
}

void export_lines(const char *text, struct str *out, void (*put)(struct str *out, const char *line))
{
    while (*text) {
        size_t bytes = strcspn(text, "\n");
        char *line = mem_strndup(text, bytes);
        put(out, line);
        free(line);
        text += bytes + (text[bytes] != 0);
    }
}
