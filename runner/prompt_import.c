/* `prompt import`: a checkpoint of others as a result file. */
#include "core/base/fs.h"
#include "core/base/str.h"
#include "runner/prompt.h"

#include <stdlib.h>

int prompt_import(const struct prompt_options *o, const char *word, struct err *e)
{
    struct trained t;
    if (!o->out)
        return err_set(e, ERR_USAGE, "prompt import: --out FILE.safetensors is missing");
    if (fs_is_file(o->out))
        return err_set(e, ERR_USAGE, "'%s' is there already: name another file", o->out);
    int rc = prompt_open(&t, o, word, e);
    if (rc < 0)
        return rc;
    char *name = str_visible(fs_base(t.path));
    json_t *metadata = json_pack("{s:s, s:s, s:s}", "format", "promptgrid prompt 1", "source", name,
                                 "source_sha256", t.sha256);
    json_t *evaluated = trained_metadata(&t);
    json_object_update(metadata, evaluated);
    if (o->backbone)
        json_object_set_new(metadata, "backbone", json_string(o->backbone));
    if (t.classes) {
        char *count = str_format("%d", t.classes);
        json_object_set_new(metadata, "classes", json_string(count));
        free(count);
    }
    if (t.own)
        rc = err_set(e, ERR_USAGE, "'%s' is a result of ours already", t.path);
    else if ((rc = safetensors_write(o->out, t.arrays, t.n, metadata, e)) == 0)
        rc = prompt_say_path(o->out, e);
    json_decref(evaluated);
    json_decref(metadata);
    free(name);
    trained_close(&t);
    return rc;
}
