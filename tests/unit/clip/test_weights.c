/* The two sets of tensor names: Hugging Face's gives the same bits as OpenAI's; whatever is missing
 * is named as the file would name it. */
#include "clip/resnet_oracle.h"

#include "core/clip/text.h"
#include "core/clip/vision.h"

/* A model's tensors, copied, to be changed and written again. */
static struct oracle_model read_model(const char *path)
{
    struct err e;
    struct safetensors s;
    struct oracle_model m = {0};
    assert_ok(safetensors_open(&s, path, &e), &e);
    for (size_t i = 0; i < s.n; i++) {
        const struct tensor *t = &s.tensors[i];
        float *data = NULL;
        assert_ok(safetensors_floats(&s, t->name, t->dims, t->shape, &data, &e), &e);
        struct tensor_out out = {.name = mem_strdup(t->name), .dims = t->dims, .data = data};
        memcpy(out.shape, t->shape, sizeof out.shape);
        MEM_PUSH(m.tensors, m.n, m.capacity) = out;
    }
    safetensors_close(&s);
    return m;
}

static size_t count_of(const struct tensor_out *t)
{
    size_t n = 1;
    for (int i = 0; i < t->dims; i++)
        n *= t->shape[i];
    return n;
}

static void add(struct oracle_model *m, char *name, int dims, size_t rows, size_t columns,
                float *data)
{
    struct tensor_out t = {.name = name, .dims = dims, .shape = {rows, columns}, .data = data};
    MEM_PUSH(m->tensors, m->n, m->capacity) = t;
}

/* Hugging Face's name by replacing parts in this order; yours to free(). */
static char *hf_name(const char *openai)
{
    static const char *const parts[][2] = {
        {"visual.transformer.resblocks", "vision_model.encoder.layers"},
        {"transformer.resblocks", "text_model.encoder.layers"},
        {".ln_1.", ".layer_norm1."},
        {".ln_2.", ".layer_norm2."},
        {".attn.out_proj", ".self_attn.out_proj"},
        {".mlp.c_fc", ".mlp.fc1"},
        {".mlp.c_proj", ".mlp.fc2"},
        {"visual.conv1", "vision_model.embeddings.patch_embedding"},
        {"visual.class_embedding", "vision_model.embeddings.class_embedding"},
        {"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"},
        {"visual.ln_pre", "vision_model.pre_layrnorm"},
        {"visual.ln_post", "vision_model.post_layernorm"},
        {"visual.proj", "visual_projection.weight"},
        {"text_projection", "text_projection.weight"},
        {"ln_final", "text_model.final_layer_norm"},
        {"token_embedding", "text_model.embeddings.token_embedding"},
    };
    if (str_eq(openai, "positional_embedding"))
        return mem_strdup("text_model.embeddings.position_embedding.weight");
    char *name = mem_strdup(openai);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char *at = strstr(name, parts[i][0]);
        if (!at)
            continue;
        char *next =
            str_format("%.*s%s%s", (int)(at - name), name, parts[i][1], at + strlen(parts[i][0]));
        free(name);
        name = next;
    }
    return name;
}

/* The same model as Hugging Face's CLIPModel has it. */
static struct oracle_model hf_model(const char *openai)
{
    struct oracle_model from = read_model(openai), to = {0};
    for (size_t i = 0; i < from.n; i++) {
        struct tensor_out *t = &from.tensors[i];
        const size_t rows = t->shape[0], columns = t->dims == 2 ? t->shape[1] : 1;
        const float *data = t->data;
        char *in = strstr(t->name, ".attn.in_proj_");
        if (in) {
            for (size_t third = 0; third < 3; third++) {
                char *at = str_format("%.*s.self_attn.%c_proj.%s", (int)(in - t->name), t->name,
                                      "qkv"[third], in + strlen(".attn.in_proj_"));
                const size_t n = rows / 3 * columns;
                add(&to, hf_name(at), t->dims, rows / 3, columns,
                    mem_dup(data + third * n, n * sizeof(float)));
                free(at);
            }
        } else if (str_ends(t->name, "proj") || str_ends(t->name, "projection")) {
            float *turned = mem_alloc(rows * columns, sizeof *turned);
            for (size_t j = 0; j < rows * columns; j++)
                turned[j % columns * rows + j / columns] = data[j];
            add(&to, hf_name(t->name), 2, columns, rows, turned);
        } else {
            struct tensor_out same = *t;
            same.name = hf_name(t->name);
            same.data = mem_dup(t->data, count_of(t) * sizeof(float));
            MEM_PUSH(to.tensors, to.n, to.capacity) = same;
        }
        free((char *)t->name);
        free((float *)t->data);
    }
    free(from.tensors);
    // A buffer that such files may hold; nobody asks for it.
    add(&to, mem_strdup("text_model.embeddings.position_ids"), 1, 2, 0, mem_zero(2, sizeof(float)));
    return to;
}

struct outputs {
    float *image, *text, *token; // (2, E), (1, E), (C)
    struct clip_shape shape;
};

static struct outputs run(const char *path)
{
    struct err e;
    struct device *d;
    struct clip m;
    struct text *t;
    struct outputs out;
    assert_ok(device_open(&d, "cpu", 2, &e), &e);
    assert_ok(clip_open(&m, path, d, CLIP_TEXT | CLIP_VISION, &e), &e);
    const size_t E = (size_t)m.shape.embed, S = (size_t)m.shape.image_size;
    const int ids[] = {m.shape.vocab - 2, 7, 3, m.shape.vocab - 1};
    out.shape = m.shape;
    out.token = mem_alloc((size_t)m.shape.text_width, sizeof(float));
    clip_embed_tokens(&m, &ids[1], 1, out.token);

    struct text_prompts prompts = {0};
    text_prompts_add(&prompts, ids, 4);
    assert_ok(text_new(&t, &m, &prompts, 0, TEXT_FORWARD, &e), &e);
    float *features = device_floats(d, E);
    text_forward(t, NULL, features);
    out.text = mem_alloc(E, sizeof(float));
    d->ops->download(d, out.text, features, E * sizeof(float));
    device_release(d, features);
    text_free(t);
    text_prompts_release(&prompts);

    struct vision *v = vision_new(&m, 2);
    float *images = oracle_values("hf", 2 * 3 * S * S, 2);
    out.image = mem_alloc(2 * E, sizeof(float));
    assert_ok(vision_forward(v, images, 2, out.image, &e), &e);
    free(images);
    vision_free(v);
    clip_close(&m);
    device_close(d);
    return out;
}

static void outputs_free(struct outputs *out)
{
    free(out->image);
    free(out->text);
    free(out->token);
}

static void hugging_faces_names_give_the_same_bits(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ORACLES; i++) {
        struct oracle o;
        oracle_open(&o, oracle_names[i]);
        char *path = fs_join(o.folder, "hf.safetensors");
        struct oracle_model hf = hf_model(o.model);
        oracle_save(&hf, path);
        struct outputs a = run(o.model), b = run(path);
        const size_t E = (size_t)a.shape.embed;
        assert_memory_equal(&a.shape, &b.shape, sizeof a.shape);
        assert_memory_equal(a.image, b.image, 2 * E * sizeof(float));
        assert_memory_equal(a.text, b.text, E * sizeof(float));
        assert_memory_equal(a.token, b.token, (size_t)a.shape.text_width * sizeof(float));
        outputs_free(&a);
        outputs_free(&b);
        unlink(path);
        free(path);
        oracle_close(&o);
    }
}

/* Opening `path` fails with this error, where the first $ stands for the path, the second for
 * `subject`. */
static void open_fails(const char *path, int code, const char *format, const char *subject)
{
    struct err e = {0};
    struct device *d;
    struct clip m;
    assert_ok(device_open(&d, "cpu", 1, &e), &e);
    assert_int_equal(clip_open(&m, path, d, CLIP_TEXT | CLIP_VISION, &e), code);
    char want[1024];
    const char *a = strchr(format, '$'), *b = a ? strchr(a + 1, '$') : NULL;
    assert_true(a && b);
    snprintf(want, sizeof want, "%.*s%s%.*s%s%s", (int)(a - format), format, path, (int)(b - a - 1),
             a + 1, subject, b + 1);
    assert_text(&e, want);
    device_close(d);
}

/* Each tensor left out in turn. */
static void each_is_missed(struct oracle_model *m, const char *path)
{
    static const char *const kinds[] = {"visual.proj", "visual.attnpool.positional_embedding"};
    struct err e;
    for (size_t i = 0; i < m->n; i++) {
        const struct tensor_out last = m->tensors[m->n - 1], out = m->tensors[i];
        m->tensors[i] = last;
        assert_ok(safetensors_write(path, m->tensors, m->n - 1, NULL, &e), &e);
        m->tensors[i] = out;
        if (str_ends(out.name, "position_ids"))
            continue;
        if (str_eq(out.name, kinds[0]) || str_eq(out.name, kinds[1]))
            open_fails(path, ERR_MISSING,
                       "'$': the image tower is of unknown architecture: expected a ViT with "
                       "'visual.proj' or a ResNet with 'visual.attnpool.*'$",
                       "");
        else
            open_fails(path, ERR_MISSING, "'$' has no tensor '$'", out.name);
    }
    oracle_save(m, path);
}

static void a_missing_tensor_is_named_as_the_file_names_it(void **unused)
{
    (void)unused;
    struct oracle o;
    for (int kind = 0; kind < 3; kind++) {
        if (kind == 2)
            resnet_open(&o, "odd");
        else
            oracle_open(&o, "small");
        char *path = fs_join(o.folder, "less.safetensors");
        struct oracle_model m = kind == 1 ? hf_model(o.model) : read_model(o.model);
        each_is_missed(&m, path);
        unlink(path);
        free(path);
        oracle_close(&o);
    }
}

static void a_wrong_shape_is_named(void **unused)
{
    (void)unused;
    struct oracle o;
    oracle_open(&o, "small");
    struct oracle_model m = hf_model(o.model);
    for (size_t i = 0; i < m.n; i++)
        if (str_eq(m.tensors[i].name, "vision_model.encoder.layers.1.self_attn.k_proj.bias"))
            m.tensors[i].shape[0] = 60;
    oracle_save(&m, o.model);
    open_fails(o.model, ERR_CORRUPT, "'$': tensor '$' has shape (60), expected (64)",
               "vision_model.encoder.layers.1.self_attn.k_proj.bias");
    oracle_close(&o);
}

static void a_file_of_another_architecture_is_refused(void **unused)
{
    (void)unused;
    struct oracle o;
    oracle_open(&o, "small");
    struct oracle_model m = {0};
    oracle_tensor(&m, "encoder.weight", 2, 2, 2, 0, 0);
    oracle_tensor(&m, "layer.weight", 2, 2, 2, 0, 0);
    oracle_save(&m, o.model);
    open_fails(o.model, ERR_MISSING,
               "'$' is no CLIP that is known here: expected tensors as 'visual.conv1.weight' and "
               "'token_embedding.weight' (OpenAI) or 'vision_model.*' and 'text_model.*' (Hugging "
               "Face's CLIPModel), found 2 tensors, the first 'encoder.weight'$",
               "");
    oracle_close(&o);
}

static void a_config_that_asks_for_other_arithmetic_is_refused(void **unused)
{
    (void)unused;
    static const struct {
        const char *config, *error; // $ stands for the config's path; NULL = accepted
    } cases[] = {
        {"{\"text_config\": {\"hidden_act\": \"quick_gelu\", \"layer_norm_eps\": 1e-05, "
         "\"hidden_size\": 64, \"num_attention_heads\": 1, \"num_hidden_layers\": 2}, "
         "\"vision_config\": {\"hidden_act\": \"quick_gelu\"}}",
         NULL},
        {"{}", NULL},
        {"{\"vision_config\": {\"hidden_act\": \"gelu\"}}",
         "'$': vision_config asks for hidden_act 'gelu', expected 'quick_gelu'"},
        {"{\"text_config\": {\"layer_norm_eps\": 1e-06}}",
         "'$': text_config asks for layer_norm_eps 1e-06, expected 1e-05"},
        {"{\"vision_config\": {\"hidden_size\": 1280, \"num_attention_heads\": 16}}",
         "'$': vision_config has 16 heads for width 1280, expected width / 64"},
        {"{\"text_config\": {\"num_hidden_layers\": 12}}",
         "'@' has 2 blocks in text_config, '$' says 12"},
        {"{", "'$' is no JSON"},
    };
    struct oracle o;
    oracle_open(&o, "small");
    struct oracle_model m = hf_model(o.model);
    oracle_save(&m, o.model);
    char *config = fs_join(o.folder, "config.json");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {0};
        struct weights w;
        assert_ok(fs_write(config, cases[i].config, strlen(cases[i].config), &e), &e);
        const int rc = weights_open(&w, o.model, &e);
        if (!cases[i].error) {
            assert_ok(rc, &e);
            weights_close(&w);
            continue;
        }
        assert_true(rc < 0);
        struct str want = STR_INIT;
        for (const char *c = cases[i].error; *c; c++) {
            if (*c == '$' || *c == '@')
                str_add(&want, *c == '$' ? config : o.model);
            else
                str_addc(&want, *c);
        }
        assert_text(&e, want.data);
        str_release(&want);
    }
    unlink(config);
    free(config);
    oracle_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hugging_faces_names_give_the_same_bits),
        cmocka_unit_test(a_missing_tensor_is_named_as_the_file_names_it),
        cmocka_unit_test(a_wrong_shape_is_named),
        cmocka_unit_test(a_file_of_another_architecture_is_refused),
        cmocka_unit_test(a_config_that_asks_for_other_arithmetic_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
