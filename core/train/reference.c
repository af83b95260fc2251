/* The rows of reference.h, and looking into them. */
#include "core/train/reference.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <string.h>

#define VPT "transformer.resblocks.#.VPT_shallow"

/* The first whose mark is there is it. */
const struct reference references[] = {
    {"maple",
     NULL,
     "maple",
     "proj.weight",
     "MultiModalPromptLearner",
     true,
     "a photo of a",
     {{"ctx", "ctx", 0, 0, false},
      {"proj.weight", "projection.weight", 0, 0, false},
      {"proj.bias", "projection.bias", 0, 0, false},
      {"compound_prompts_text.#", "deep", 0, 0, false},
      {"compound_prompt_projections.#.weight", "projection.weight", 0, 1, false},
      {"compound_prompt_projections.#.bias", "projection.bias", 0, 1, false}}},
    {"ivlp",
     "promptsrc",
     "ivlp",
     "image_encoder.VPT",
     "VLPromptLearner",
     true,
     "a photo of a",
     {{"ctx", "ctx", 0, 0, false},
      {"image_encoder.VPT", "visual", 0, 0, true},
      {"image_encoder." VPT, "visual", 1, 1, true},
      {"text_encoder." VPT, "deep", 1, 0, true}}},
    {"kgcoop",
     NULL,
     "coop",
     "bias_vectors",
     "prompt_learner",
     false,
     "",
     {{"ctx", "ctx", 0, 0, false},
      {"bias_vectors", NULL, 0, 0, false},
      {"meta_net.linear1.weight", NULL, 0, 0, false},
      {"meta_net.linear1.bias", NULL, 0, 0, false}}},
    {"cocoop",
     NULL,
     "cocoop",
     "meta_net.linear2.weight",
     "prompt_learner",
     false,
     "",
     {{"ctx", "ctx", 0, 0, false},
      {"meta_net.linear1.weight", "meta_net.linear1.weight", 0, 0, false},
      {"meta_net.linear1.bias", "meta_net.linear1.bias", 0, 0, false},
      {"meta_net.linear2.weight", "meta_net.linear2.weight", 0, 0, false},
      {"meta_net.linear2.bias", "meta_net.linear2.bias", 0, 0, false}}},
    {"coop",
     "prograd|rlp",
     "coop",
     "ctx",
     "prompt_learner",
     false,
     "",
     {{"ctx", "ctx", 0, 0, false}}},
    {0},
};

bool reference_is(const struct reference *r, const char *trainer)
{
    size_t n = strlen(trainer);
    if (str_eq(r->trainer, trainer))
        return true;
    for (const char *word = r->alike; word; word = strchr(word, '|')) {
        word += *word == '|';
        if (strncmp(word, trainer, n) == 0 && (!word[n] || word[n] == '|'))
            return true;
    }
    return false;
}

const struct reference *reference_find(const char *trainer)
{
    for (const struct reference *r = references; r->trainer; r++)
        if (reference_is(r, trainer))
            return r;
    return NULL;
}

const char *reference_plain(const char *name)
{
    static const char *const prefixes[] = {"module.", "prompt_learner."};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (str_starts(name, prefixes[i]))
            name += strlen(prefixes[i]);
    return name;
}

char *reference_name(const struct reference *r, const char *ours, int level)
{
    for (const struct reference_tensor *t = r->tensors; t->theirs; t++) {
        const char *number = strchr(t->theirs, '#');
        if (!str_eq(t->ours, ours) || (number ? level < t->level : level != t->level))
            continue;
        return number ? str_format("%.*s%d%s", (int)(number - t->theirs), t->theirs,
                                   level - t->level + t->first, number + 1)
                      : mem_strdup(t->theirs);
    }
    return NULL;
}

bool reference_is_stacked(const struct reference *r, const char *ours)
{
    for (const struct reference_tensor *t = r->tensors; t->theirs; t++)
        if (str_eq(t->ours, ours) && strchr(t->theirs, '#'))
            return true;
    return false;
}

bool reference_is_ballast(const struct reference *r, const char *plain)
{
    static const char *const buffers[] = {"token_prefix", "token_suffix", "logit_scale"};
    static const char *const models[] = {"image_encoder.", "text_encoder.", "ZS_image_encoder."};
    for (const struct reference_tensor *t = r->tensors; t->theirs; t++)
        if (!t->ours && str_eq(t->theirs, plain))
            return true;
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        if (str_eq(plain, buffers[i]))
            return true;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        if (str_starts(plain, models[i]))
            return !strstr(plain, "VPT"); // trained parts of the model
    return false;
}
