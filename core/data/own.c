/* Reading descriptions: see own.h. */
#include "core/data/own.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/origin.h"
#include "core/data/split_build.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const char own_file[] = "promptgrid-dataset.json";

enum { FILE_LIMIT = 16 << 20, NAME_LIMIT = 64, COUNT_LIMIT = 1 << 30 };

bool own_is_name(const char *name)
{
    size_t n = strlen(name);
    return n && n <= NAME_LIMIT && *name != '-' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == n;
}

/* ---- the file ---- */

enum field { LABEL, TEMPLATE, SPLIT, IMAGES, CLASSES, TRAIN, VAL, TEST, NOTE, OTHER };
static const struct {
    const char *name;
    enum field field;
    json_type type;
} fields[] = {
    {"label", LABEL, JSON_STRING},      {"template", TEMPLATE, JSON_STRING},
    {"split", SPLIT, JSON_STRING},      {"images", IMAGES, JSON_STRING},
    {"classes", CLASSES, JSON_INTEGER}, {"train", TRAIN, JSON_INTEGER},
    {"val", VAL, JSON_INTEGER},         {"test", TEST, JSON_INTEGER},
    {"note", NOTE, JSON_STRING},        {"made", OTHER, JSON_OBJECT},
    {"homepage", OTHER, JSON_STRING},   {"citation", OTHER, JSON_STRING},
    {"terms", OTHER, JSON_STRING},      {"sources", OTHER, JSON_ARRAY},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static const char *const types[] = {[JSON_OBJECT] = "an object",
                                    [JSON_ARRAY] = "a list",
                                    [JSON_STRING] = "text",
                                    [JSON_INTEGER] = "a whole number"};

static int unknown_key(const char *path, const char *key, struct err *e)
{
    char *shown = str_visible(key);
    const char *near = str_nearest(key, &fields[0].name, FIELDS, sizeof fields[0]);
    err_set(e, ERR_PARSE, "'%s': unknown key '%.80s'%s%s%s", path, shown,
            near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
    free(shown);
    return e->code;
}

/* One key into its place. */
static int take(struct dataset_row *row, enum field field, const json_t *value)
{
    const char **const texts[] = {[LABEL] = &row->label,
                                  [TEMPLATE] = &row->template_,
                                  [SPLIT] = &row->split,
                                  [IMAGES] = &row->images,
                                  [NOTE] = &row->note};
    int *const counts[] = {
        [CLASSES] = &row->classes, [TRAIN] = &row->train, [VAL] = &row->val, [TEST] = &row->test};
    if (field == OTHER)
        return 0;
    if (json_is_string(value)) {
        *texts[field] = mem_strdup(json_string_value(value));
        return 0;
    }
    const json_int_t n = json_integer_value(value);
    *counts[field] = (int)n;
    return n < 0 || n > COUNT_LIMIT ? ERR_RANGE : 0;
}

static int read_fields(struct dataset_row *row, const json_t *root, const char *path, struct err *e)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)root, key, value)
    {
        size_t i = 0;
        while (i < FIELDS && !str_eq(fields[i].name, key))
            i++;
        if (i == FIELDS)
            return unknown_key(path, key, e);
        if (json_typeof(value) != fields[i].type)
            return err_set(e, ERR_PARSE, "'%s': '%s' is not %s", path, key, types[fields[i].type]);
        if (take(row, fields[i].field, value) < 0)
            return err_set(e, ERR_RANGE, "'%s': '%s' is out of range", path, key);
    }
    return 0;
}

static int check_row(const struct dataset_row *row, const char *path, struct err *e)
{
    const char *at = row->template_ ? strstr(row->template_, "{}") : NULL;
    if (!at || strstr(at + 2, "{}"))
        return err_set(e, ERR_PARSE,
                       "'%s': 'template' is missing or does not hold {} once, where the class name "
                       "goes",
                       path);
    if (!row->split || !split_stays_inside(row->split))
        return err_set(e, ERR_PARSE, "'%s': 'split' is missing or leaves the folder", path);
    if (*row->images && !split_stays_inside(row->images))
        return err_set(e, ERR_PARSE, "'%s': 'images' leaves the folder", path);
    return 0;
}

static int read_text(struct dataset_row *row, const char *text, const char *path, struct err *e)
{
    json_error_t where;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &where);
    int rc;
    if (!json_is_object(root))
        rc = err_set(e, ERR_PARSE, "%s:%d:%d: %s", path, root ? 1 : where.line,
                     root ? 1 : where.column, root ? "expected an object" : where.text);
    else if ((rc = read_fields(row, root, path, e)) == 0 && (rc = check_row(row, path, e)) == 0)
        rc = origin_read(&row->origin, root, path, e);
    json_decref(root);
    return rc;
}

int own_read(const struct dataset_row **row, const char *folder, struct err *e)
{
    static struct dataset_row **made_rows; // all that were ever made: somebody may still hold one
    static size_t n, capacity;
    char *path = fs_join(folder, own_file), *text = NULL;
    struct dataset_row *made = mem_zero(1, sizeof *made);
    int rc = fs_read(&text, NULL, path, FILE_LIMIT, e);
    made->name = made->label = made->folder = mem_strdup(fs_base(folder));
    made->images = "images";
    made->layout = LAYOUT_SPLIT_JSON;
    if (rc == 0 && !own_is_name(made->name))
        rc =
            err_set(e, ERR_PARSE,
                    "the folder's name is the dataset's, and '%s' is no such name: 1 to %d of a-z, "
                    "0-9, '-' and '_'",
                    made->name, NAME_LIMIT);
    if (rc == 0)
        rc = read_text(made, text, path, e);
    *row = MEM_PUSH(made_rows, n, capacity) = made;
    free(text);
    free(path);
    return rc;
}

/* ---- those that are known ---- */

struct known {
    const struct dataset_row *row;
    char *problem; // NULL: it can be used
};
static struct known *known;
static size_t n_known, known_capacity;

static const struct known *find(const char *name)
{
    for (size_t i = 0; i < n_known; i++)
        if (str_eq(known[i].row->name, name))
            return &known[i];
    return NULL;
}

static void look_at(const char *folder)
{
    struct known k = {0};
    struct err e = {0};
    const char *name = fs_base(folder);
    char *path = fs_join(folder, own_file);
    if (fs_is_file(path) && !find(name) && !dataset_is_taken(name)) {
        if (own_read(&k.row, folder, &e) < 0)
            k.problem = mem_strdup(e.text);
        MEM_PUSH(known, n_known, known_capacity) = k;
    }
    free(path);
}

void own_scan(char *const *roots, size_t n)
{
    for (size_t i = 0; i < n_known; i++)
        free(known[i].problem);
    n_known = 0;
    for (size_t i = 0; i < n; i++) {
        struct fs_names names;
        if (fs_list(&names, roots[i], &(struct err){0}) < 0)
            continue; // a root that is not there has none
        for (size_t k = 0; k < names.n; k++) {
            char *folder = fs_join(roots[i], names.names[k]);
            look_at(folder);
            free(folder);
        }
        fs_names_release(&names);
    }
}

size_t own_count(void)
{
    size_t n = 0;
    for (size_t i = 0; i < n_known; i++)
        n += !known[i].problem;
    return n;
}

const struct dataset_row *own_at(size_t i)
{
    for (size_t k = 0; k < n_known; k++)
        if (!known[k].problem && i-- == 0)
            return known[k].row;
    return NULL;
}

const struct dataset_row *own_find(const char *name)
{
    const struct known *k = find(name);
    return k && !k->problem ? k->row : NULL;
}

const char *own_problem(const char *name)
{
    const struct known *k = find(name);
    return k ? k->problem : NULL;
}
