/* See link.h. First a folder below which everything lies as the split says (one link will do), then
 * file by file. */
#include "core/data/link.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/manifest.h"
#include "core/data/split.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEPTH = 4, FOLDERS = 20000, FILES = 4000000 };

static void add(struct links *l, const char *to, const char *name)
{
    MEM_PUSH(l->items, l->n, l->capacity) = (struct link){mem_strdup(to), mem_strdup(name)};
}

void links_release(struct links *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->items[i].to);
        free(l->items[i].name);
    }
    free(l->items);
    *l = (struct links){0};
}

/* ---- the folder that holds it all ---- */

struct sought {
    const struct dataset_row *row;
    const char *images;        // folder that is no answer: where the images ought to be
    const struct split *split; // of a dataset with a split file
};

static bool holds(const char *folder, const char *name)
{
    char *path = fs_join(folder, name);
    const bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

/* Every picture of the split lies below `folder`; the first few decide most cases at once. */
static bool holds_split(const char *folder, const struct split *s)
{
    for (int p = 0; p < SPLIT_PARTS; p++)
        for (size_t i = 0; i < s->part[p].n; i++)
            if (!holds(folder, s->part[p].items[i].path))
                return false;
    return true;
}

/* `folder` has as many folders of classes as the dataset. */
static bool holds_classes(const char *folder, const struct dataset_row *row)
{
    struct fs_names names;
    int n = 0;
    if (fs_list(&names, folder, &(struct err){0}) < 0)
        return false;
    for (size_t i = 0; i < names.n; i++) {
        const char *name = names.names[i];
        n += row->layout == LAYOUT_NUMBERS ? name[strspn(name, "0123456789")] == 0
                                           : *name == 'n' && strlen(name) == 9 &&
                                                 name[1 + strspn(name + 1, "0123456789")] == 0;
    }
    fs_names_release(&names);
    return n == row->classes;
}

static bool is_it(const struct sought *s, const char *folder)
{
    char *train = fs_join(folder, "train"), *val = fs_join(folder, "val");
    bool it = false;
    switch (s->row->layout) {
    case LAYOUT_SPLIT_JSON:
        it = holds_split(folder, s->split);
        break;
    case LAYOUT_AIRCRAFT:
        it = holds(folder, "variants.txt") && holds(folder, "images");
        break;
    case LAYOUT_IMAGENET:
        it = holds_classes(train, s->row) && holds_classes(val, s->row);
        break;
    default:
        it = holds_classes(folder, s->row);
    }
    free(train);
    free(val);
    return it;
}

/* `from` or a folder below it, nearest first; yours to free(), or NULL. */
static char *find_folder(const struct sought *s, const char *from)
{
    struct {
        char *path;
        int depth;
    } *queue = NULL;
    size_t n = 0, capacity = 0, at = 0;
    char *found = NULL;
    MEM_PUSH(queue, n, capacity).path = mem_strdup(from);
    queue[0].depth = 0;
    for (; at < n && !found; at++) {
        struct fs_names names;
        if (is_it(s, queue[at].path)) {
            found = mem_strdup(queue[at].path);
            break;
        }
        if (queue[at].depth == DEPTH || fs_list(&names, queue[at].path, &(struct err){0}) < 0)
            continue;
        for (size_t i = 0; i < names.n && n < FOLDERS; i++) {
            char *path = fs_join(queue[at].path, names.names[i]);
            const int depth = queue[at].depth + 1;
            if (fs_is_folder(path)) {
                MEM_PUSH(queue, n, capacity).path = path;
                queue[n - 1].depth = depth;
            } else {
                free(path);
            }
        }
        fs_names_release(&names);
    }
    for (size_t i = 0; i < n; i++)
        free(queue[i].path);
    free(queue);
    return found;
}

/* Links for `found`, which holds all of it. */
static void link_folder(struct links *l, const struct sought *s, const char *found)
{
    const struct dataset_row *row = s->row;
    const char *room[2];
    if (row->layout == LAYOUT_AIRCRAFT) {
        for (const char *const *name = manifest_lists(row, room); *name; name++) {
            char *path = fs_join(found, *name);
            add(l, path, *name);
            free(path);
        }
        char *path = fs_join(found, row->images);
        add(l, path, row->images);
        free(path);
    } else if (*row->images) {
        add(l, found, row->images);
    } else { // the split's paths begin in the dataset's own folder: a link for each first part
        for (int p = 0; p < SPLIT_PARTS; p++)
            for (size_t i = 0; i < s->split->part[p].n; i++) {
                const char *item = s->split->part[p].items[i].path;
                char *name = mem_strndup(item, strcspn(item, "/")), *path = fs_join(found, name);
                size_t k = 0;
                while (k < l->n && !str_eq(l->items[k].name, name))
                    k++;
                if (k == l->n)
                    add(l, path, name);
                free(path);
                free(name);
            }
    }
}

/* ---- file by file ---- */

struct files {
    char **paths; // absolute, sorted by their last part
    size_t n, capacity;
};

static int by_base(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    const int order = strcmp(fs_base(x), fs_base(y));
    return order ? order : strcmp(x, y);
}

static void walk(struct files *f, const char *folder, int depth)
{
    struct fs_names names;
    if (depth > 2 * DEPTH || fs_list(&names, folder, &(struct err){0}) < 0)
        return;
    for (size_t i = 0; i < names.n && f->n < FILES; i++) {
        char *path = fs_join(folder, names.names[i]);
        if (fs_is_folder(path)) {
            walk(f, path, depth + 1);
            free(path);
        } else {
            MEM_PUSH(f->paths, f->n, f->capacity) = path;
        }
    }
    fs_names_release(&names);
}

/* The last two parts of a path, or all of it. */
static const char *last_two(const char *path)
{
    const char *base = fs_base(path);
    while (base > path && base - 1 > path && base[-2] != '/')
        base--;
    return base > path ? base - 1 : path;
}

/* The one file that is meant; NULL: none, or several (*several). */
static const char *find_file(const struct files *f, const char *item, bool *several)
{
    size_t low = 0, high = f->n;
    const char *base = fs_base(item), *only = NULL, *with_folder = NULL;
    size_t n = 0, n_with = 0;
    while (low < high) {
        const size_t mid = (low + high) / 2;
        if (strcmp(fs_base(f->paths[mid]), base) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < f->n && str_eq(fs_base(f->paths[low]), base); low++) {
        only = f->paths[low];
        n++;
        if (str_eq(last_two(f->paths[low]), last_two(item))) {
            with_folder = f->paths[low];
            n_with++;
        }
    }
    *several = n_with > 1 || (n > 1 && !n_with);
    return n_with == 1 ? with_folder : n == 1 ? only : NULL;
}

static int by_target(const void *a, const void *b)
{
    const struct link *x = a, *y = b;
    const int order = strcmp(x->to, y->to);
    return order ? order : strcmp(x->name, y->name);
}

/* A file stands for one picture only: where names repeat from class to class, and the folders that
 * told them apart are gone, nobody can say what is what. */
static int check_targets(struct links *l, struct err *e)
{
    if (l->n)
        qsort(l->items, l->n, sizeof *l->items, by_target);
    for (size_t i = 1; i < l->n; i++)
        if (str_eq(l->items[i].to, l->items[i - 1].to))
            return err_set(e, ERR_MISSING,
                           "'%s' could be '%s' and '%s': the folders of classes are needed to tell "
                           "them apart",
                           l->items[i].to, l->items[i - 1].name, l->items[i].name);
    return 0;
}

static int link_files(struct links *l, const struct sought *s, const char *from, struct err *e)
{
    struct files f = {0};
    int rc = 0;
    walk(&f, from, 0);
    if (f.n)
        qsort(f.paths, f.n, sizeof *f.paths, by_base);
    for (int p = 0; p < SPLIT_PARTS && rc == 0; p++)
        for (size_t i = 0; i < s->split->part[p].n && rc == 0; i++) {
            const char *item = s->split->part[p].items[i].path;
            bool several = false;
            if (holds(s->images, item))
                continue;
            const char *file = find_file(&f, item, &several);
            char *name = fs_join(s->row->images, item);
            if (file)
                add(l, file, name);
            else
                rc = err_set(e, ERR_MISSING,
                             several ? "'%s' holds several files for '%s', and none of them in a "
                                       "folder of its class"
                                     : "'%s' does not hold '%s', which the split names",
                             from, item);
            free(name);
        }
    if (rc == 0)
        rc = check_targets(l, e);
    for (size_t i = 0; i < f.n; i++)
        free(f.paths[i]);
    free(f.paths);
    return rc;
}

/* ---- interface ---- */

static const char *const wanted[] = {
    [LAYOUT_AIRCRAFT] = "no folder with variants.txt and images",
    [LAYOUT_IMAGENET] = "no folder with train and val of 1000 class folders (n01440764 ...) each; "
                        "Kaggle's val holds the pictures in one folder, see 'promptgrid data show "
                        "imagenet'",
    [LAYOUT_WNIDS] = "no folder with a folder for each class (n01440764 ...)",
    [LAYOUT_NUMBERS] = "no folder with the folders 0 to 999",
};

int link_plan(struct links *l, const struct dataset_row *row, const char *folder, const char *from,
              struct err *e)
{
    char *absolute = realpath(from, NULL), *images = fs_join(folder, row->images);
    struct split split = {0};
    struct sought s = {row, images, &split};
    int rc = 0;
    *l = (struct links){0};
    if (!absolute) {
        err_sys(e, "unable to open '%s'", from);
        rc = e->code = ERR_MISSING;
    } else if (row->layout == LAYOUT_SPLIT_JSON) {
        rc = split_load(&split, row, folder, e);
    }
    if (rc < 0 || (row->layout == LAYOUT_SPLIT_JSON && holds_split(images, &split)))
        goto out;
    char *found = find_folder(&s, absolute);
    if (found && (!*row->images || !fs_is_folder(images)))
        link_folder(l, &s, found);
    else if (row->layout == LAYOUT_SPLIT_JSON)
        rc = link_files(l, &s, absolute, e);
    else
        rc = err_set(e, found ? ERR_USAGE : ERR_MISSING,
                     found ? "'%s' is there already: set it aside, then it can be a link to '%s'"
                           : "'%s' holds %s",
                     found ? images : from, found ? found : wanted[row->layout]);
    free(found);
out:
    if (rc < 0)
        links_release(l);
    split_release(&split);
    free(absolute);
    free(images);
    return rc;
}

int link_make(const struct links *l, const char *folder, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < l->n && rc == 0; i++) {
        char *path = fs_join(folder, l->items[i].name), *around = fs_folder(path), there[PATH_MAX];
        rc = fs_make_folders(around, e);
        if (rc == 0 && symlink(l->items[i].to, path) < 0) {
            ssize_t n = errno == EEXIST ? readlink(path, there, sizeof there - 1) : -1;
            there[n > 0 ? n : 0] = 0;
            if (errno == EEXIST && !str_eq(there, l->items[i].to))
                rc = err_set(e, ERR_USAGE, "'%s' is there already: set it aside", path);
            else if (n < 0)
                rc = err_sys(e, "unable to link '%s'", path);
        }
        free(path);
        free(around);
    }
    return rc < 0 || !l->n ? rc : fs_sync_folder(folder, e);
}

/* ---- where others keep it ---- */

static const struct {
    const char *dataset, *whose, *folder; // below a root
} places[] = {
    {"imagenet", "Kaggle", "ILSVRC"},
    {"imagenet", "torchvision", "ILSVRC2012"},
    {"imagenet", "torchvision", "imagenet"},
    {"caltech101", "torchvision", "caltech101"},
    {"oxford_pets", "torchvision", "oxford-iiit-pet"},
    {"oxford_pets", "Kaggle", "the-oxfordiiit-pet-dataset"},
    {"stanford_cars", "Kaggle", "stanford-cars-dataset"},
    {"stanford_cars", "Kaggle", "stanford_cars"},
    {"oxford_flowers", "torchvision", "flowers-102"},
    {"food101", "Kaggle", "food-101/food-101"},
    {"food101", "TensorFlow Datasets", "food101"},
    {"fgvc_aircraft", "torchvision", "fgvc-aircraft-2013b"},
    {"sun397", "torchvision", "SUN397"},
    {"dtd", "torchvision", "dtd/dtd"},
    {"eurosat", "torchvision", "eurosat"},
    {"eurosat", "its authors", "EuroSAT"},
    {"ucf101", "its authors", "UCF-101-midframes"},
    {"imagenetv2", "its authors", "imagenetv2-matched-frequency-format-val"},
    {"imagenet_sketch", "its authors", "sketch"},
    {"imagenet_a", "its authors", "imagenet-a"},
    {"imagenet_r", "its authors", "imagenet-r"},
};

char *link_find(const struct roots *roots, const struct dataset_row *row, const char **whose)
{
    for (size_t r = 0; r + 1 < roots->n; r++) // the last is that of the pocket datasets
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            if (!str_eq(places[i].dataset, row->name))
                continue;
            char *path = fs_join(roots->folders[r], places[i].folder);
            if (fs_is_folder(path)) {
                *whose = places[i].whose;
                return path;
            }
            free(path);
        }
    return NULL;
}
