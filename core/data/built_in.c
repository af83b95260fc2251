/*
 * The catalogue's rows: see catalogue.h. A new dataset or backbone is one more row here and nothing
 * anywhere else, but for where it comes from (origin_table.c).
 */
#include "core/data/catalogue.h"

#include "core/base/str.h"

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

const struct dataset_row *dataset_built_in(const char *name)
{
    for (const struct dataset_row *d = dataset_rows; d->name; d++)
        if (str_eq(d->name, name))
            return d;
    return NULL;
}

bool dataset_is_taken(const char *name)
{
    return dataset_built_in(name) || dataset_set_find(name);
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
