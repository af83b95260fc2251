/*
 * Lists of images: see split.h. CoOp's split files are read here, the other layouts in
 * split_folders.c. What a split says is data: names may hold anything, and a path may not leave the
 * image folder.
 */
#include "core/data/split.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/split_build.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- CoOp's split_zhou_*.json ---- */

/* "'file', train entry 12": entries count from 0. */
static int bad_entry(struct split_builder *b, struct err *e, int code, enum split_part part,
                     size_t i, const char *what)
{
    return err_set(e, code, "split '%s', %s entry %zu: %s", b->path, split_part_names[part], i,
                   what);
}

/* One [path, label, class name]. `most` = entries of the whole file: as every label needs an image,
 * no label can be larger. */
static int read_entry(struct split_builder *b, enum split_part part, size_t i, const json_t *entry,
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
    if (!split_stays_inside(json_string_value(path)))
        return bad_entry(b, e, ERR_PARSE, part, i, "the path leaves the image folder");
    if (!split_name(b, (int)k, json_string_value(name))) {
        char *first = str_visible(b->s->names[k]), *second = str_visible(json_string_value(name));
        err_set(e, ERR_CORRUPT,
                "split '%s', %s entry %zu: label %d has two class names, '%s' and '%s'", b->path,
                split_part_names[part], i, (int)k, first, second);
        free(first);
        free(second);
        return e->code;
    }
    split_add(b, part, mem_strdup(json_string_value(path)), (int)k);
    return 0;
}

static int read_json(struct split_builder *b, const char *folder, const char *file, struct err *e)
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
    struct split_builder b = {.s = s};
    int rc;
    *s = (struct split){.images = *row->images ? fs_join(folder, row->images) : mem_strdup(folder)};
    rc = row->layout == LAYOUT_SPLIT_JSON ? read_json(&b, folder, row->split, e)
                                          : split_read_folders(&b, row, folder, e);
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
    free(s->imagenet);
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

int split_check_classes(const struct split *s, const struct dataset_row *row, struct err *e)
{
    if (!row->classes || s->classes == row->classes)
        return 0;
    return err_set(e, ERR_RANGE, "unexpected class count in '%s': found %d, expected %d", s->images,
                   s->classes, row->classes);
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
