/* `prompt import`: the context of CoOp's checkpoint as a result file. */
#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/torchfile.h"
#include "runner/prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"ctx", "prompt_learner.ctx"};

static const struct tensor *find_context(const struct torchfile *f, struct err *e)
{
    const struct tensor *t = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !t; i++)
        t = torchfile_find(f, names[i]);
    if (!t)
        err_set(e, ERR_MISSING, "'%s' holds no context vectors 'ctx': is it CoOp's prompt learner?",
                f->path);
    else if (t->dtype > DTYPE_F64 || t->dims < 2 || t->dims > 3 || !t->count)
        err_set(e, ERR_CORRUPT,
                "'%s': 'ctx' is no array of (vectors, width) or (classes, vectors, width) numbers",
                f->path);
    return e->code ? NULL : t;
}

int prompt_import(const struct prompt_options *o, const char *file, struct err *e)
{
    struct torchfile f = {0};
    char sha256[HASH_HEX], *name = NULL;
    json_t *metadata = NULL;
    float *data = NULL;
    int rc;
    *e = (struct err){0};
    if (!o->out)
        return err_set(e, ERR_USAGE, "prompt import: --out FILE.safetensors is missing");
    if (fs_is_file(o->out))
        return err_set(e, ERR_USAGE, "'%s' is there already: name another file", o->out);
    if ((rc = hash_file(sha256, file, e)) < 0 || (rc = torchfile_open(&f, file, e)) < 0)
        return rc;
    const struct tensor *t = find_context(&f, e);
    rc = e->code;
    if (!t)
        goto out;
    const size_t C = t->shape[t->dims - 1];
    data = mem_alloc(t->count, sizeof *data);
    safetensors_slice(t, 0, t->count, data);
    name = str_visible(fs_base(file));
    metadata = json_pack("{s:s, s:s, s:s}", "format", "promptgrid prompt 1", "source", name,
                         "source_sha256", sha256);
    if (o->backbone)
        json_object_set_new(metadata, "backbone", json_string(o->backbone));
    if (t->dims == 3) {
        char *count = str_format("%zu", t->shape[0]);
        json_object_set_new(metadata, "classes", json_string(count));
        free(count);
    }
    const struct tensor_out out = {
        .name = "ctx", .dims = 2, .shape = {t->count / C, C}, .data = data};
    if ((rc = safetensors_write(o->out, &out, 1, metadata, e)) == 0 &&
        (puts(o->out) < 0 || fflush(stdout)))
        rc = err_sys(e, "unable to write to stdout");
out:
    json_decref(metadata);
    free(name);
    free(data);
    torchfile_close(&f);
    return rc;
}
