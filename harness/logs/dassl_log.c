/* See dassl_log.h. A line at a time; what a line means depends on where in the log it stands. */
#include "harness/logs/dassl_log.h"

#include "core/base/str.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SECTIONS = 4 }; // depth of the configuration's keys

struct reading {
    struct dassl_log *log;
    const char *name;
    size_t line;
    bool arguments, config; // within these parts of the head
    char section[SECTIONS][40];

    long epoch, epochs; // last that was printed; 0: none
    size_t epoch_line;
    bool finished; // "Finish training" was there
    bool block;    // within a result
    size_t result_line;
    long total, correct; // -1: not printed
    double accuracy;     // as printed; NAN: not printed
    int decimals;        // of it
    double macro_f1;
};

static int at(const struct reading *r, size_t line, int code, const char *text, struct err *e)
{
    return err_set(e, code, "%s:%zu: %s", r->name, line, text);
}

/* ---- the head ---- */

static void keep(char *to, size_t size, const char *value)
{
    if (!*to) // the arguments come first, and win
        snprintf(to, size, "%s", value);
}

static void keep_number(long *to, const char *value)
{
    long n;
    if (str_to_long(value, 0, 1000000, &n))
        *to = n;
}

/* "    NAME: ViT-B/16" of the configuration, under the keys above it. */
static void read_config(struct reading *r, char *line)
{
    struct dassl_log *l = r->log;
    const size_t indent = strspn(line, " "), depth = indent / 2;
    char *key = line + indent, *colon = strchr(key, ':');
    if (!colon || depth >= SECTIONS)
        return;
    *colon = 0;
    snprintf(r->section[depth], sizeof r->section[depth], "%s", key);
    const char *value = colon + 1 + strspn(colon + 1, " '");
    char *end = colon + 1 + strlen(colon + 1);
    while (end > value && (end[-1] == '\'' || end[-1] == ' '))
        *--end = 0;
    const char *top = depth ? r->section[0] : "", *middle = depth > 1 ? r->section[1] : "";
    if (!*value)
        return;
    if (depth == 0 && str_eq(key, "SEED"))
        keep_number(&l->seed, value);
    else if (depth == 1 && str_eq(top, "DATASET") && str_eq(key, "NAME"))
        keep(l->dataset, sizeof l->dataset, value);
    else if (depth == 1 && str_eq(top, "DATASET") && str_eq(key, "NUM_SHOTS"))
        keep_number(&l->shots, value);
    else if (depth == 1 && str_eq(top, "DATASET") && str_eq(key, "SUBSAMPLE_CLASSES"))
        keep(l->classes, sizeof l->classes, value);
    else if (depth == 1 && str_eq(top, "TRAINER") && str_eq(key, "NAME"))
        keep(l->trainer, sizeof l->trainer, value);
    else if (depth == 2 && str_eq(top, "MODEL") && str_eq(middle, "BACKBONE") &&
             str_eq(key, "NAME"))
        keep(l->backbone, sizeof l->backbone, value);
}

static void read_argument(struct reading *r, char *line)
{
    static const char model[] = "model_dir: ";
    if (str_starts(line, model))
        keep(r->log->model, sizeof r->log->model, line + strlen(model));
}

/* Is the line one of the head, or its begin or end? */
static bool read_head(struct reading *r, char *line)
{
    if (str_eq(line, "** Arguments **")) {
        r->arguments = true;
        return true;
    }
    if (str_eq(line, "** Config **")) {
        r->arguments = false;
        r->config = true;
        memset(r->section, 0, sizeof r->section);
        return true;
    }
    if (str_starts(line, "Collecting env info") || str_starts(line, "** System info **"))
        r->arguments = r->config = false;
    if (r->arguments)
        read_argument(r, line);
    else if (r->config)
        read_config(r, line);
    return r->arguments || r->config;
}

/* ---- training ---- */

/* Is one of the line's words "nan" or "inf"? */
static bool has_no_number(const char *line)
{
    static const char between[] = " \t()[]:,%";
    for (line += strspn(line, between); *line; line += strspn(line, between)) {
        const size_t n = strcspn(line, between);
        const char *word = *line == '-' ? line + 1 : line;
        const size_t letters = n - (size_t)(word - line);
        if (letters == 3 && (strncasecmp(word, "nan", 3) == 0 || strncasecmp(word, "inf", 3) == 0))
            return true;
        line += n;
    }
    return false;
}

/* "epoch [3/50] batch [1/12] time ... loss 0.5 (0.6) ...", or "epoch [3/50][1/12]\t...". */
static int read_epoch(struct reading *r, const char *line, struct err *e)
{
    char text[100];
    if (sscanf(line, "epoch [%ld/%ld]", &r->epoch, &r->epochs) != 2)
        return 0;
    r->epoch_line = r->line;
    r->log->trained = true;
    if (!has_no_number(line))
        return 0;
    snprintf(text, sizeof text, "the loss is no number in epoch %ld of %ld", r->epoch, r->epochs);
    return at(r, r->line, ERR_NUMERIC, text, e);
}

/* "1 day, 2:03:04" */
static double read_duration(const char *text)
{
    long days = 0, h = 0, m = 0, s = 0;
    const char *comma = strchr(text, ',');
    if (comma)
        sscanf(text, "%ld day", &days);
    if (sscanf(comma ? comma + 1 : text, " %ld:%ld:%ld", &h, &m, &s) != 3)
        return 0;
    return (double)(((days * 24 + h) * 60 + m) * 60 + s);
}

/* ---- results ---- */

/* "2,465" */
static long read_count(const char *text)
{
    char digits[24];
    size_t n = 0;
    long value;
    for (; *text && n < sizeof digits - 1; text++)
        if (*text != ',')
            digits[n++] = *text;
    digits[n] = 0;
    return str_to_long(digits, 0, 1L << 40, &value) ? value : -1;
}

/* "91.8%" and its decimals. */
static bool read_percent(const char *text, double *value, int *decimals)
{
    char number[32];
    const size_t n = strcspn(text, "%");
    if (text[n] != '%' || text[n + 1] || n >= sizeof number)
        return false;
    snprintf(number, sizeof number, "%.*s", (int)n, text);
    const char *point = strchr(number, '.');
    *decimals = point ? (int)strlen(point + 1) : 0;
    return str_to_double(number, value) && *value >= 0 && *value <= 100;
}

static int read_result(struct reading *r, const char *line, struct err *e)
{
    static const char *const keys[] = {"* total: ", "* correct: ", "* accuracy: ", "* macro_f1: "};
    int decimals;
    size_t k = 0;
    while (k < 4 && !str_starts(line, keys[k]))
        k++;
    if (k == 4)
        return 0;
    const char *value = line + strlen(keys[k]);
    if (has_no_number(value))
        return at(r, r->line, ERR_NUMERIC, "its result is no number", e);
    if (k == 0)
        r->total = read_count(value);
    else if (k == 1)
        r->correct = read_count(value);
    else if (!read_percent(value, k == 2 ? &r->accuracy : &r->macro_f1, &decimals))
        return at(r, r->line, ERR_CORRUPT, "its result is no percentage from 0 to 100", e);
    else if (k == 2)
        r->decimals = decimals;
    return 0;
}

static void forget_result(struct reading *r)
{
    r->result_line = 0;
    r->total = r->correct = -1;
    r->accuracy = r->macro_f1 = NAN;
}

static int read_line(struct reading *r, char *line, struct err *e)
{
    static const char elapsed[] = "Elapsed: ";
    if (!r->log->trained && read_head(r, line))
        return 0;
    if (str_eq(line, "=> result")) {
        forget_result(r);
        r->block = true;
        r->result_line = r->line;
        return 0;
    }
    r->block = r->block && str_starts(line, "* ");
    if (r->block)
        return read_result(r, line, e);
    if (str_starts(line, "epoch ["))
        return read_epoch(r, line, e);
    if (strstr(line, "Loss is infinite or NaN"))
        return at(r, r->line, ERR_NUMERIC, "the loss is infinite or NaN", e);
    if (str_eq(line, "Finish training") || str_eq(line, "Finished training")) {
        r->finished = true;
        forget_result(r); // tests on the way do not count
    } else if (str_starts(line, elapsed)) {
        r->log->seconds = read_duration(line + strlen(elapsed));
    }
    return 0;
}

/* ---- the whole ---- */

/* The counts say more than the rounded accuracy, and must say the same. */
static int take_result(struct reading *r, struct err *e)
{
    char text[160];
    struct dassl_log *l = r->log;
    if (r->result_line && isnan(r->accuracy))
        return at(r, r->line, ERR_MISSING, "its result has no accuracy: is it still being written?",
                  e);
    l->accuracy = r->accuracy;
    l->macro_f1 = r->macro_f1;
    if (r->total <= 0 || r->correct < 0)
        return 0;
    l->images = r->total;
    l->accuracy = 100.0 * (double)r->correct / (double)r->total;
    if (r->correct <= r->total &&
        fabs(l->accuracy - r->accuracy) <= 0.5 * pow(10, -r->decimals) + 1e-9)
        return 0;
    snprintf(text, sizeof text, "it says %.*f %%, but %ld of %ld are %.2f %%", r->decimals,
             r->accuracy, r->correct, r->total, l->accuracy);
    return at(r, r->result_line, ERR_CORRUPT, text, e);
}

static int check_end(struct reading *r, struct err *e)
{
    char text[100];
    if (r->log->trained && !r->finished) {
        snprintf(text, sizeof text, "it ends in epoch %ld of %ld, without a result", r->epoch,
                 r->epochs);
        return at(r, r->epoch_line, ERR_MISSING, text, e);
    }
    if (!r->result_line)
        return at(r, r->line, ERR_MISSING, "it ends without a result", e);
    return take_result(r, e);
}

int dassl_log_read(struct dassl_log *log, char *text, const char *name, struct err *e)
{
    struct reading r = {.log = log, .name = name};
    int rc = 0;
    *log = (struct dassl_log){.shots = -1, .seed = -1, .macro_f1 = NAN};
    forget_result(&r);
    for (char *line = text, *next; line && rc == 0; line = next) {
        const size_t n = strcspn(line, "\n");
        next = line[n] ? line + n + 1 : NULL;
        if (!*line && !next) // the end of the last line is not one more
            break;
        line[n] = 0;
        for (size_t k = n; k > 0 && isspace((unsigned char)line[k - 1]); k--)
            line[k - 1] = 0;
        r.line++;
        rc = read_line(&r, line, e);
    }
    return rc < 0 ? rc : check_end(&r, e);
}
