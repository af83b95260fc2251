/* The live line: see progress.h. */
#include "harness/sched/progress.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Size of the terminal; where it does not say, that of the first ones. */
static void terminal_size(int *rows, int *columns)
{
    struct winsize size;
    bool known = ioctl(2, TIOCGWINSZ, &size) == 0;
    *rows = known && size.ws_row > 1 ? size.ws_row : 24;
    *columns = known && size.ws_col > 1 ? size.ws_col : 80;
}

void progress_init(struct progress *p)
{
    const char *term = getenv("TERM");
    *p = (struct progress){.live = isatty(2) && term && *term && !str_eq(term, "dumb")};
}

void progress_release(struct progress *p)
{
    free(p->text);
    p->text = NULL;
}

void progress_room(const struct progress *p, size_t *rows, size_t *columns)
{
    int r, c;
    terminal_size(&r, &c);
    *rows = p->live ? (size_t)r - 1 : 0;
    *columns = p->live ? (size_t)c - 1 : 0;
}

/* To the first column of the first live line, wherever a change of the window's width has moved it:
 * a line that is now too long stands on several. */
static void add_home(struct str *out, const struct progress *p, int columns)
{
    int up = 0;
    for (const char *line = p->shown ? p->text : NULL; line;) {
        const char *end = strchr(line, '\n');
        char *text = end ? mem_strndup(line, (size_t)(end - line)) : mem_strdup(line);
        int width = (int)str_columns(text);
        up += (end != NULL) + (width > columns ? (width - 1) / columns : 0);
        free(text);
        line = end ? end + 1 : NULL;
    }
    str_addc(out, '\r');
    if (up)
        str_addf(out, "\x1b[%dA", up);
}

static void put(const struct str *text)
{
    fwrite(text->data, 1, text->size, stderr);
    fflush(stderr);
}

void progress_hide(struct progress *p)
{
    if (p->shown) {
        struct str out = STR_INIT;
        int rows, columns;
        terminal_size(&rows, &columns);
        add_home(&out, p, columns);
        str_add(&out, strchr(p->text, '\n') ? "\x1b[J" : "\x1b[K");
        put(&out);
        str_release(&out);
    }
    fflush(stderr);
    p->shown = false;
}

int progress_fit(const char *text, int columns)
{
    size_t length = strlen(text);
    while (length) {
        char *start = mem_strndup(text, length);
        size_t used = str_columns(start);
        free(start);
        if (used <= (size_t)columns)
            break;
        do
            length--;
        while (length && ((unsigned char)text[length] & 0xc0) == 0x80);
    }
    return (int)length;
}

/* The lines of `text` that there is room for, each cut to the width. */
static char *cut(const char *text, int rows, int columns)
{
    struct str out = STR_INIT;
    for (int n = 0; text && n < rows; n++) {
        const char *end = strchr(text, '\n');
        char *line = end ? mem_strndup(text, (size_t)(end - text)) : mem_strdup(text);
        str_addf(&out, "%s%.*s", n ? "\n" : "", progress_fit(line, columns), line);
        free(line);
        text = end && end[1] ? end + 1 : NULL;
    }
    return str_detach(&out);
}

void progress_draw(struct progress *p, const char *text)
{
    if (!p->live)
        return;
    int rows, columns;
    struct str out = STR_INIT;
    terminal_size(&rows, &columns);
    char *now = cut(text, rows - 1, columns - 1);
    bool block = strchr(now, '\n') || (p->shown && strchr(p->text, '\n'));
    add_home(&out, p, columns);
    for (const char *line = now; line;) {
        size_t n = strcspn(line, "\n");
        str_addf(&out, "%.*s\x1b[K", (int)n, line);
        str_add(&out, line[n] ? "\n\r" : block ? "\x1b[J" : "");
        line = line[n] ? line + n + 1 : NULL;
    }
    put(&out);
    str_release(&out);
    free(p->text);
    p->text = now;
    p->shown = true;
}

void progress_line(struct progress *p, const char *format, ...)
{
    progress_hide(p);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void progress_seconds(double seconds, char out[32])
{
    long whole = (long)(seconds + 0.5);
    if (seconds < 9.95)
        snprintf(out, 32, "%.1f s", seconds);
    else if (whole < 60)
        snprintf(out, 32, "%ld s", whole);
    else if (whole < 3600)
        snprintf(out, 32, "%ld:%02ld", whole / 60, whole % 60);
    else
        snprintf(out, 32, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
}
