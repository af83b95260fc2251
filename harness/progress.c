/* The live line: see progress.h. */
#include "harness/progress.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void progress_init(struct progress *p)
{
    const char *term = getenv("TERM");
    *p = (struct progress){.live = isatty(2) && term && *term && !str_eq(term, "dumb")};
}

void progress_hide(struct progress *p)
{
    if (p->shown)
        fputs("\r\x1b[K", stderr);
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

void progress_draw(struct progress *p, const char *text)
{
    struct winsize size;
    if (!p->live)
        return;
    int columns = ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
    fprintf(stderr, "\r%.*s\x1b[K", progress_fit(text, columns - 1), text);
    fflush(stderr);
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
