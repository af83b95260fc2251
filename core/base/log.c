/* Lines on stderr: see log.h. */
#include "core/base/log.h"

#include "core/base/err.h"
#include "core/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *name = "promptgrid";

void log_name(const char *program)
{
    name = program;
}

static void line(const char *kind, const char *format, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        return;
    flockfile(stderr);
    fprintf(stderr, "%s: %s", name, kind);
    // Names come from files: nothing in them may steer the terminal. Line ends are ours.
    for (char *part = text, *end; part; part = end) {
        if ((end = strchr(part, '\n')))
            *end++ = 0;
        char *shown = str_visible(part);
        fprintf(stderr, "%s\n", shown);
        free(shown);
    }
    funlockfile(stderr);
    free(text);
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

int log_fail(const struct err *e)
{
    log_error("%s", e->text);
    return err_exit_status(e);
}
