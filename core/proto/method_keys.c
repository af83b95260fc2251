/* The methods' recipe keys: see method_keys.h. Add a method: one row here, one file in core/method.
 */
#include "core/proto/method_keys.h"

#include "core/base/str.h"

/* SGD as every method of the CoOp family uses it: spec/training.md sections 1 and 2. */
#define SGD_KEYS(lr_preset) SGD_KEYS_OF("50", "32", lr_preset)
#define SGD_KEYS_OF(epochs_preset, batch_preset, lr_preset)                                        \
    {"epochs", KEY_INT, 1, 100000, NULL, epochs_preset, "passes over the training images"},        \
        {"batch",                                                                                  \
         KEY_INT,                                                                                  \
         1,                                                                                        \
         100000,                                                                                   \
         NULL,                                                                                     \
         batch_preset,                                                                             \
         "images per step; the last short batch is dropped unless it is the only one"},            \
        {"lr", KEY_REAL, 0, 1e6, NULL, lr_preset, "learning rate after the warm-up epoch"},        \
        {"warmup-lr", KEY_REAL, 0, 1e6, NULL, "1e-5", "learning rate of the first epoch"},         \
        {"momentum", KEY_REAL, 0, 1, NULL, "0.9", "SGD momentum"},                                 \
        {"weight-decay", KEY_REAL, 0, 1, NULL, "5e-4", "L2 decay of the trained tensors"},         \
    {                                                                                              \
        "probe", KEY_INT, 0, 100000, NULL, "0",                                                    \
            "test after every N-th epoch too, for curves; 0 = never; the result is the same"       \
    }

/* What text features are made of: core/method/classifier.h. */
#define ENSEMBLE_KEYS(set_preset)                                                                  \
    {"template",                                                                                   \
     KEY_TEXT,                                                                                     \
     0,                                                                                            \
     0,                                                                                            \
     NULL,                                                                                         \
     NULL,                                                                                         \
     "prompt with {} for the class name; \"\" = none (default: the dataset's own)"},               \
    {                                                                                              \
        "ensemble", KEY_CHOICE, 0, 0, "none|select7|imagenet80", set_preset,                       \
            "templates whose features are averaged with the template's; ImageNet's own is then "   \
            "left out, as in the reference"                                                        \
    }

static const struct method_key zero_shot_keys[] = {
    ENSEMBLE_KEYS("none"),
    {0},
};

static const struct method_key checkpoint_keys[] = {
    {"path", KEY_TEXT, 0, 0, NULL, NULL,
     "file of a trained prompt, the folder of its trainer, or a run of ours, as seen from where "
     "the "
     "command is given; {dataset}, {source}, {shots} and {seed} stand for the run's (must be "
     "given)"},
    {"trainer", KEY_CHOICE, 0, 0, "auto|coop|cocoop|kgcoop|prograd|rlp|maple|ivlp|promptsrc",
     "auto", "what made it; auto: as its tensors say, where CoOp, ProGrad and RLP look the same"},
    {"words", KEY_TEXT, 0, 0, NULL, NULL,
     "words that its context started from; those beyond its vectors stay in the prompt (default: "
     "its trainer's, of ProGrad the dataset's template)"},
    {"name-position", KEY_CHOICE, 0, 0, "auto|end|middle|front", "auto",
     "where the class name stands in a prompt of CoOp; auto: at the end, or as our run had it"},
    {"name", KEY_TEXT, 0, 0, NULL, "", "what tables call it; \"\" = by its trainer"},
    {0},
};

/* What a low-rank context needs beside its rank. */
#define FACTOR_KEYS                                                                                \
    {"dropout", KEY_REAL, 0, 0.95, NULL, "0.1", "dropout of the product A B (rate assumed)"},      \
        {"zero", KEY_CHOICE, 0, 0, "A|B", "A", "factor that starts at zero (assumed)"},            \
    {                                                                                              \
        "std", KEY_REAL, 0, 10, NULL, "0.02",                                                      \
            "standard deviation of the other factor's start (assumed)"                             \
    }

/* Low rank as a plug-in: any learned context may be start + dropout(A B). */
#define RANK_KEYS                                                                                  \
    {"rank",                                                                                       \
     KEY_INT,                                                                                      \
     0,                                                                                            \
     64,                                                                                           \
     NULL,                                                                                         \
     "0",                                                                                          \
     "train the context as start + A B of this rank; 0 = in full"},                                \
        FACTOR_KEYS

static const struct method_key coop_keys[] = {
    {"context", KEY_TEXT, 0, 0, NULL, "a photo of a",
     "words whose embeddings the context starts from; \"\" = random, normal with std 0.02"},
    {"length", KEY_INT, 1, 64, NULL, "16",
     "context vectors; words give their own number and this key is then ignored"},
    {"class-specific", KEY_CHOICE, 0, 0, "no|yes", "no",
     "a context for every class, random at first (context: \"\"); cannot serve new classes"},
    {"position", KEY_CHOICE, 0, 0, "end|middle|front", "end",
     "where the class name stands: after, within or before the context"},
    RANK_KEYS,
    SGD_KEYS("0.002"),
    {0},
};

static const struct method_key rlp_keys[] = {
    {"context", KEY_TEXT, 0, 0, NULL, "a photo of a",
     "words of the frozen initial context that the low-rank product is added to"},
    {"rank", KEY_INT, 1, 64, NULL, "1", "R of the factors A (M x R) and B (R x C)"},
    FACTOR_KEYS,
    {"init-branch", KEY_CHOICE, 0, 0, "yes|no", "yes",
     "no: the context is the product alone, both factors random (ablation)"},
    SGD_KEYS("0.002"),
    {0},
};

static const struct method_key cocoop_keys[] = {
    {"context", KEY_TEXT, 0, 0, NULL, "a photo of a",
     "words whose embeddings the context starts from; \"\" = random, normal with std 0.02"},
    {"length", KEY_INT, 1, 64, NULL, "4",
     "context vectors; words give their own number and this key is then ignored"},
    RANK_KEYS,
    SGD_KEYS_OF("10", "1", "0.002"),
    {0},
};

static const struct method_key kgcoop_keys[] = {
    {"context", KEY_TEXT, 0, 0, NULL, "a photo of a",
     "words whose embeddings the context starts from"},
    {"teacher-template", KEY_TEXT, 0, 0, NULL, NULL,
     "prompt with {} that the text features are held near (default: KgCoOp's of the dataset)"},
    {"weight", KEY_REAL, 0, 1e6, NULL, "8",
     "W of the distance to the teacher; 8 for every dataset (assumed: no other is known)"},
    RANK_KEYS,
    SGD_KEYS_OF("100", "128", "0.002"),
    {0},
};

static const struct method_key prograd_keys[] = {
    {"teacher-template", KEY_TEXT, 0, 0, NULL, NULL,
     "prompt with {} of the zero-shot teacher; its words start the context (default: ProGrad's of "
     "the dataset)"},
    {"start", KEY_CHOICE, 0, 0, "template|random", "template",
     "the context's start: the teacher's words in the last rows and zeros before, or random"},
    {"length", KEY_INT, 1, 64, NULL, "16", "context vectors, at least the template's words"},
    {"lambda", KEY_REAL, 0, 1e6, NULL, "1",
     "how much of what opposes the teacher is taken out; 0.8 for 8 and 16 shots of Flowers102, "
     "DTD and EuroSAT"},
    {"temperature", KEY_REAL, 1e-3, 1e3, NULL, "1", "T of the teacher's loss"},
    RANK_KEYS,
    SGD_KEYS_OF("100", "32", "0.002"),
    {0},
};

static const struct method_key maple_keys[] = {
    {"context", KEY_TEXT, 0, 0, NULL, "a photo of a",
     "words of the prompt, the first of which the context starts from; \"\" = random"},
    {"length", KEY_INT, 1, 64, NULL, "2",
     "context vectors; the words after them stay in the prompt"},
    {"depth", KEY_INT, 1, 64, NULL, "9",
     "levels of prompts in both towers, at most as many as they have blocks; 3 across datasets"},
    RANK_KEYS,
    SGD_KEYS_OF("5", "4", "0.0035"),
    {0},
};

static const struct method_key linear_probe_keys[] = {
    {"C", KEY_REAL, 0, 1e12, NULL, "0",
     "inverse strength of the L2 penalty; 0 = searched on min(shots, 4) validation images a class"},
    {"steps", KEY_INT, 1, 64, NULL, "8", "halvings of the interval in the search of C"},
    {0},
};

static const struct method_key clip_adapter_keys[] = {
    {"template", KEY_TEXT, 0, 0, NULL, NULL,
     "prompt with {} for the class name (default: the dataset's own)"},
    {"ratio", KEY_REAL, 0, 1, NULL, "0.2",
     "share of the adapted feature; 0.2 for every dataset (assumed: no other is given)"},
    SGD_KEYS("0.002"), // rate, batch and epochs assumed: CoOp's for ImageNet
    {0},
};

/* The cache of Tip-Adapter and its search. */
#define CACHE_KEYS                                                                                  \
    ENSEMBLE_KEYS(NULL),                                                                            \
        {"passes",                                                                                  \
         KEY_INT,                                                                                   \
         1,                                                                                         \
         1000,                                                                                      \
         NULL,                                                                                      \
         "10",                                                                                      \
         "augmented views of each image that the cache averages, if `views` gives as many"},        \
        {"crop-scale",                                                                              \
         KEY_REAL,                                                                                  \
         0.01,                                                                                      \
         1,                                                                                         \
         NULL,                                                                                      \
         "0.5",                                                                                     \
         "smallest share of the image that an augmented view shows"},                               \
        {"alpha", KEY_REAL, 0, 1e3, NULL, NULL, "weight of the cache (default: by dataset)"},       \
        {"beta", KEY_REAL, 0, 1e3, NULL, "1", "sharpness of the cache's affinity"},                 \
        {"search",                                                                                  \
         KEY_CHOICE,                                                                                \
         0,                                                                                         \
         0,                                                                                         \
         "yes|no",                                                                                  \
         "yes",                                                                                     \
         "alpha and beta by accuracy on all validation images (ImageNet has none apart from the "   \
         "test images and is searched on those, as in the reference)"},                             \
        {"alpha-max", KEY_REAL, 0.1, 1e3, NULL, NULL, "end of alpha's grid (default: by dataset)"}, \
        {"beta-max", KEY_REAL, 0.1, 1e3, NULL, NULL, "end of beta's grid (default: by dataset)"},   \
        {"alpha-steps", KEY_INT, 1, 10000, NULL, "20", "values of alpha's grid, from 0.1"},         \
    {                                                                                               \
        "beta-steps", KEY_INT, 1, 10000, NULL, "200", "values of beta's grid, from 0.1"             \
    }

static const struct method_key tip_adapter_keys[] = {CACHE_KEYS, {0}};

static const struct method_key tip_adapter_f_keys[] = {
    CACHE_KEYS,
    {"select", KEY_CHOICE, 0, 0, "test|val|last", "test",
     "the epoch that is kept: the best on the TEST images, and then the better of given and "
     "searched alpha and beta on them too, which flatters the result, but is what the reference "
     "reports; val: the best on validation images; last: the last one"},
    {"epochs", KEY_INT, 1, 100000, NULL, NULL,
     "passes over the training images (default: 20, EuroSAT 100)"},
    {"batch", KEY_INT, 1, 100000, NULL, "256", "images per step; a short last batch is used too"},
    {"lr", KEY_REAL, 0, 1e6, NULL, "0.001", "AdamW's rate, then a cosine over all steps"},
    {"weight-decay", KEY_REAL, 0, 1, NULL, "0.01", "AdamW's decoupled decay"},
    {"epsilon", KEY_REAL, 0, 1, NULL, "1e-4", "AdamW's epsilon"},
    {0},
};

static const struct method_key taskres_keys[] = {
    ENSEMBLE_KEYS(NULL),
    {"alpha", KEY_REAL, 0, 1e3, NULL, NULL,
     "weight of the residual (default: 0.5, OxfordFlowers 1)"},
    {"epochs", KEY_INT, 1, 100000, NULL, "200",
     "passes over the training images; the reference's: 100 for 1, 2 and 4 shots"},
    {"batch", KEY_INT, 1, 100000, NULL, "256",
     "images per step; the last short batch is dropped unless it is the only one"},
    {"lr", KEY_REAL, 0, 1e6, NULL, NULL,
     "Adam's rate after the warm-up epoch (default: 0.002, ImageNet 0.0002)"},
    {"warmup-lr", KEY_REAL, 0, 1e6, NULL, "1e-5", "rate of the first epoch"},
    {"weight-decay", KEY_REAL, 0, 1, NULL, "5e-4", "L2 decay, added to the gradient"},
    {0},
};

/* Prompts of their own in both towers; depth and lengths as the references have them. */
#define IVLP_KEYS(length_preset, depth_preset)                                                     \
    {"context",                                                                                    \
     KEY_TEXT,                                                                                     \
     0,                                                                                            \
     0,                                                                                            \
     NULL,                                                                                         \
     "a photo of a",                                                                               \
     "words of the prompt, the first of which the context starts from; \"\" = random"},            \
        {"length",                                                                                 \
         KEY_INT,                                                                                  \
         1,                                                                                        \
         64,                                                                                       \
         NULL,                                                                                     \
         length_preset,                                                                            \
         "context vectors; the words after them stay in the prompt"},                              \
        {"image-length", KEY_INT, 1, 64, NULL, length_preset, "rows in the image tower"},          \
    {                                                                                              \
        "depth", KEY_INT, 1, 64, NULL, depth_preset,                                               \
            "levels of prompts in both towers, at most as many as they have blocks"                \
    }

static const struct method_key ivlp_keys[] = {
    IVLP_KEYS("2", "12"),
    RANK_KEYS,
    SGD_KEYS_OF("5", "4", "0.0035"),
    {0},
};

static const struct method_key promptsrc_keys[] = {
    IVLP_KEYS("4", "9"),
    {"text-weight", KEY_REAL, 0, 1e6, NULL, "25",
     "weight of the text features' distance to frozen CLIP's"},
    {"image-weight", KEY_REAL, 0, 1e6, NULL, "10",
     "weight of the image features' distance to frozen CLIP's"},
    {"mean", KEY_REAL, 0, 1e6, NULL, "15",
     "epoch, from 1, that weighs most in the mean of the parameters; 6 across datasets"},
    {"mean-std", KEY_REAL, 1e-3, 1e6, NULL, "1",
     "its standard deviation in epochs; 10 across datasets"},
    RANK_KEYS,
    SGD_KEYS_OF("20", "4", "0.0025"),
    {0},
};

static const struct method_key vpt_keys[] = {
    {"context", KEY_TEXT, 0, 0, NULL, "a photo of a",
     "words before the class name; the text is frozen (assumed)"},
    {"length", KEY_INT, 1, 64, NULL, "8", "rows of a level"},
    {"depth", KEY_INT, 1, 64, NULL, "12",
     "levels of prompts in the image tower, at most as many as it has blocks"},
    {"rank", KEY_INT, 0, 64, NULL, "0",
     "train a level's rows as start + A B of this rank, start frozen: RLP on the image side "
     "(assumed); 0 = in full"},
    FACTOR_KEYS,
    SGD_KEYS_OF("5", "4", "0.0025"),
    {0},
};

const struct method_row method_rows[] = {
    {"zero-shot", "zero-shot CLIP", "zero-shot CLIP", false,
     "CLIP with the dataset's hand-written template; nothing is trained", zero_shot_keys,
     METHOD_HALF, NULL},
    {"coop", "CoOp", "CoOp", true,
     "one context shared by all classes, learned; name at the end (Zhou et al., IJCV 2022)",
     coop_keys, METHOD_HALF | METHOD_PROMPT, count_context},
    {"rlp", "RLP", NULL, true,
     "initial context plus a learned low-rank product with dropout (arXiv 2312.10813)", rlp_keys,
     METHOD_HALF | METHOD_PROMPT, count_context},
    {"cocoop", "CoCoOp", "CoCoOp", true,
     "a learned context that every image shifts through a small network (Zhou et al., CVPR 2022)",
     cocoop_keys, METHOD_PROMPT, count_cocoop},
    {"kgcoop", "KgCoOp", "KgCoOp", true,
     "CoOp held near the features of a hand-written template (Yao et al., CVPR 2023)", kgcoop_keys,
     METHOD_PROMPT, count_context},
    {"prograd", "ProGrad", "ProGrad", true,
     "CoOp whose steps do not oppose a zero-shot teacher (Zhu et al., ICCV 2023)", prograd_keys,
     METHOD_PROMPT, count_context},
    {"maple", "MaPLe", "MaPLe", true,
     "deep prompts in both towers, the image's made from the text's (Khattak et al., CVPR 2023); "
     "rank is the context's",
     maple_keys, METHOD_PIXELS | METHOD_PROMPT, count_maple},
    {"ivlp", "IVLP", NULL, true,
     "deep prompts in both towers that know nothing of each other (MaPLe's baseline); rank is the "
     "context's",
     ivlp_keys, METHOD_PIXELS | METHOD_PROMPT, count_ivlp},
    {"promptsrc", "PromptSRC", "PromptSRC", true,
     "IVLP held near frozen CLIP, averaged over epochs (Khattak et al., ICCV 2023); frozen weights "
     "are not averaged along and stay exact; rank is the context's",
     promptsrc_keys, METHOD_PIXELS | METHOD_PROMPT, count_ivlp},
    {"vpt", "VPT", NULL, true,
     "prompts in the image tower alone (Jia et al., ECCV 2022; settings of MaPLe's baseline); with "
     "a rank: RLP's image-side ablation",
     vpt_keys, METHOD_PIXELS | METHOD_PROMPT, count_vpt},
    {"linear-probe", "linear probe", "linear probe", true,
     "logistic regression on features of the test transform; trained classes only (Radford et "
     "al., ICML 2021)",
     linear_probe_keys, METHOD_VAL_PICKS | METHOD_PLAIN | METHOD_CLOSED | METHOD_NUMPY,
     count_linear_probe},
    {"clip-adapter", "CLIP-Adapter", "CLIP-Adapter", true,
     "two small layers on the image feature, blended with it (Gao et al., IJCV 2024)",
     clip_adapter_keys, 0, count_clip_adapter},
    {"tip-adapter", "Tip-Adapter", "Tip-Adapter", true,
     "a cache of the training images beside the text classifier; nothing is trained; trained "
     "classes only (Zhang et al., ECCV 2022)",
     tip_adapter_keys, METHOD_VAL_ALL | METHOD_CLOSED, NULL},
    {"tip-adapter-f", "Tip-Adapter-F", "Tip-Adapter-F", true,
     "Tip-Adapter whose cache keys are trained; looks at test accuracy unless `select` says "
     "otherwise; trained classes only",
     tip_adapter_f_keys, METHOD_VAL_ALL | METHOD_CLOSED, count_tip_adapter_f},
    {"taskres", "TaskRes", NULL, true,
     "a learned residual on the text features of every class; trained classes only (Yu et al., "
     "CVPR 2023)",
     taskres_keys, METHOD_CLOSED, count_taskres},
    {"checkpoint", "checkpoint", NULL, false,
     "a trained prompt from a file, tested as it is: a run's result, or what CoOp, CoCoOp, KgCoOp, "
     "ProGrad, MaPLe, IVLP and PromptSRC leave (model.pth.tar-N)",
     checkpoint_keys, METHOD_HALF | METHOD_FILE, NULL},
    {0},
};

/* A context for every class, as the trainer makes it: words make one for all. */
static bool is_class_specific(const json_t *params)
{
    return str_eq(json_string_value(json_object_get(params, "class-specific")), "yes");
}

static bool starts_from_words(const json_t *params)
{
    const char *words = json_string_value(json_object_get(params, "context"));
    return words && *words;
}

bool method_pixels(const struct method_row *m, const json_t *params)
{
    const char *trainer = json_string_value(json_object_get(params, "trainer"));
    const struct method_row *by = m;
    if ((m->needs & METHOD_FILE) && trainer)
        by = method_find(trainer);
    return by && (by->needs & METHOD_PIXELS);
}

bool method_closed(const struct method_row *m, const json_t *params)
{
    return (m->needs & METHOD_CLOSED) || (is_class_specific(params) && !starts_from_words(params));
}

static bool is_class_specific_from_words(const json_t *params)
{
    return is_class_specific(params) && starts_from_words(params);
}

static const struct {
    const char *key; // of the methods that the rule is about
    bool (*broken)(const json_t *params);
    const char *text;
} conflicts[] = {
    {"class-specific", is_class_specific_from_words,
     "class-specific contexts start at random, words make one context for all; say 'context: "
     "\"\"', or 'class-specific: no'"},
};

const char *method_conflict(const struct method_row *m, const json_t *params)
{
    for (size_t i = 0; i < sizeof conflicts / sizeof conflicts[0]; i++)
        if (method_key_find(m, conflicts[i].key) && conflicts[i].broken(params))
            return conflicts[i].text;
    return NULL;
}

int method_words(const char *text)
{
    int n = 0;
    bool inside = false;
    for (const char *p = text; *p; p++) {
        bool word = *p != ' ' && *p != '_';
        n += word && !inside;
        inside = word;
    }
    return n;
}

size_t method_rows_count(void)
{
    return sizeof method_rows / sizeof method_rows[0] - 1;
}

const struct method_row *method_find(const char *name)
{
    for (const struct method_row *m = method_rows; m->name; m++)
        if (str_eq(m->name, name))
            return m;
    return NULL;
}

bool method_validates(const struct method_row *m)
{
    return m->needs & (METHOD_VAL_PICKS | METHOD_VAL_ALL);
}

const struct method_key *method_key_find(const struct method_row *m, const char *key)
{
    for (const struct method_key *k = m->keys; k->name; k++)
        if (str_eq(k->name, key))
            return k;
    return NULL;
}
