/* Error values: see err.h for the contract. */
#include "core/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int err_set(struct err *e, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    e->code = code;
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    return code;
}

int err_sys(struct err *e, const char *format, ...)
{
    enum { CAUSE = 128 }; // room that is kept for it, however long the path is
    int saved = errno;
    va_list args;
    va_start(args, format);
    e->code = ERR_SYS;
    vsnprintf(e->text, sizeof e->text - CAUSE, format, args);
    va_end(args);
    size_t used = strlen(e->text);
    snprintf(e->text + used, sizeof e->text - used, ": %s", strerror(saved));
    return ERR_SYS;
}

int err_wrap(struct err *e, const char *format, ...)
{
    char old[sizeof e->text];
    va_list args;
    memcpy(old, e->text, sizeof old);
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    size_t used = strlen(e->text);
    snprintf(e->text + used, sizeof e->text - used, ": %.*s", (int)(sizeof e->text - used), old);
    return e->code;
}

static const struct {
    int code, exit_status;
    const char *name;
} codes[] = {
    {ERR_SYS, 3, "system"},      {ERR_USAGE, 2, "usage"},     {ERR_PARSE, 2, "parse"},
    {ERR_RANGE, 2, "range"},     {ERR_MISSING, 3, "missing"}, {ERR_CORRUPT, 3, "corrupt"},
    {ERR_NUMERIC, 1, "numeric"}, {ERR_MEMORY, 3, "memory"},   {ERR_CANCELLED, 130, "cancelled"},
    {ERR_BUSY, 3, "busy"},       {ERR_DEVICE, 3, "device"},
};

const char *err_name(int code)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == code)
            return codes[i].name;
    return "unknown";
}

int err_exit_status(const struct err *e)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == e->code)
            return codes[i].exit_status;
    return 1;
}

void err_bug(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%d: BUG: ", file, line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    fflush(NULL);
    _Exit(70);
}
