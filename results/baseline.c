/* Reading published numbers: see baseline.h. A number with a doubtful line is worse than none, so
 * the first fault refuses the folder, with file and line. */
#include "results/baseline.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 64 << 20 };

int csv_record(char *text, char *fields[CSV_FIELDS], size_t *n, char **next, size_t *lines,
               struct err *e)
{
    char *from = text;
    *n = 0;
    *lines = 0;
    for (;;) {
        char *to = from;
        if (*n == CSV_FIELDS)
            return err_set(e, ERR_PARSE, "more than %d fields", CSV_FIELDS);
        fields[(*n)++] = to;
        if (*from == '"') {
            for (from++; *from != '"' || from[1] == '"'; from++) {
                if (!*from)
                    return err_set(e, ERR_PARSE, "a quote that does not end");
                *lines += *from == '\n';
                from += *from == '"'; // "" is one quote
                *to++ = *from;
            }
            from++;
        } else {
            for (; *from && !strchr(",\r\n", *from); from++)
                to++;
        }
        char end = *from;
        if (end == ',') {
            *to = 0;
            from++;
            continue;
        }
        if (end == '\r' && from[1] == '\n')
            end = *++from;
        if (end && end != '\n')
            return err_set(e, ERR_PARSE, "text after the closing quote of field %zu", *n);
        *to = 0;
        *lines += end == '\n';
        *next = end && from[1] ? from + 1 : NULL;
        return 0;
    }
}

/* ---- one row ---- */

enum { TABLE, METHOD, BACKBONE, SHOTS, DATASET, SPLIT, ACCURACY, SOURCE, COLUMNS };
static const char *const column_names[COLUMNS] = {"table",   "method", "backbone", "shots",
                                                  "dataset", "split",  "accuracy", "source_url"};
static const char *const splits[] = {"base", "new", "H", "all"};

static int check_header(char *const *fields, size_t n, struct err *e)
{
    for (size_t c = 0; c < COLUMNS; c++)
        if (n != COLUMNS || !str_eq(fields[c], column_names[c]))
            return err_set(e, ERR_PARSE,
                           "expected the header table,method,backbone,shots,dataset,split,"
                           "accuracy,source_url, found '%s' in column %zu of %zu",
                           c < n ? fields[c] : "", c + 1, n);
    return 0;
}

static int check_field(size_t column, const char *text, struct err *e)
{
    static const char blanks[] = " \t\r\n";
    const char *name = column_names[column];
    const size_t n = strlen(text), blank = strspn(text, blanks);
    if (blank == n)
        return err_set(e, ERR_PARSE, "'%s' is empty%s", name,
                       column == SOURCE ? ": every number needs its citation" : "");
    if (blank || strchr(blanks, text[n - 1]))
        return err_set(e, ERR_PARSE, "'%s' begins or ends with a blank", name);
    json_t *string = json_stringn(text, n);
    if (!string)
        return err_set(e, ERR_PARSE, "'%s' is not UTF-8", name);
    json_decref(string);
    return 0;
}

static int row_from(struct baseline_row *row, char *const *fields, size_t n, struct err *e)
{
    long shots;
    if (n != COLUMNS)
        return err_set(e, ERR_PARSE, "expected %d fields, found %zu", COLUMNS, n);
    for (size_t c = 0; c < COLUMNS; c++)
        if (check_field(c, fields[c], e) < 0)
            return e->code;
    if (!str_to_long(fields[SHOTS], 0, 1000000, &shots))
        return err_set(e, ERR_PARSE, "shots '%s' is not a whole number", fields[SHOTS]);
    if (!str_to_double(fields[ACCURACY], &row->value) || !(row->value >= 0 && row->value <= 100))
        return err_set(e, ERR_RANGE, "accuracy '%s' is not a percentage from 0 to 100",
                       fields[ACCURACY]);
    if (row->value > 0 && row->value <= 1)
        return err_set(e, ERR_RANGE, "accuracy '%s' looks like a fraction; expected percent",
                       fields[ACCURACY]);
    size_t known = sizeof splits / sizeof splits[0], k = 0;
    while (k < known && !str_eq(fields[SPLIT], splits[k]))
        k++;
    if (k == known)
        return err_set(e, ERR_PARSE, "split '%s' is not one of base, new, H, all", fields[SPLIT]);
    row->table = fields[TABLE];
    row->method = fields[METHOD];
    row->backbone = fields[BACKBONE];
    row->dataset = fields[DATASET];
    row->split = fields[SPLIT];
    row->source = fields[SOURCE];
    row->shots = (int)shots;
    return 0;
}

/* ---- files ---- */

int baselines_add(struct baselines *b, const char *path, char *text, size_t size, struct err *e)
{
    static const char mark[] = "\xef\xbb\xbf"; // which spreadsheets put before UTF-8
    char *fields[CSV_FIELDS], *file = mem_strdup(path);
    size_t n, lines, line = 1;
    MEM_PUSH(b->texts, b->n_texts, b->texts_capacity) = text;
    MEM_PUSH(b->texts, b->n_texts, b->texts_capacity) = file;
    if (strlen(text) != size)
        return err_set(e, ERR_PARSE, "%s: a zero byte in the text", path);
    for (char *next = text + (str_starts(text, mark) ? strlen(mark) : 0); next; line += lines) {
        struct baseline_row row = {.file = file, .line = line};
        int rc = csv_record(next, fields, &n, &next, &lines, e);
        if (rc == 0)
            rc = line == 1 ? check_header(fields, n, e) : row_from(&row, fields, n, e);
        if (rc < 0)
            return err_wrap(e, "%s:%zu", path, line);
        if (line > 1)
            MEM_PUSH(b->rows, b->n, b->capacity) = row;
    }
    return 0;
}

static int load_file(struct baselines *b, const char *path, struct err *e)
{
    char *text = NULL;
    size_t size;
    int rc = fs_read(&text, &size, path, FILE_LIMIT, e);
    return rc < 0 ? rc : baselines_add(b, path, text, size, e);
}

static int compare(const void *a, const void *b)
{
    const struct baseline_row *x = *(const struct baseline_row *const *)a;
    const struct baseline_row *y = *(const struct baseline_row *const *)b;
    const char *const pairs[][2] = {{x->table, y->table},     {x->method, y->method},
                                    {x->dataset, y->dataset}, {x->backbone, y->backbone},
                                    {x->split, y->split},     {x->source, y->source}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        int order = strcmp(pairs[i][0], pairs[i][1]);
        if (order)
            return order;
    }
    return (x->shots > y->shots) - (x->shots < y->shots);
}

int baselines_unique(const struct baselines *b, struct err *e)
{
    const struct baseline_row **sorted = mem_alloc(b->n, sizeof *sorted);
    int rc = 0;
    for (size_t i = 0; i < b->n; i++)
        sorted[i] = &b->rows[i];
    qsort(sorted, b->n, sizeof *sorted, compare);
    for (size_t i = 1; i < b->n && rc == 0; i++) {
        const struct baseline_row *x = sorted[i - 1], *y = sorted[i];
        if (compare(&x, &y) != 0)
            continue;
        const struct baseline_row *first = x < y ? x : y, *again = x < y ? y : x;
        rc = err_set(e, ERR_CORRUPT,
                     "%s:%zu: '%s' of '%s' on '%s' (%s, %d shots) is in %s:%zu already, from the "
                     "same source",
                     again->file, again->line, x->split, x->method, x->dataset, x->table, x->shots,
                     first->file, first->line);
    }
    free(sorted);
    return rc;
}

int baselines_load_folder(struct baselines *b, const char *folder, const char *const *except,
                          struct err *e)
{
    struct fs_names names;
    int rc = fs_list(&names, folder, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < names.n && rc == 0; i++) {
        bool left_out = !str_ends(names.names[i], ".csv");
        for (size_t k = 0; except && except[k]; k++)
            left_out |= str_eq(except[k], names.names[i]);
        if (left_out)
            continue;
        char *path = fs_join(folder, names.names[i]);
        rc = load_file(b, path, e);
        free(path);
    }
    fs_names_release(&names);
    return rc;
}

int baselines_load(struct baselines *b, const char *folder, struct err *e)
{
    memset(b, 0, sizeof *b);
    int rc = baselines_load_folder(b, folder, NULL, e);
    if (rc == 0)
        rc = baselines_unique(b, e);
    if (rc < 0)
        baselines_release(b);
    return rc;
}

int baselines_load_own(struct baselines *b, const char *folder, struct err *e)
{
    if (!folder || !fs_is_folder(folder))
        return 0;
    int rc = baselines_load_folder(b, folder, NULL, e);
    return rc < 0 ? rc : baselines_unique(b, e);
}

int baselines_check(const struct baselines *b, bool (*knows)(const char *dataset), struct err *e)
{
    for (size_t i = 0; i < b->n; i++)
        if (!knows(b->rows[i].dataset))
            return err_set(e, ERR_PARSE,
                           "%s:%zu: unknown dataset '%s': expected a dataset's name in "
                           "tables, or Average",
                           b->rows[i].file, b->rows[i].line, b->rows[i].dataset);
    return 0;
}

void baselines_release(struct baselines *b)
{
    for (size_t i = 0; i < b->n_texts; i++)
        free(b->texts[i]);
    free(b->texts);
    free(b->rows);
    memset(b, 0, sizeof *b);
}
