/* Templates as data: see templates.h. */
#include "core/data/templates.h"

#include "core/base/str.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static const char *const select7[] = {
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
};

static const char *const imagenet80[] = {
    "a bad photo of a {}.",
    "a photo of many {}.",
    "a sculpture of a {}.",
    "a photo of the hard to see {}.",
    "a low resolution photo of the {}.",
    "a rendering of a {}.",
    "graffiti of a {}.",
    "a bad photo of the {}.",
    "a cropped photo of the {}.",
    "a tattoo of a {}.",
    "the embroidered {}.",
    "a photo of a hard to see {}.",
    "a bright photo of a {}.",
    "a photo of a clean {}.",
    "a photo of a dirty {}.",
    "a dark photo of the {}.",
    "a drawing of a {}.",
    "a photo of my {}.",
    "the plastic {}.",
    "a photo of the cool {}.",
    "a close-up photo of a {}.",
    "a black and white photo of the {}.",
    "a painting of the {}.",
    "a painting of a {}.",
    "a pixelated photo of the {}.",
    "a sculpture of the {}.",
    "a bright photo of the {}.",
    "a cropped photo of a {}.",
    "a plastic {}.",
    "a photo of the dirty {}.",
    "a jpeg corrupted photo of a {}.",
    "a blurry photo of the {}.",
    "a photo of the {}.",
    "a good photo of the {}.",
    "a rendering of the {}.",
    "a {} in a video game.",
    "a photo of one {}.",
    "a doodle of a {}.",
    "a close-up photo of the {}.",
    "a photo of a {}.",
    "the origami {}.",
    "the {} in a video game.",
    "a sketch of a {}.",
    "a doodle of the {}.",
    "a origami {}.",
    "a low resolution photo of a {}.",
    "the toy {}.",
    "a rendition of the {}.",
    "a photo of the clean {}.",
    "a photo of a large {}.",
    "a rendition of a {}.",
    "a photo of a nice {}.",
    "a photo of a weird {}.",
    "a blurry photo of a {}.",
    "a cartoon {}.",
    "art of a {}.",
    "a sketch of the {}.",
    "a embroidered {}.",
    "a pixelated photo of a {}.",
    "itap of the {}.",
    "a jpeg corrupted photo of the {}.",
    "a good photo of a {}.",
    "a plushie {}.",
    "a photo of the nice {}.",
    "a photo of the small {}.",
    "a photo of the weird {}.",
    "the cartoon {}.",
    "art of the {}.",
    "a drawing of the {}.",
    "a photo of the large {}.",
    "a black and white photo of a {}.",
    "the plushie {}.",
    "a dark photo of a {}.",
    "itap of a {}.",
    "graffiti of the {}.",
    "a toy {}.",
    "itap of my {}.",
    "a photo of a cool {}.",
    "a photo of a small {}.",
    "a tattoo of the {}.",
};

enum { PLAIN = 39, PROMPTSRC = 60 }; // "a photo of a {}." among the 80; how many PromptSRC takes

static const struct {
    const char *name;
    const char *const *templates;
    size_t n;
} sets[] = {
    {"select7", select7, COUNT(select7)},
    {"imagenet80", imagenet80, COUNT(imagenet80)},
    {"promptsrc60", imagenet80, PROMPTSRC},
};

/* Where the methods differ from the catalogue's row; NULL = they do not. The pocket datasets are as
 * those they stand for. */
static const struct {
    const char *dataset, *kgcoop, *prograd;
} variants[] = {
    {"oxford_pets", NULL, "a type of pet, a photo of a {}."},
    {"oxford_flowers", NULL, "a type of flower, a photo of a {}."},
    {"fgvc_aircraft", NULL, "a type of aircraft, a photo of a {}."},
    {"dtd", "a photo of a {}, a type of texture.", "a texture of {}."},
    {"food101", NULL, "a type of food, a photo of {}."},
    {"pocket-flowers", NULL, "a type of flower, a photo of a {}."},
    {"pocket-textures", "a photo of a {}, a type of texture.", "a texture of {}."},
};

size_t templates_count(const char *set)
{
    for (size_t s = 0; s < COUNT(sets); s++)
        if (str_eq(sets[s].name, set))
            return sets[s].n;
    return 0;
}

const char *templates_for(const char *set, size_t i)
{
    BUG_IF(i >= templates_count(set));
    if (str_eq(set, "promptsrc60") && i <= PLAIN) // the plain one goes before those above it
        i = i ? i - 1 : PLAIN;
    for (size_t s = 0; s < COUNT(sets); s++)
        if (str_eq(sets[s].name, set))
            return sets[s].templates[i];
    BUG("no set '%s'", set);
}

const char *template_kgcoop(const struct dataset_row *d)
{
    for (size_t i = 0; i < COUNT(variants); i++)
        if (variants[i].kgcoop && str_eq(variants[i].dataset, d->name))
            return variants[i].kgcoop;
    return d->template_;
}

const char *template_prograd(const struct dataset_row *d)
{
    for (size_t i = 0; i < COUNT(variants); i++)
        if (variants[i].prograd && str_eq(variants[i].dataset, d->name))
            return variants[i].prograd;
    return d->template_;
}
