/*
 * Lists of images: see split.h. What a split says is data: names may hold anything, and a path may
 * not leave the image folder.
 */
#include "core/data/split.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPLIT_LIMIT = 256 << 20 }; // bytes of a split file; the largest official one has 4 MB

const char *const split_part_names[SPLIT_PARTS] = {"train", "val", "test"};

/* ---- building ---- */

/* A split while it is read. */
struct builder {
    struct split *s;
    size_t capacity[SPLIT_PARTS];
    size_t names_capacity; // elements of s->names, the rest of them NULL
    const char *path;      // of the file being read, for messages
};

static void add_item(struct builder *b, enum split_part part, char *path, int label)
{
    struct split_list *list = &b->s->part[part];
    MEM_PUSH(list->items, list->n, b->capacity[part]) = (struct split_item){path, label};
}

/* Give `label` its class name; false when it already has another. */
static bool name_label(struct builder *b, int label, const char *name)
{
    struct split *s = b->s;
    while ((size_t)label >= b->names_capacity) {
        size_t old = b->names_capacity, now = old ? 2 * old : 64;
        s->names = mem_grow(s->names, now, sizeof *s->names);
        memset(s->names + old, 0, (now - old) * sizeof *s->names);
        b->names_capacity = now;
    }
    if (label >= s->classes)
        s->classes = label + 1;
    if (!s->names[label])
        s->names[label] = mem_strdup(name);
    return str_eq(s->names[label], name);
}

/* Relative, and no ".." in it. */
static bool stays_inside(const char *path)
{
    if (*path == '/' || !*path)
        return false;
    for (const char *p = path; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || !p[2]))
            return false;
    }
    return true;
}

/* ---- CoOp's split_zhou_*.json ---- */

/* "'file', train entry 12": entries count from 0. */
static int bad_entry(struct builder *b, struct err *e, int code, enum split_part part, size_t i,
                     const char *what)
{
    return err_set(e, code, "split '%s', %s entry %zu: %s", b->path, split_part_names[part], i,
                   what);
}

/* One [path, label, class name]. `most` = entries of the whole file: as every label needs an image,
 * no label can be larger. */
static int read_entry(struct builder *b, enum split_part part, size_t i, const json_t *entry,
                      size_t most, struct err *e)
{
    const json_t *path = json_array_get(entry, 0), *label = json_array_get(entry, 1),
                 *name = json_array_get(entry, 2);
    if (json_array_size(entry) != 3 || !json_is_string(path) || !json_is_integer(label) ||
        !json_is_string(name))
        return bad_entry(b, e, ERR_PARSE, part, i, "expected [path, label, class name]");
    json_int_t k = json_integer_value(label);
    if (k < 0 || (size_t)k >= most)
        return err_set(
            e, ERR_RANGE,
            "split '%s', %s entry %zu: label %lld is out of range: labels are 0 to K - 1 "
            "and the file has %zu entries",
            b->path, split_part_names[part], i, (long long)k, most);
    if (!stays_inside(json_string_value(path)))
        return bad_entry(b, e, ERR_PARSE, part, i, "the path leaves the image folder");
    if (!name_label(b, (int)k, json_string_value(name))) {
        char *first = str_visible(b->s->names[k]), *second = str_visible(json_string_value(name));
        err_set(e, ERR_CORRUPT,
                "split '%s', %s entry %zu: label %d has two class names, '%s' and '%s'", b->path,
                split_part_names[part], i, (int)k, first, second);
        free(first);
        free(second);
        return e->code;
    }
    add_item(b, part, mem_strdup(json_string_value(path)), (int)k);
    return 0;
}

static int read_json(struct builder *b, const char *folder, const char *file, struct err *e)
{
    char *path = fs_join(folder, file), *text = NULL;
    size_t size, most = 0;
    json_t *root = NULL;
    json_error_t where;
    int rc = fs_read(&text, &size, path, SPLIT_LIMIT, e);
    if (rc < 0)
        goto out;
    b->path = path;
    hash_bytes(b->s->hash, text, size);
    root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    if (!root) {
        rc = err_set(e, ERR_PARSE, "%s:%d:%d: %s", path, where.line, where.column, where.text);
        goto out;
    }
    for (int p = 0; p < SPLIT_PARTS; p++) {
        json_t *list = json_object_get(root, split_part_names[p]);
        if (!json_is_array(list)) {
            rc = err_set(e, ERR_PARSE, "split '%s' has no list '%s'", path, split_part_names[p]);
            goto out;
        }
        most += json_array_size(list);
    }
    for (int p = 0; p < SPLIT_PARTS; p++) {
        json_t *list = json_object_get(root, split_part_names[p]);
        for (size_t i = 0; i < json_array_size(list); i++)
            if ((rc = read_entry(b, p, i, json_array_get(list, i), most, e)) < 0)
                goto out;
    }
    for (int k = 0; k < b->s->classes; k++)
        if (!b->s->names[k]) {
            rc = err_set(e, ERR_RANGE,
                         "split '%s': label %d has no image, but label %d has: labels must be "
                         "0 to K - 1",
                         path, k, b->s->classes - 1);
            goto out;
        }
    if (!b->s->classes)
        rc = err_set(e, ERR_RANGE, "split '%s' lists no image", path);
out:
    json_decref(root);
    free(text);
    free(path);
    return rc;
}

/* ---- lists in text files ---- */

/* The next line of *text, cut off in place, without its end; NULL at the end of the text. */
static char *next_line(char **text)
{
    char *line = *text;
    if (!line || !*line)
        return NULL;
    char *end = strchr(line, '\n');
    *text = end ? end + 1 : NULL;
    if (end)
        *end = 0;
    size_t length = strlen(line);
    if (length && line[length - 1] == '\r')
        line[length - 1] = 0;
    return line;
}

static int read_text(char **out, const char *folder, const char *name, struct err *e)
{
    char *path = fs_join(folder, name);
    int rc = fs_read(out, NULL, path, SPLIT_LIMIT, e);
    free(path);
    return rc;
}

/* FGVC-Aircraft: variants.txt holds the class names in label order, each images_variant_X.txt
 * lines of "id variant"; file order counts. */
static int read_aircraft(struct builder *b, const char *folder, struct err *e)
{
    char *text = NULL, *line, *rest;
    int rc = read_text(&text, folder, "variants.txt", e);
    if (rc < 0)
        return rc;
    rest = text;
    for (int label = 0; (line = next_line(&rest));)
        if (*line)
            name_label(b, label++, line);
    for (int p = 0; p < SPLIT_PARTS && rc == 0; p++) {
        char *name = str_format("images_variant_%s.txt", split_part_names[p]);
        free(text);
        text = NULL;
        rc = read_text(&text, folder, name, e);
        rest = text;
        for (int n = 1; rc == 0 && (line = next_line(&rest)); n++) {
            char *space = strchr(line, ' ');
            int label = 0;
            while (space && label < b->s->classes && !str_eq(b->s->names[label], space + 1))
                label++;
            if (!space || label == b->s->classes) {
                rc = err_set(e, ERR_PARSE,
                             "%s/%s:%d: expected an image id and a variant of "
                             "variants.txt",
                             folder, name, n);
                break;
            }
            *space = 0;
            if (!stays_inside(line)) {
                rc = err_set(e, ERR_PARSE, "%s/%s:%d: the path leaves the image folder", folder,
                             name, n);
                break;
            }
            add_item(b, p, str_format("%s.jpg", line), label);
        }
        free(name);
    }
    free(text);
    return rc;
}

/* ImageNet: images/{train,val}/WNID/ and classnames.txt of lines "WNID name". A label is the rank
 * of its folder; files are sorted, as the reference's order is that of the authors' disk; "val" is
 * the test set too. */
static int read_imagenet_part(struct builder *b, const char *part, const struct fs_names *folders,
                              enum split_part into, struct err *e)
{
    int rc = 0;
    for (size_t k = 0; k < folders->n && rc == 0; k++) {
        struct fs_names files;
        char *below = str_format("%s/%s", part, folders->names[k]);
        char *path = fs_join(b->s->images, below);
        rc = fs_list(&files, path, e);
        for (size_t i = 0; rc == 0 && i < files.n; i++)
            add_item(b, into, fs_join(below, files.names[i]), (int)k);
        if (rc == 0)
            fs_names_release(&files);
        free(path);
        free(below);
    }
    return rc;
}

static int by_name(const void *key, const void *name)
{
    return strcmp(key, *(char *const *)name);
}

static int read_imagenet(struct builder *b, const char *folder, struct err *e)
{
    struct fs_names folders = {0};
    char *text = NULL, *line, *rest, *train = fs_join(b->s->images, "train");
    int rc = fs_list(&folders, train, e);
    if (rc < 0 || (rc = read_text(&text, folder, "classnames.txt", e)) < 0)
        goto out;
    rest = text;
    for (int n = 1; (line = next_line(&rest)); n++) {
        char *space = strchr(line, ' ');
        if (!*line)
            continue;
        if (!space) {
            rc = err_set(e, ERR_PARSE, "%s/classnames.txt:%d: expected a folder and a class name",
                         folder, n);
            goto out;
        }
        *space = 0;
        char **at = folders.n ? bsearch(line, folders.names, folders.n, sizeof *at, by_name) : NULL;
        if (at && !name_label(b, (int)(at - folders.names), space + 1)) {
            rc = err_set(e, ERR_CORRUPT, "%s/classnames.txt:%d: folder '%s' has two class names",
                         folder, n, line);
            goto out;
        }
    }
    for (size_t k = 0; k < folders.n; k++)
        if (k >= (size_t)b->s->classes || !b->s->names[k]) {
            rc = err_set(e, ERR_MISSING, "'%s/classnames.txt' has no name for folder '%s'", folder,
                         folders.names[k]);
            goto out;
        }
    if ((rc = read_imagenet_part(b, "train", &folders, SPLIT_TRAIN, e)) < 0 ||
        (rc = read_imagenet_part(b, "val", &folders, SPLIT_VAL, e)) < 0)
        goto out;
    for (size_t i = 0; i < b->s->part[SPLIT_VAL].n; i++) {
        struct split_item item = b->s->part[SPLIT_VAL].items[i];
        add_item(b, SPLIT_TEST, mem_strdup(item.path), item.label);
    }
out:
    fs_names_release(&folders);
    free(train);
    free(text);
    return rc;
}

/* Identity of a list that has no file of its own: every part's entries, fields ended by 0. */
static void hash_lists(struct split *s)
{
    struct hash *h = hash_new();
    for (int p = 0; p < SPLIT_PARTS; p++) {
        hash_add(h, split_part_names[p], strlen(split_part_names[p]) + 1);
        for (size_t i = 0; i < s->part[p].n; i++) {
            const struct split_item *item = &s->part[p].items[i];
            char label[16];
            int digits = snprintf(label, sizeof label, "%d", item->label);
            hash_add(h, item->path, strlen(item->path) + 1);
            hash_add(h, label, (size_t)digits + 1);
            hash_add(h, s->names[item->label], strlen(s->names[item->label]) + 1);
        }
    }
    hash_end(h, s->hash);
}

/* ---- interface ---- */

int split_load(struct split *s, const struct dataset_row *row, const char *folder, struct err *e)
{
    struct builder b = {.s = s};
    int rc = 0;
    *s = (struct split){.images = *row->images ? fs_join(folder, row->images) : mem_strdup(folder)};
    switch (row->layout) {
    case LAYOUT_SPLIT_JSON:
        rc = read_json(&b, folder, row->split, e);
        break;
    case LAYOUT_AIRCRAFT:
        rc = read_aircraft(&b, folder, e);
        break;
    case LAYOUT_IMAGENET:
        rc = read_imagenet(&b, folder, e);
        break;
    }
    if (rc == 0 && !s->classes)
        rc = err_set(e, ERR_RANGE, "dataset '%s' has no class in '%s'", row->name, folder);
    if (rc < 0) {
        split_release(s);
        return rc;
    }
    if (row->layout != LAYOUT_SPLIT_JSON)
        hash_lists(s);
    return 0;
}

void split_release(struct split *s)
{
    for (int p = 0; p < SPLIT_PARTS; p++) {
        for (size_t i = 0; i < s->part[p].n; i++)
            free(s->part[p].items[i].path);
        free(s->part[p].items);
    }
    for (int k = 0; k < s->classes; k++)
        free(s->names[k]);
    free(s->names);
    free(s->images);
    *s = (struct split){0};
}

int split_check(const struct split *s, struct err *e)
{
    const char *first = NULL, *part = NULL;
    size_t missing = 0, all = 0;
    for (int p = 0; p < SPLIT_PARTS; p++)
        for (size_t i = 0; i < s->part[p].n; i++, all++) {
            char *path = fs_join(s->images, s->part[p].items[i].path);
            if (!fs_is_file(path) && !missing++) {
                first = s->part[p].items[i].path;
                part = split_part_names[p];
            }
            free(path);
        }
    if (!missing)
        return 0;
    char *shown = str_visible(first);
    err_set(e, ERR_MISSING, "image '%s' of the %s list is not in '%s' (%zu of %zu images missing)",
            shown, part, s->images, missing, all);
    free(shown);
    return e->code;
}

char *split_note(const struct split *s, const struct dataset_row *row)
{
    const struct {
        const char *what;
        size_t official, found;
    } counts[] = {{"classes", (size_t)row->classes, (size_t)s->classes},
                  {"train", (size_t)row->train, s->part[SPLIT_TRAIN].n},
                  {"val", (size_t)row->val, s->part[SPLIT_VAL].n},
                  {"test", (size_t)row->test, s->part[SPLIT_TEST].n}};
    struct str note = STR_INIT;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (counts[i].official && counts[i].official != counts[i].found)
            str_addf(&note, "%s%s %zu, officially %zu", note.size ? "; " : "", counts[i].what,
                     counts[i].found, counts[i].official);
    if (!note.size)
        return mem_strdup("");
    char *text = str_format("not the official '%s': %s", row->name, note.data);
    str_release(&note);
    return text;
}

int split_base_classes(int classes)
{
    return (classes + 1) / 2;
}
