/*
 * Specs: the check that every reader makes, and the bank a train run needs.
 * The keys are one table; see spec.h for what they mean.
 */
#include "core/proto/spec.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/method_keys.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const json_t *get(const json_t *spec, const char *key)
{
    const json_t *value = json_object_get(spec, key);
    if (!value)
        BUG("spec without '%s'", key);
    return value;
}

const char *spec_get_text(const json_t *spec, const char *key)
{
    const json_t *value = get(spec, key);
    if (!json_is_string(value))
        BUG("spec key '%s' is no text", key);
    return json_string_value(value);
}

long spec_get_int(const json_t *spec, const char *key)
{
    const json_t *value = get(spec, key);
    if (!json_is_integer(value))
        BUG("spec key '%s' is no whole number", key);
    return (long)json_integer_value(value);
}

double spec_get_real(const json_t *spec, const char *key)
{
    const json_t *value = get(spec, key);
    if (!json_is_number(value))
        BUG("spec key '%s' is no number", key);
    return json_number_value(value);
}

/* ---- check ---- */

enum value_type {
    VALUE_TEXT,   // not empty
    VALUE_CHOICE, // one of `choices`
    VALUE_HASH,   // 64 lower-case hex digits
    VALUE_SHARE,  // number in (0, 1]
    VALUE_COUNT,  // whole number 0..2^31-1
    VALUE_VIEWS,  // "none", "fresh" or a number of views
    VALUE_PARAMS, // object of scalars
};

/* Which specs have a key; MAY_ENCODE, MAY_PICKS: which may have it. */
enum {
    IN_ENCODE = 1,
    IN_PICKS = 2,
    IN_TRAIN = 4,
    IN_EVAL = 8,
    IN_LEARNING = IN_TRAIN | IN_EVAL,
    IN_ALL = IN_ENCODE | IN_TRAIN | IN_EVAL,
    MAY = 16, // shift from IN_ to MAY_
    MAY_ENCODE = IN_ENCODE * MAY,
    MAY_PICKS = IN_PICKS * MAY,
};

static const struct {
    const char *name;
    enum value_type type;
    int in;
    const char *choices; // words between '|'
} keys[] = {
    {"version", VALUE_COUNT, IN_ALL, NULL},
    {"job", VALUE_CHOICE, IN_ALL, "encode|train|eval"},
    {"backbone", VALUE_TEXT, IN_ALL, NULL},
    {"weights", VALUE_HASH, IN_ALL, NULL},
    {"dataset", VALUE_TEXT, IN_ALL, NULL},
    {"split", VALUE_HASH, IN_ALL, NULL},
    {"precision", VALUE_CHOICE, IN_ALL, "fp32|tf32|bf16|fp16-storage"},
    {"views", VALUE_VIEWS, IN_ENCODE | IN_TRAIN, NULL},
    {"views", VALUE_CHOICE, IN_EVAL, "none"},
    {"part", VALUE_CHOICE, IN_ENCODE, "train|val|test"},
    {"cover", VALUE_CHOICE, IN_ENCODE, "all|picks"},
    {"epochs", VALUE_COUNT, IN_ENCODE, NULL},
    {"shots", VALUE_COUNT, IN_PICKS | IN_LEARNING, NULL},
    {"seed", VALUE_COUNT, IN_PICKS | IN_LEARNING, NULL},
    {"classes", VALUE_CHOICE, IN_PICKS, "all|base"},
    {"sampler", VALUE_CHOICE, MAY_PICKS, "numpy"},
    {"crop-scale", VALUE_SHARE, MAY_ENCODE, NULL},
    {"bpe", VALUE_HASH, IN_LEARNING, NULL},
    {"protocol", VALUE_CHOICE, IN_TRAIN, "few-shot|base-to-new|zero-shot"},
    {"protocol", VALUE_CHOICE, IN_EVAL, "cross-dataset|domain-generalization"},
    {"method", VALUE_TEXT, IN_LEARNING, NULL},
    {"params", VALUE_PARAMS, IN_LEARNING, NULL},
    {"train", VALUE_HASH, IN_EVAL, NULL},
    {"source", VALUE_TEXT, IN_EVAL, NULL},
};
enum { KEYS = sizeof keys / sizeof keys[0] };

static bool is_choice(const char *choices, const char *word)
{
    size_t length = strcspn(word, "|");
    if (word[length])
        return false;
    for (const char *c = choices; c; c = strchr(c, '|')) {
        c += *c == '|';
        if (length && strncmp(c, word, length) == 0 && (c[length] == '|' || !c[length]))
            return true;
    }
    return false;
}

static bool is_hash(const char *text)
{
    return strlen(text) == HASH_HEX - 1 && strspn(text, "0123456789abcdef") == HASH_HEX - 1;
}

static bool is_views(const char *text)
{
    long n;
    return str_eq(text, "none") || str_eq(text, "fresh") ||
           (text[0] != '0' && text[0] != '+' && str_to_long(text, 1, 1000000, &n));
}

static bool is_params(const json_t *value)
{
    const char *name;
    json_t *item;
    if (!json_is_object(value))
        return false;
    json_object_foreach((json_t *)value, name, item)
    {
        if (!json_is_string(item) && !json_is_integer(item) && !json_is_real(item))
            return false;
    }
    return true;
}

/* NULL when `value` is good for key `k`, otherwise what was expected. */
static const char *expected(size_t k, const json_t *value)
{
    const char *text = json_string_value(value);
    switch (keys[k].type) {
    case VALUE_TEXT:
        return text && *text ? NULL : "text";
    case VALUE_CHOICE:
        return text && is_choice(keys[k].choices, text) ? NULL : keys[k].choices;
    case VALUE_HASH:
        return text && is_hash(text) ? NULL : "64 hexadecimal digits";
    case VALUE_SHARE:
        return json_is_number(value) && json_number_value(value) > 0 &&
                       json_number_value(value) <= 1
                   ? NULL
                   : "a number above 0, at most 1";
    case VALUE_COUNT:
        return json_is_integer(value) && json_integer_value(value) >= 0 &&
                       json_integer_value(value) <= 0x7fffffff
                   ? NULL
                   : "a whole number from 0 to 2147483647";
    case VALUE_VIEWS:
        return text && is_views(text) ? NULL : "\"none\", \"fresh\" or a number of views as text";
    case VALUE_PARAMS:
        return is_params(value) ? NULL : "an object of text and numbers";
    }
    BUG("value type %d", (int)keys[k].type);
}

static const char *text_of(const json_t *spec, const char *key)
{
    const char *text = json_string_value(json_object_get(spec, key));
    return text ? text : "";
}

/* IN_* bits of the job; of an encode spec when the job is not known. */
static int kind_of(const json_t *spec)
{
    const char *job = text_of(spec, "job");
    if (str_eq(job, "train"))
        return IN_TRAIN;
    if (str_eq(job, "eval"))
        return IN_EVAL;
    return str_eq(text_of(spec, "cover"), "picks") ? IN_ENCODE | IN_PICKS : IN_ENCODE;
}

/* A key may have a row for each job. */
static bool has_place(const char *name, int in)
{
    for (size_t k = 0; k < KEYS; k++)
        if (str_eq(keys[k].name, name) && (keys[k].in & in))
            return true;
    return false;
}

int spec_check(const json_t *spec, struct err *e)
{
    if (!json_is_object(spec))
        return err_set(e, ERR_PARSE, "spec: expected an object");
    const json_t *version = json_object_get(spec, "version");
    if (!json_is_integer(version) || json_integer_value(version) != SPEC_VERSION)
        return err_set(e, ERR_RANGE,
                       "spec: 'version' is not %d; harness and runner are of different releases",
                       SPEC_VERSION);
    int in = kind_of(spec);

    size_t present = 0;
    for (size_t k = 0; k < KEYS; k++) {
        const json_t *value = json_object_get(spec, keys[k].name);
        if (!value && (keys[k].in & in * MAY))
            continue;
        if (!(keys[k].in & (in | in * MAY))) {
            if (value && !has_place(keys[k].name, in | in * MAY))
                return err_set(e, ERR_PARSE, "spec: '%s' has no place in this job", keys[k].name);
            continue;
        }
        if (!value)
            return err_set(e, ERR_PARSE, "spec: '%s' is missing", keys[k].name);
        const char *want = expected(k, value);
        if (want) {
            char *found = spec_text(value);
            err_set(e, ERR_PARSE, "spec: '%s' is %.200s, expected %s", keys[k].name, found, want);
            free(found);
            return e->code;
        }
        present++;
    }
    if (present == json_object_size(spec))
        return 0;

    const char *name;
    json_t *value;
    json_object_foreach((json_t *)spec, name, value)
    {
        bool known = false;
        for (size_t k = 0; k < KEYS; k++)
            known |= str_eq(name, keys[k].name);
        if (!known)
            return err_set(e, ERR_PARSE, "spec: unknown key '%.200s'", name);
    }
    BUG("%zu of %zu keys are known, yet each is", present, json_object_size(spec));
}

/* ---- banks ---- */

static void copy(json_t *to, const json_t *from, const char *key)
{
    json_object_set(to, key, json_object_get(from, key));
}

/* Views of fresh augmentation that a run uses: the passes that make a cache, then its epochs. */
static long fresh_views(const json_t *params)
{
    long views = 0;
    for (int i = 0; i < 2; i++)
        views += (long)json_integer_value(json_object_get(params, i ? "epochs" : "passes"));
    return views > 0 ? views : 1;
}

/* Bit `need` of the method of a train spec. */
static bool needs(const json_t *train, int need)
{
    const struct method_row *method = method_find(spec_get_text(train, "method"));
    return method && (method->needs & need);
}

json_t *spec_bank(const json_t *train, const char *part, size_t images)
{
    static const char *const same[] = {"version", "backbone", "weights",
                                       "dataset", "split",    "precision"};
    const json_t *params = get(train, "params"), *scale = json_object_get(params, "crop-scale");
    bool learns = str_eq(part, "train");
    const char *views = learns ? spec_get_text(train, "views") : "none";
    bool fresh = str_eq(views, "fresh"), whole = !fresh && images <= SPEC_WHOLE_SPLIT;
    whole |= str_eq(part, "test") || (str_eq(part, "val") && needs(train, METHOD_VAL_ALL));

    json_t *bank = json_object();
    json_object_set_new(bank, "job", json_string("encode"));
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        copy(bank, train, same[i]);
    if (str_eq(spec_get_text(train, "precision"), "fp16-storage")) // rounded where they are used
        json_object_set_new(bank, "precision", json_string("fp32"));
    json_object_set_new(bank, "part", json_string(part));
    json_object_set_new(bank, "views", json_string(views));
    json_object_set_new(bank, "cover", json_string(whole ? "all" : "picks"));
    if (!whole) {
        bool base = str_eq(spec_get_text(train, "protocol"), "base-to-new");
        copy(bank, train, "shots");
        copy(bank, train, "seed");
        json_object_set_new(bank, "classes", json_string(base ? "base" : "all"));
        if (needs(train, METHOD_NUMPY))
            json_object_set_new(bank, "sampler", json_string("numpy"));
    }
    long epochs = 1;
    if (fresh)
        epochs = fresh_views(params);
    else if (!str_eq(views, "none") && !str_to_long(views, 1, 0x7fffffff, &epochs))
        BUG("views '%s'", views);
    json_object_set_new(bank, "epochs", json_integer(epochs));
    if (!str_eq(views, "none") && scale && json_number_value(scale) != SPEC_CROP_SCALE)
        copy(bank, params, "crop-scale");
    return bank;
}

double spec_crop_scale(const json_t *bank)
{
    const json_t *scale = json_object_get(bank, "crop-scale");
    return scale ? json_number_value(scale) : SPEC_CROP_SCALE;
}
