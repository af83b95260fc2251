/* See manifest.h. */
#include "core/data/manifest.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/split_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char manifest_file[] = "manifest.sha256";

enum { DIGITS = HASH_HEX - 1, FILE_LIMIT = 1 << 30 };

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct manifest_line *)a)->path, ((const struct manifest_line *)b)->path);
}

void manifest_add(struct manifest *m, const char *path, const char *sha256)
{
    struct manifest_line *line = &MEM_PUSH(m->lines, m->n, m->capacity);
    line->path = mem_strdup(path);
    snprintf(line->sha256, sizeof line->sha256, "%s", sha256);
}

void manifest_release(struct manifest *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->lines[i].path);
    free(m->lines);
    *m = (struct manifest){0};
}

/* ---- the file ---- */

/* A name with '\' or a line end is written with '\\' and '\n', and its line begins with '\'. */
static void put_line(struct str *out, const struct manifest_line *line)
{
    if (strpbrk(line->path, "\\\n"))
        str_addc(out, '\\');
    str_addf(out, "%s  ", line->sha256);
    for (const char *c = line->path; *c; c++)
        if (*c == '\\' || *c == '\n')
            str_add(out, *c == '\n' ? "\\n" : "\\\\");
        else
            str_addc(out, *c);
    str_addc(out, '\n');
}

/* As put_line wrote it, in place; NULL: it is no line of a manifest. */
static char *take_line(char *line, char sha256[HASH_HEX])
{
    const bool escaped = *line == '\\';
    line += escaped;
    if (strspn(line, "0123456789abcdef") != DIGITS || line[DIGITS] != ' ' ||
        !strchr(" *", line[DIGITS + 1]) || !line[DIGITS + 1])
        return NULL;
    memcpy(sha256, line, DIGITS);
    sha256[DIGITS] = 0;
    char *path = line + DIGITS + 2, *to = path;
    for (const char *c = path; *c; c++) {
        if (escaped && *c == '\\' && (c[1] == 'n' || c[1] == '\\'))
            *to++ = *++c == 'n' ? '\n' : '\\';
        else
            *to++ = *c;
    }
    *to = 0;
    return split_stays_inside(path) ? path : NULL;
}

/* Sort the lines, leave out what is there twice, hash the text. */
static void seal(struct manifest *m, struct str *text)
{
    size_t n = 0;
    if (m->n)
        qsort(m->lines, m->n, sizeof *m->lines, by_path);
    for (size_t i = 0; i < m->n; i++) {
        if (n && str_eq(m->lines[i].path, m->lines[n - 1].path)) {
            free(m->lines[i].path);
            continue;
        }
        m->lines[n++] = m->lines[i];
        put_line(text, &m->lines[n - 1]);
    }
    m->n = n;
    hash_bytes(m->hash, text->data, text->size);
}

void manifest_seal(struct manifest *m)
{
    struct str text = STR_INIT;
    seal(m, &text);
    str_release(&text);
}

int manifest_write(struct manifest *m, const char *folder, struct err *e)
{
    struct str text = STR_INIT;
    char *path = fs_join(folder, manifest_file);
    seal(m, &text);
    int rc = fs_write(path, text.data, text.size, e);
    str_release(&text);
    free(path);
    return rc;
}

int manifest_open(struct manifest *m, const struct dataset_row *row, const char *folder,
                  struct err *e)
{
    char *path = fs_join(folder, manifest_file), *text = NULL;
    size_t size;
    *m = (struct manifest){.images = row->images};
    int rc = fs_read(&text, &size, path, FILE_LIMIT, e);
    if (rc == ERR_MISSING) {
        *e = (struct err){0};
        rc = 0;
        goto out;
    }
    if (rc < 0)
        goto out;
    hash_bytes(m->hash, text, size);
    size_t number = 1;
    for (char *line = text, *end; rc == 0 && *line; line = end, number++) {
        char sha256[HASH_HEX];
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = 0;
        char *name = take_line(line, sha256);
        if (name)
            manifest_add(m, name, sha256);
        else
            rc = err_set(e, ERR_PARSE, "%s:%zu: expected a SHA-256 and a path below the folder",
                         path, number);
    }
    if (rc == 0 && !m->n)
        rc = err_set(e, ERR_PARSE, "'%s' is empty", path);
    if (m->n)
        qsort(m->lines, m->n, sizeof *m->lines, by_path);
    if (rc < 0)
        manifest_release(m);
out:
    free(text);
    free(path);
    return rc;
}

/* ---- images ---- */

const char *manifest_find(const struct manifest *m, const char *image)
{
    char *path = fs_join(m->images, image);
    const struct manifest_line key = {.path = path},
                               *at =
                                   m->n ? bsearch(&key, m->lines, m->n, sizeof key, by_path) : NULL;
    free(path);
    return at ? at->sha256 : NULL;
}

int manifest_verify(const struct manifest *m, const char *image, const char *sha256, struct err *e)
{
    const char *want = m->n ? manifest_find(m, image) : sha256;
    if (str_eq(want, sha256))
        return 0;
    char *shown = str_visible(image);
    if (want)
        err_set(e, ERR_CORRUPT,
                "image '%.300s' is another than when %s was written: its SHA-256 is "
                "%s, expected %s",
                shown, manifest_file, sha256, want);
    else
        err_set(e, ERR_CORRUPT, "image '%.300s' is not in the dataset's %s", shown, manifest_file);
    free(shown);
    return e->code;
}

void manifest_hash_image(struct hash *h, const char *sha256, const char *image)
{
    hash_add(h, sha256, strlen(sha256));
    hash_add(h, "  ", 2);
    hash_add(h, image, strlen(image) + 1); // names may hold line ends, but no 0
}

const char *const *manifest_lists(const struct dataset_row *row, const char *room[2])
{
    static const char *const aircraft[] = {"images_variant_test.txt", "images_variant_train.txt",
                                           "images_variant_val.txt", "variants.txt", NULL},
                             *const imagenet[] = {"classnames.txt", NULL};
    room[0] = row->split;
    room[1] = NULL;
    return row->layout == LAYOUT_SPLIT_JSON ? room
           : row->layout == LAYOUT_AIRCRAFT ? aircraft
                                            : imagenet;
}
