/* Lines on stderr: see log.h. */
#include "core/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *name = "promptgrid";

void log_name(const char *program)
{
    name = program;
}

static void line(const char *kind, const char *format, va_list args)
{
    flockfile(stderr);
    fprintf(stderr, "%s: %s", name, kind);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    funlockfile(stderr);
}

#define LOG_BODY(kind)                                                                             \
    va_list args;                                                                                  \
    va_start(args, format);                                                                        \
    line(kind, format, args);                                                                      \
    va_end(args)

void log_info(const char *format, ...)
{
    LOG_BODY("");
}

void log_warn(const char *format, ...)
{
    LOG_BODY("warning: ");
}

void log_error(const char *format, ...)
{
    LOG_BODY("error: ");
}

void log_trace(const char *format, ...)
{
    static int on = -1;
    if (on < 0)
        on = getenv("PROMPTGRID_TRACE") != NULL;
    if (!on)
        return;
    LOG_BODY("trace: ");
}
