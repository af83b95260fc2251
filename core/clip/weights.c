/*
 * Two sets of tensor names, one view: see weights.h.
 */
#include "core/clip/weights.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 160 }; // bytes of the longest name that is asked for

static const char embedding[] = "token_embedding.weight";

/* How Hugging Face's file keeps a tensor. */
enum stored {
    STORED_SAME,
    STORED_TRANSPOSED,
    STORED_APART, // rows of query, key and value in three tensors: '?' in the name is q, k or v
};

struct pair {
    const char *openai, *hf;
    enum stored stored;
};

static const struct pair names[] = {
    {"logit_scale", "logit_scale", STORED_SAME},
    {embedding, "text_model.embeddings.token_embedding.weight", STORED_SAME},
    {"positional_embedding", "text_model.embeddings.position_embedding.weight", STORED_SAME},
    {"ln_final.weight", "text_model.final_layer_norm.weight", STORED_SAME},
    {"ln_final.bias", "text_model.final_layer_norm.bias", STORED_SAME},
    {"text_projection", "text_projection.weight", STORED_TRANSPOSED},
    {"visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight", STORED_SAME},
    {"visual.class_embedding", "vision_model.embeddings.class_embedding", STORED_SAME},
    {"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight",
     STORED_SAME},
    {"visual.ln_pre.weight", "vision_model.pre_layrnorm.weight", STORED_SAME}, // their spelling
    {"visual.ln_pre.bias", "vision_model.pre_layrnorm.bias", STORED_SAME},
    {"visual.ln_post.weight", "vision_model.post_layernorm.weight", STORED_SAME},
    {"visual.ln_post.bias", "vision_model.post_layernorm.bias", STORED_SAME},
    {"visual.proj", "visual_projection.weight", STORED_TRANSPOSED},
    {NULL, NULL, STORED_SAME},
};

/* Before a block's number, and after it. */
static const struct pair towers[] = {
    // image, text
    {"visual.transformer.resblocks.", "vision_model.encoder.layers.", STORED_SAME},
    {"transformer.resblocks.", "text_model.encoder.layers.", STORED_SAME},
    {NULL, NULL, STORED_SAME},
};
static const struct pair parts[] = {
    {"ln_1.weight", "layer_norm1.weight", STORED_SAME},
    {"ln_1.bias", "layer_norm1.bias", STORED_SAME},
    {"attn.in_proj_weight", "self_attn.?_proj.weight", STORED_APART},
    {"attn.in_proj_bias", "self_attn.?_proj.bias", STORED_APART},
    {"attn.out_proj.weight", "self_attn.out_proj.weight", STORED_SAME},
    {"attn.out_proj.bias", "self_attn.out_proj.bias", STORED_SAME},
    {"ln_2.weight", "layer_norm2.weight", STORED_SAME},
    {"ln_2.bias", "layer_norm2.bias", STORED_SAME},
    {"mlp.c_fc.weight", "mlp.fc1.weight", STORED_SAME},
    {"mlp.c_fc.bias", "mlp.fc1.bias", STORED_SAME},
    {"mlp.c_proj.weight", "mlp.fc2.weight", STORED_SAME},
    {"mlp.c_proj.bias", "mlp.fc2.bias", STORED_SAME},
    {NULL, NULL, STORED_SAME},
};

static const struct pair *pair_find(const struct pair *table, const char *openai)
{
    while (table->openai && !str_eq(table->openai, openai))
        table++;
    return table->openai ? table : NULL;
}

/* Where the file keeps OpenAI's `name`; a name that the file's kind does not have stays. */
static enum stored locate(const struct weights *w, const char *name, char out[NAME])
{
    snprintf(out, NAME, "%s", name);
    if (!w->hf)
        return STORED_SAME;
    const struct pair *p = pair_find(names, name), *t = towers;
    if (p) {
        snprintf(out, NAME, "%s", p->hf);
        return p->stored;
    }
    while (t->openai && !str_starts(name, t->openai))
        t++;
    if (!t->openai)
        return STORED_SAME;
    const char *number = name + strlen(t->openai), *part = strchr(number, '.');
    p = part ? pair_find(parts, part + 1) : NULL;
    if (!p)
        return STORED_SAME;
    snprintf(out, NAME, "%s%.*s.%s", t->hf, (int)(part - number), number, p->hf);
    return p->stored;
}

/* The name of one third of a tensor kept apart. */
static void name_third(char name[NAME], char which)
{
    char *at = strstr(name, "_proj.");
    BUG_IF(!at);
    at[-1] = which;
}

/* ---- opening ---- */

static bool any_begins(const struct safetensors *file, const char *prefix)
{
    for (size_t i = 0; i < file->n; i++)
        if (str_starts(file->tensors[i].name, prefix))
            return true;
    return false;
}

static int unknown(const struct safetensors *file, struct err *e)
{
    char *first = file->n ? str_visible(file->tensors[0].name) : mem_strdup("");
    err_set(e, ERR_MISSING,
            "'%s' is no CLIP that is known here: expected tensors as 'visual.conv1.weight' and "
            "'%s' (OpenAI) or 'vision_model.*' and 'text_model.*' (Hugging Face's CLIPModel), "
            "found %zu tensors%s%.200s%s",
            file->path, embedding, file->n, *first ? ", the first '" : "", first,
            *first ? "'" : "");
    free(first);
    return e->code;
}

/* One tower's part of config.json; `blocks` names the tower's blocks. Keys that are not there have
 * CLIP's own values. */
static int check_tower(const struct weights *w, const json_t *config, const char *tower,
                       const char *blocks, const char *path, struct err *e)
{
    const json_t *part = json_object_get(config, tower);
    const char *act = json_string_value(json_object_get(part, "hidden_act"));
    const json_t *eps = json_object_get(part, "layer_norm_eps");
    const json_t *layers = json_object_get(part, "num_hidden_layers");
    const json_int_t width = json_integer_value(json_object_get(part, "hidden_size"));
    const json_int_t heads = json_integer_value(json_object_get(part, "num_attention_heads"));
    if (act && !str_eq(act, "quick_gelu"))
        return err_set(e, ERR_RANGE, "'%s': %s asks for hidden_act '%.40s', expected 'quick_gelu'",
                       path, tower, act);
    if (json_is_number(eps) && fabs(json_number_value(eps) - 1e-5) > 1e-12)
        return err_set(e, ERR_RANGE, "'%s': %s asks for layer_norm_eps %g, expected 1e-05", path,
                       tower, json_number_value(eps));
    if (width && heads && width != 64 * heads)
        return err_set(e, ERR_RANGE, "'%s': %s has %lld heads for width %lld, expected width / 64",
                       path, tower, (long long)heads, (long long)width);
    if (json_is_integer(layers) && json_integer_value(layers) != weights_count(w, blocks))
        return err_set(e, ERR_MISSING, "'%s' has %d blocks in %s, '%s' says %lld", w->file.path,
                       weights_count(w, blocks), tower, path,
                       (long long)json_integer_value(layers));
    return 0;
}

/* What the tensors do not tell. Other models, some of them CLIPs too, share the names. */
static int check_config(const struct weights *w, struct err *e)
{
    enum { LIMIT = 1 << 20 };
    char *folder = fs_folder(w->file.path), *path = fs_join(folder, "config.json"), *text = NULL;
    json_t *config = NULL;
    int rc = 0;
    if (!fs_is_file(path) || (rc = fs_read(&text, NULL, path, LIMIT, e)) < 0)
        goto out;
    config = json_loads(text, 0, NULL);
    if (!config)
        rc = err_set(e, ERR_PARSE, "'%s' is no JSON", path);
    else if ((rc = check_tower(w, config, "text_config", towers[1].openai, path, e)) == 0)
        rc = check_tower(w, config, "vision_config", towers[0].openai, path, e);
out:
    json_decref(config);
    free(text);
    free(path);
    free(folder);
    return rc;
}

int weights_open(struct weights *w, const char *path, struct err *e)
{
    *w = (struct weights){0};
    int rc = safetensors_open(&w->file, path, e);
    if (rc < 0)
        return rc;
    w->hf = any_begins(&w->file, "text_model.") || any_begins(&w->file, "vision_model.");
    if (w->hf)
        rc = check_config(w, e);
    else if (!any_begins(&w->file, "visual.") && !any_begins(&w->file, embedding))
        rc = unknown(&w->file, e);
    if (rc < 0)
        weights_close(w);
    return rc;
}

void weights_close(struct weights *w)
{
    safetensors_close(&w->file);
}

/* ---- reading ---- */

bool weights_has(const struct weights *w, const char *name)
{
    char stored[NAME];
    if (locate(w, name, stored) == STORED_APART)
        name_third(stored, 'q');
    return safetensors_find(&w->file, stored) != NULL;
}

int weights_size(const struct weights *w, const char *name, int dims, int axis, int *out,
                 struct err *e)
{
    enum { LIMIT = 1 << 24 };
    char stored[NAME];
    const enum stored how = locate(w, name, stored);
    BUG_IF(how == STORED_APART);
    const struct tensor *t = safetensors_find(&w->file, stored);
    if (!t)
        return err_set(e, ERR_MISSING, "'%s' has no tensor '%s'", w->file.path, stored);
    if (t->dims != dims)
        return err_set(e, ERR_CORRUPT, "'%s': tensor '%s' has %d dimensions, expected %d",
                       w->file.path, stored, t->dims, dims);
    const size_t size = t->shape[how == STORED_TRANSPOSED ? dims - 1 - axis : axis];
    if (size < 1 || size > LIMIT)
        return err_set(e, ERR_CORRUPT, "'%s': tensor '%s' has a size of %zu, expected 1 to %d",
                       w->file.path, stored, size, LIMIT);
    if (t->dtype > DTYPE_F64)
        return err_set(e, ERR_CORRUPT, "'%s': tensor '%s' holds no floating-point numbers",
                       w->file.path, stored);
    *out = (int)size;
    return 0;
}

int weights_count(const struct weights *w, const char *prefix)
{
    const struct pair *tower = w->hf ? pair_find(towers, prefix) : NULL;
    const char *stored = tower ? tower->hf : prefix;
    long count = 0;
    for (size_t i = 0; i < w->file.n; i++) {
        const char *name = w->file.tensors[i].name;
        if (!str_starts(name, stored))
            continue;
        char *end;
        const long number = strtol(name + strlen(stored), &end, 10);
        // Numbers beyond the number of tensors have gaps before them: loading names the gap.
        if (*end == '.' && number >= count)
            count = number < (long)w->file.n ? number + 1 : (long)w->file.n + 1;
    }
    return (int)count;
}

static int read_transposed(const struct weights *w, const char *stored, const size_t *shape,
                           float **out, struct err *e)
{
    const size_t rows = shape[0], columns = shape[1];
    float *from;
    const int rc = safetensors_floats(&w->file, stored, 2, (size_t[]){columns, rows}, &from, e);
    if (rc < 0)
        return rc;
    *out = mem_alloc(rows * columns, sizeof **out);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            (*out)[r * columns + c] = from[c * rows + r];
    free(from);
    return 0;
}

static int read_apart(const struct weights *w, char stored[NAME], int dims, const size_t *shape,
                      float **out, struct err *e)
{
    const size_t third[2] = {shape[0] / 3, dims == 2 ? shape[1] : 1}, n = third[0] * third[1];
    float *all = mem_alloc(3 * n, sizeof *all);
    for (size_t i = 0; i < 3; i++) {
        float *part;
        name_third(stored, "qkv"[i]);
        const int rc = safetensors_floats(&w->file, stored, dims, third, &part, e);
        if (rc < 0) {
            free(all);
            return rc;
        }
        memcpy(all + i * n, part, n * sizeof *all);
        free(part);
    }
    *out = all;
    return 0;
}

int weights_floats(const struct weights *w, const char *name, int dims, const size_t *shape,
                   float **out, struct err *e)
{
    char stored[NAME];
    switch (locate(w, name, stored)) {
    case STORED_SAME:
        return safetensors_floats(&w->file, stored, dims, shape, out, e);
    case STORED_TRANSPOSED:
        return read_transposed(w, stored, shape, out, e);
    case STORED_APART:
        return read_apart(w, stored, dims, shape, out, e);
    }
    BUG("'%s' is stored in no known way", stored);
}

void weights_embedding(const struct weights *w, size_t first, size_t n, float *out)
{
    char stored[NAME];
    locate(w, embedding, stored);
    safetensors_slice(safetensors_find(&w->file, stored), first, n, out);
}
