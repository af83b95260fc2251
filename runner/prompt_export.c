/* `prompt export`: a prompt as its reference's trainer saves it, or as a classifier. */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/torchwrite.h"
#include "core/proto/method_keys.h"
#include "core/train/reference.h"
#include "runner/prompt.h"

#include <stdlib.h>
#include <string.h>

/* A result's arrays as the reference's tensors; the numbers stay the result's. */
struct tensors {
    struct tensor_out *items;
    size_t n, capacity;
};

static void tensors_release(struct tensors *t)
{
    for (size_t i = 0; i < t->n; i++)
        free((char *)t->items[i].name);
    free(t->items);
}

static bool is_anywhere(const struct reference *r, const char *ours)
{
    for (const struct reference_tensor *t = r->tensors; t->theirs; t++)
        if (str_eq(t->ours, ours))
            return t->anywhere;
    return false;
}

static size_t levels_of(const struct trained *t, const struct reference *r, const char *ours)
{
    const size_t depth = (size_t)json_integer_value(json_object_get(t->params, "depth"));
    if (!reference_is_stacked(r, ours))
        return 1;
    return str_eq(ours, "deep") ? depth - 1 : depth;
}

/* One array: all of its levels. */
static int split_levels(const struct trained *t, const struct reference *r,
                        const struct tensor_out *a, struct tensors *out, struct err *e)
{
    const size_t levels = levels_of(t, r, a->name), columns = a->shape[a->dims - 1];
    const size_t rows = a->dims == 2 ? a->shape[0] : 1;
    const char *prefix = r->whole && !is_anywhere(r, a->name) ? "prompt_learner." : "";
    if (!levels || rows % levels)
        return err_set(e, ERR_CORRUPT, "'%s': '%s' has %zu rows for %zu levels", t->path, a->name,
                       rows, levels);
    for (size_t i = 0; i < levels; i++) {
        char *plain = reference_name(r, a->name, (int)i);
        BUG_IF(!plain);
        struct tensor_out *x = &MEM_PUSH(out->items, out->n, out->capacity);
        *x = (struct tensor_out){.name = str_format("%s%s", prefix, plain),
                                 .dims = 2,
                                 .shape = {rows / levels, columns},
                                 .data = (const float *)a->data + i * (rows / levels) * columns};
        if (a->dims == 1 || str_ends(plain, ".bias")) {
            x->dims = 1;
            x->shape[0] = columns;
        }
        free(plain);
    }
    return 0;
}

static int make_tensors(const struct trained *t, const struct reference *r, struct tensors *out,
                        struct err *e)
{
    int rc = 0;
    for (const struct reference_tensor *row = r->tensors; row->theirs && rc == 0; row++) {
        const struct tensor_out *a = row->ours ? trained_find(t, row->ours) : NULL;
        bool done = !a;
        for (const struct reference_tensor *before = r->tensors; before < row; before++)
            done |= str_eq(before->ours, row->ours);
        if (!done)
            rc = split_levels(t, r, a, out, e);
    }
    if (rc == 0 && t->classes && out->n) { // the context is the first row of every reference
        struct tensor_out *ctx = &out->items[0];
        const size_t K = (size_t)t->classes;
        ctx->dims = 3;
        ctx->shape[2] = ctx->shape[1];
        ctx->shape[1] = ctx->shape[0] / K;
        ctx->shape[0] = K;
    }
    return rc;
}

/* The epoch in the file's name, which its trainer asks for: that of the run, or of the checkpoint
 * that it came from. */
static int epoch_of(const struct trained *t)
{
    const json_t *epochs = json_object_get(t->params, "epochs");
    const char *source = json_string_value(json_object_get(t->metadata, "source"));
    const char *number = strrchr(source ? source : t->path, '-');
    long epoch = 0;
    if (t->spec && epochs)
        return (int)json_integer_value(epochs);
    return number && str_to_long(number + 1, 0, 1 << 30, &epoch) ? (int)epoch : 0;
}

static int export_checkpoint(const struct prompt_options *o, const struct trained *t, struct err *e)
{
    const struct reference *r = reference_find(t->trainer);
    const char *position = json_string_value(json_object_get(t->params, "position"));
    struct tensors tensors = {0};
    if (!r)
        return err_set(e, ERR_RANGE, "a prompt of %s is not what any reference's trainer loads",
                       method_find(t->trainer)->label);
    const int epoch = epoch_of(t);
    char *folder = fs_join(o->out ? o->out : ".", r->folder);
    char *path = str_format("%s/model.pth.tar-%d", folder, epoch);
    int rc = make_tensors(t, r, &tensors, e);
    if (rc == 0)
        rc = fs_make_folders(folder, e);
    if (rc == 0 && (rc = torchwrite_checkpoint(path, tensors.items, tensors.n, epoch, e)) == 0) {
        if (position && !str_eq(position, "end"))
            log_info("the class name's position is '%s': tell CoOp so "
                     "(TRAINER.COOP.CLASS_TOKEN_POSITION)",
                     position);
        rc = prompt_say_path(path, e);
    }
    tensors_release(&tensors);
    free(path);
    free(folder);
    return rc;
}

int prompt_export(const struct prompt_options *o, const char *word, struct err *e)
{
    static const struct {
        const char *kind;
        int (*run)(const struct prompt_options *o, const struct trained *t, struct err *e);
    } kinds[] = {{"checkpoint", export_checkpoint}, {"head", prompt_export_head}};
    struct trained t;
    int rc = prompt_open(&t, o, word, e);
    if (rc < 0)
        return rc;
    rc = err_set(e, ERR_USAGE, "--kind '%s': expected checkpoint or head", o->kind);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (str_eq(o->kind, kinds[i].kind)) {
            *e = (struct err){0};
            rc = kinds[i].run(o, &t, e);
        }
    trained_close(&t);
    return rc;
}
