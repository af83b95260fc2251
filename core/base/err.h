/*
 * Errors that a caller passes up and the program prints once, at the top.
 *
 * A function that can fail returns 0 or a negative ERR_* code and takes a `struct err *` last. The
 * text is complete enough to print as it is: it names the subject, what was found, what was
 * expected and, where there is one, the next step; lower case, no full stop, names in quotes.
 * Broken invariants are bugs, not errors: BUG() says where and aborts.
 */
#ifndef PROMPTGRID_BASE_ERR_H
#define PROMPTGRID_BASE_ERR_H

enum err_code {
    ERR_SYS = -1,       // a system call failed: disk full, permission, ...
    ERR_USAGE = -2,     // the command line is wrong
    ERR_PARSE = -3,     // a file's text is not in its format
    ERR_RANGE = -4,     // a value is outside its bounds
    ERR_MISSING = -5,   // a file, folder or name is not there
    ERR_CORRUPT = -6,   // content contradicts itself, a hash or a header
    ERR_NUMERIC = -7,   // NaN or Inf where a number is needed
    ERR_MEMORY = -8,    // not enough memory
    ERR_CANCELLED = -9, // the user asked to stop
    ERR_BUSY = -10,     // somebody else holds it
    ERR_DEVICE = -11,   // an accelerator is lost or broken; others may do
};

struct err {
    int code; // 0 while nothing failed
    char text[2048];
};

/* Store `code` and the text in `e` and return `code`: `return err_set(e, ERR_PARSE, "...")`. */
int err_set(struct err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As err_set with ERR_SYS, followed by ": " and strerror(errno). */
int err_sys(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Put "context: " before the text that `e` already holds; returns e->code. */
int err_wrap(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "missing", "corrupt", ...: the class of a code, as stored with a failed attempt. */
const char *err_name(int code);

/* Exit status of the program for an error: 2 usage or recipe, 3 environment, 1 otherwise. */
int err_exit_status(const struct err *e);

_Noreturn void err_bug(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define BUG(...) err_bug(__FILE__, __LINE__, __VA_ARGS__)
#define BUG_IF(condition)                                                                          \
    do {                                                                                           \
        if (condition)                                                                             \
            BUG("%s", #condition);                                                                 \
    } while (0)

#endif
