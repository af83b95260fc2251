/* The sizes of OpenAI's models (spec/clip-model.md section 1): see architecture.h. */
#include "core/clip/architecture.h"

#include "core/base/str.h"

static const struct {
    const char *label;
    enum clip_kind kind;
    int image_size, patch, vision_width, vision_layers, text_width, embed;
} known[] = {
    {"RN50", CLIP_RESNET, 224, 32, 64, 16, 512, 1024},
    {"RN101", CLIP_RESNET, 224, 32, 64, 33, 512, 512},
    {"RN50x4", CLIP_RESNET, 288, 32, 80, 26, 640, 640},
    {"RN50x16", CLIP_RESNET, 384, 32, 96, 40, 768, 768},
    {"RN50x64", CLIP_RESNET, 448, 32, 128, 61, 1024, 1024},
    {"ViT-B/32", CLIP_VIT, 224, 32, 768, 12, 512, 512},
    {"ViT-B/16", CLIP_VIT, 224, 16, 768, 12, 512, 512},
    {"ViT-L/14", CLIP_VIT, 224, 14, 1024, 24, 768, 768},
    {"ViT-L/14@336px", CLIP_VIT, 336, 14, 1024, 24, 768, 768},
};

const char *architecture_label(const struct clip_shape *s)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].kind == s->kind && known[i].image_size == s->image_size &&
            known[i].patch == s->patch && known[i].vision_width == s->vision_width &&
            known[i].vision_layers == s->vision_layers && known[i].text_width == s->text_width &&
            known[i].embed == s->embed && s->text_layers == 12 && s->context == 77)
            return known[i].label;
    return NULL;
}

char *architecture_text(const struct clip_shape *s)
{
    const char *label = architecture_label(s);
    return str_format(
        "%s: images of %d pixels, %s of %d blocks of width %d in patches of %d; texts "
        "of %d tokens, %d blocks of width %d, %d words; joint dimension %d",
        label ? label : "no architecture of OpenAI's", s->image_size,
        s->kind == CLIP_RESNET ? "a ResNet" : "a ViT", s->vision_layers, s->vision_width, s->patch,
        s->context, s->text_layers, s->text_width, s->vocab, s->embed);
}
