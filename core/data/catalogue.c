/*
 * The catalogue's rows and the search for files: see catalogue.h. A new dataset or backbone is one
 * more row here and nothing anywhere else, but for where it comes from (origin_table.c).
 */
#include "core/data/catalogue.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/origin.h"
#include "core/data/own.h"

#include <stdlib.h>
#include <string.h>

#define JSON_ROW(name_, label_, folder_, images_, split_, template__, K, tr, va, te)               \
    {                                                                                              \
        .name = name_, .label = label_, .folder = folder_, .images = images_, .split = split_,     \
        .template_ = template__, .layout = LAYOUT_SPLIT_JSON, .classes = K, .train = tr,           \
        .val = va, .test = te                                                                      \
    }

/* A variant of ImageNet: nothing to train on, all of it test. */
#define VARIANT_ROW(name_, label_, folder_, images_, layout_, K, te)                               \
    {                                                                                              \
        .name = name_, .label = label_, .folder = folder_, .images = images_,                      \
        .template_ = "a photo of a {}.", .layout = layout_, .classes = K, .test = te               \
    }

/* 20 training, 6 validation and 20 test pictures a class. */
#define POCKET_ROW(name_, template__, K)                                                           \
    JSON_ROW(name_, name_, name_, "images", "split_zhou_" name_ ".json", template__, K, 20 * (K),  \
             6 * (K), 20 * (K))

const struct dataset_row dataset_rows[] = {
    {.name = "imagenet",
     .label = "ImageNet",
     .folder = "imagenet",
     .images = "images",
     .template_ = "a photo of a {}.",
     .layout = LAYOUT_IMAGENET,
     .classes = 1000,
     .train = 1281167,
     .val = 50000,
     .test = 50000,
     .note =
         "files are taken in sorted order; published few-shot picks followed the order of their "
         "authors' file systems and cannot be had back exactly; 'val' is the test set"},
    JSON_ROW("caltech101", "Caltech101", "caltech-101", "101_ObjectCategories",
             "split_zhou_Caltech101.json", "a photo of a {}.", 100, 4128, 1649, 2465),
    JSON_ROW("oxford_pets", "OxfordPets", "oxford_pets", "images", "split_zhou_OxfordPets.json",
             "a photo of a {}, a type of pet.", 37, 2944, 736, 3669),
    JSON_ROW("stanford_cars", "StanfordCars", "stanford_cars", "", "split_zhou_StanfordCars.json",
             "a photo of a {}.", 196, 6509, 1635, 8041),
    JSON_ROW("oxford_flowers", "Flowers102", "oxford_flowers", "jpg",
             "split_zhou_OxfordFlowers.json", "a photo of a {}, a type of flower.", 102, 4093, 1633,
             2463),
    JSON_ROW("food101", "Food101", "food-101", "images", "split_zhou_Food101.json",
             "a photo of {}, a type of food.", 101, 50500, 20200, 30300),
    {.name = "fgvc_aircraft",
     .label = "FGVCAircraft",
     .folder = "fgvc_aircraft",
     .images = "images",
     .template_ = "a photo of a {}, a type of aircraft.",
     .layout = LAYOUT_AIRCRAFT,
     .classes = 100,
     .train = 3334,
     .val = 3333,
     .test = 3333},
    JSON_ROW("sun397", "SUN397", "sun397", "SUN397", "split_zhou_SUN397.json", "a photo of a {}.",
             397, 15880, 3970, 19850),
    JSON_ROW("dtd", "DTD", "dtd", "images", "split_zhou_DescribableTextures.json", "{} texture.",
             47, 2820, 1128, 1692),
    JSON_ROW("eurosat", "EuroSAT", "eurosat", "2750", "split_zhou_EuroSAT.json",
             "a centered satellite photo of {}.", 10, 13500, 5400, 8100),
    JSON_ROW("ucf101", "UCF101", "ucf101", "UCF-101-midframes", "split_zhou_UCF101.json",
             "a photo of a person doing {}.", 101, 7639, 1898, 3783),
    VARIANT_ROW("imagenetv2", "ImageNetV2", "imagenetv2", "imagenetv2-matched-frequency-format-val",
                LAYOUT_NUMBERS, 1000, 10000),
    VARIANT_ROW("imagenet_sketch", "ImageNet-Sketch", "imagenet-sketch", "images", LAYOUT_WNIDS,
                1000, 50889),
    VARIANT_ROW("imagenet_a", "ImageNet-A", "imagenet-adversarial", "imagenet-a", LAYOUT_WNIDS, 200,
                7500),
    VARIANT_ROW("imagenet_r", "ImageNet-R", "imagenet-rendition", "imagenet-r", LAYOUT_WNIDS, 200,
                30000),
    POCKET_ROW("pocket-flowers", "a photo of a {}, a type of flower.", 14),
    POCKET_ROW("pocket-glyphs", "a photo of a {}.", 24),
    POCKET_ROW("pocket-land", "a centered satellite photo of {}.", 12),
    POCKET_ROW("pocket-shapes", "a photo of a {}.", 16),
    POCKET_ROW("pocket-textures", "{} texture.", 14),
    {0},
};

/* Members in the order of published tables; cross10 is all11 without ImageNet, which is first. */
static const char *const all11[] = {
    "imagenet",      "caltech101", "oxford_pets", "stanford_cars", "oxford_flowers", "food101",
    "fgvc_aircraft", "sun397",     "dtd",         "eurosat",       "ucf101",         NULL};
static const char *const dg4[] = {"imagenetv2", "imagenet_sketch", "imagenet_a", "imagenet_r",
                                  NULL};
static const char *const pocket5[] = {"pocket-flowers", "pocket-glyphs",   "pocket-land",
                                      "pocket-shapes",  "pocket-textures", NULL};

static const char *const set_names[] = {"all11", "cross10", "dg4", "pocket5", NULL};
static const char *const *const sets[] = {all11, all11 + 1, dg4, pocket5};

const struct backbone_row backbone_rows[] = {
    {"pocket", "pocket CLIP"}, {"rn50", "RN50"},        {"rn101", "RN101"}, {"vit-b16", "ViT-B/16"},
    {"vit-b32", "ViT-B/32"},   {"vit-l14", "ViT-L/14"}, {NULL, NULL},
};

size_t dataset_rows_count(void)
{
    return sizeof dataset_rows / sizeof dataset_rows[0] - 1;
}

const struct dataset_row *dataset_at(size_t i)
{
    const size_t n = dataset_rows_count();
    return i < n ? &dataset_rows[i] : own_at(i - n);
}

static const struct dataset_row *find_built_in(const char *name)
{
    for (const struct dataset_row *d = dataset_rows; d->name; d++)
        if (str_eq(d->name, name))
            return d;
    return NULL;
}

bool dataset_is_taken(const char *name)
{
    return find_built_in(name) || dataset_set_find(name);
}

const struct dataset_row *dataset_find(const char *name)
{
    const struct dataset_row *d = find_built_in(name);
    return d ? d : own_find(name);
}

const char *dataset_label(const char *name)
{
    const struct dataset_row *d = name ? dataset_find(name) : NULL;
    return d ? d->label : name;
}

int dataset_get(const struct dataset_row **row, const char *name, struct err *e)
{
    size_t n = dataset_rows_count() + own_count();
    *row = dataset_find(name);
    if (*row)
        return 0;
    if (own_problem(name))
        return err_set(e, ERR_USAGE, "dataset '%s' cannot be used: %s", name, own_problem(name));
    const char **names = mem_alloc(n, sizeof *names);
    for (size_t i = 0; i < n; i++)
        names[i] = dataset_at(i)->name;
    const char *near = str_nearest(name, names, n, sizeof *names);
    free(names);
    return err_set(e, ERR_USAGE, "unknown dataset '%s'%s%s%s", name, near ? ", did you mean '" : "",
                   near ? near : "", near ? "'?" : "");
}

int dataset_in(const struct dataset_row **row, const char *name, const char *folder, struct err *e)
{
    *row = find_built_in(name);
    if (*row)
        return 0;
    int rc = own_read(row, folder, e);
    if (rc == ERR_MISSING)
        return err_set(e, ERR_MISSING, "unknown dataset '%s', and folder '%s' holds no %s", name,
                       folder, own_file);
    if (rc == 0 && !str_eq((*row)->name, name))
        rc = err_set(e, ERR_MISSING, "folder '%s' is not that of dataset '%s'", folder, name);
    return rc;
}

bool dataset_is_target(const struct dataset_row *d)
{
    return d->layout == LAYOUT_WNIDS || d->layout == LAYOUT_NUMBERS;
}

const char *const *dataset_set_find(const char *name)
{
    for (size_t i = 0; set_names[i]; i++)
        if (str_eq(set_names[i], name))
            return sets[i];
    return NULL;
}

const char *const *dataset_set_names(void)
{
    return set_names;
}

size_t backbone_rows_count(void)
{
    return sizeof backbone_rows / sizeof backbone_rows[0] - 1;
}

const struct backbone_row *backbone_find(const char *name)
{
    for (const struct backbone_row *b = backbone_rows; b->name; b++)
        if (str_eq(b->name, name))
            return b;
    return NULL;
}

const char *backbone_label(const char *name)
{
    const struct backbone_row *b = name ? backbone_find(name) : NULL;
    return b ? b->label : name;
}

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
