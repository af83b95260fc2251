/* The search for the files of datasets and backbones: see catalogue.h. */
#include "core/data/catalogue.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/origin.h"
#include "core/data/own.h"

#include <stdlib.h>
#include <string.h>

enum { MERGES_LIMIT = 64 << 20 }; // bytes, unpacked

int roots_open(struct roots *r, const char *const *given, size_t n, struct err *e)
{
    size_t capacity = 0;
    *r = (struct roots){0};
    int rc = fs_home(&r->home, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < n; i++)
        MEM_PUSH(r->folders, r->n, capacity) = mem_strdup(given[i]);
    const char *workspace = getenv("PROMPTGRID_WORKSPACE");
    r->workspace = mem_strdup(workspace && *workspace ? workspace : "workspace");
    const char *list = n ? NULL : getenv("PROMPTGRID_DATA");
    while (list && *list) {
        size_t length = strcspn(list, ":");
        if (length)
            MEM_PUSH(r->folders, r->n, capacity) = mem_strndup(list, length);
        list += length + (list[length] == ':');
    }
    own_scan(r->folders, r->n);
    MEM_PUSH(r->folders, r->n, capacity) = fs_join(r->home, "recipes/pocket/data");
    return 0;
}

void roots_release(struct roots *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->folders[i]);
    free(r->folders);
    free(r->home);
    free(r->workspace);
    *r = (struct roots){0};
}

/* "'a', 'b'": the places looked at. */
static void add_place(struct str *places, const char *path)
{
    str_addf(places, "%s'%s'", places->size ? ", " : "", path);
}

/* The pocket datasets' folder is always among them, as the last. */
static const char *not_given(const struct roots *r)
{
    return r->n > 1 ? "" : "no --data or PROMPTGRID_DATA folder was given, and ";
}

int roots_dataset(const struct roots *r, const struct dataset_row *d, char **folder, struct err *e)
{
    const struct origin *origin = origin_of(d);
    const bool fetched = origin && origin->files[0].file;
    struct str looked = STR_INIT;
    for (size_t i = 0; i < r->n; i++) {
        char *path = fs_join(r->folders[i], d->folder);
        if (fs_is_folder(path)) {
            str_release(&looked);
            *folder = path;
            return 0;
        }
        add_place(&looked, path);
        free(path);
    }
    int rc = err_set(e, ERR_MISSING,
                     "dataset '%s' was not found: %sno folder %s; set --data or PROMPTGRID_DATA to "
                     "the folder that holds '%s'%s%s%s",
                     d->name, not_given(r), looked.data, d->folder,
                     fetched ? ", or 'promptgrid data fetch " : "", fetched ? d->name : "",
                     fetched ? "'" : "");
    str_release(&looked);
    return rc;
}

/* The folder of a catalogue backbone. */
static int find_backbone(const struct roots *r, const char *name, char **folder, struct err *e)
{
    struct str looked = STR_INIT;
    char *below = fs_join("backbones", name), *built_in = fs_join("recipes", name);
    // After the folders given comes the workspace; the pocket datasets' root, which is last, stands
    // for the program's own files.
    for (size_t i = 0; i <= r->n && !*folder; i++) {
        char *path = i + 1 < r->n    ? fs_join(r->folders[i], below)
                     : i + 1 == r->n ? fs_join(r->workspace, below)
                                     : fs_join(r->home, built_in);
        if (fs_is_folder(path)) {
            *folder = path;
            break;
        }
        add_place(&looked, path);
        free(path);
    }
    int rc = 0;
    if (!*folder)
        rc =
            err_set(e, ERR_MISSING,
                    "backbone '%s' was not found: %sno folder %s; see 'promptgrid weights', or set "
                    "--data or PROMPTGRID_DATA to the folder that holds '%s'",
                    name, not_given(r), looked.data, below);
    free(below);
    free(built_in);
    str_release(&looked);
    return rc;
}

bool backbone_is_merges(const char *name)
{
    return str_eq(name, "merges.txt") ||
           (str_starts(name, "bpe") && (str_ends(name, ".txt") || str_ends(name, ".txt.gz")));
}

/* The one merges file in `folder`; NULL in *merges when there is none. */
static int one_merges(const char *folder, char **merges, struct err *e)
{
    struct fs_names names;
    const char *found = NULL;
    int rc = fs_list(&names, folder, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < names.n; i++) {
        if (!backbone_is_merges(names.names[i]))
            continue;
        if (found) {
            rc = err_set(e, ERR_MISSING,
                         "folder '%s' holds two merges files, '%s' and '%s': keep one", folder,
                         found, names.names[i]);
            goto out;
        }
        found = names.names[i];
    }
    *merges = found ? fs_join(folder, found) : NULL;
out:
    fs_names_release(&names);
    return rc;
}

int backbone_merges(const char *folder, char **merges, struct err *e)
{
    char *around = fs_folder(folder);
    int rc = one_merges(folder, merges, e);
    if (rc == 0 && !*merges && str_eq(fs_base(around), "backbones"))
        rc = one_merges(around, merges, e);
    if (rc == 0 && !*merges)
        rc =
            err_set(e, ERR_MISSING,
                    "folder '%s' holds no merges file bpe*.txt, bpe*.txt.gz or merges.txt", folder);
    free(around);
    return rc;
}

int backbone_merges_hash(char out[HASH_HEX], const char *path, struct err *e)
{
    char *text;
    size_t size;
    if (fs_read_gzip(&text, &size, path, MERGES_LIMIT, e) < 0)
        return e->code;
    hash_bytes(out, text, size);
    free(text);
    return 0;
}

int roots_backbone(const struct roots *r, const char *name, struct backbone_files *out,
                   struct err *e)
{
    char *folder = NULL;
    int rc = 0;
    *out = (struct backbone_files){0};
    if (backbone_find(name)) {
        rc = find_backbone(r, name, &folder, e);
    } else if (fs_is_folder(name)) {
        folder = mem_strdup(name);
    } else {
        const char *near =
            str_nearest(name, backbone_rows, backbone_rows_count(), sizeof backbone_rows[0]);
        rc = err_set(e, ERR_MISSING, "'%s' is neither a backbone nor a folder%s%s%s", name,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    if (rc < 0)
        return rc;
    out->weights = fs_join(folder, "model.safetensors");
    if (!fs_is_file(out->weights))
        rc = err_set(e, ERR_MISSING, "folder '%s' holds no model.safetensors", folder);
    else
        rc = backbone_merges(folder, &out->merges, e);
    if (rc < 0)
        backbone_files_release(out);
    free(folder);
    return rc;
}

void backbone_files_release(struct backbone_files *f)
{
    free(f->weights);
    free(f->merges);
    *f = (struct backbone_files){0};
}
