/* Which file a path means: see trained.h. */
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/train/trained.h"

#include <stdlib.h>
#include <string.h>

#define CHECKPOINT "model.pth.tar-"

/* The model of the last epoch in a folder, NULL when there is none. */
static int last_model(const char *folder, char **out, struct err *e)
{
    struct fs_names names;
    long last = -1, epoch;
    *out = NULL;
    int rc = fs_list(&names, folder, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < names.n; i++) {
        const char *name = names.names[i];
        if (!str_starts(name, CHECKPOINT) ||
            !str_to_long(name + strlen(CHECKPOINT), 0, 1 << 30, &epoch) || epoch <= last)
            continue;
        last = epoch;
        free(*out);
        *out = fs_join(folder, name);
    }
    fs_names_release(&names);
    return 0;
}

/* The same in the folders one below, of which one may have some. */
static int model_below(const char *folder, char **out, struct err *e)
{
    struct fs_names names;
    *out = NULL;
    int rc = fs_list(&names, folder, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < names.n && rc == 0; i++) {
        char *below = fs_join(folder, names.names[i]), *found = NULL;
        if (fs_is_folder(below))
            rc = last_model(below, &found, e);
        if (found && *out)
            rc = err_set(e, ERR_RANGE,
                         "'%s' and '%s' are both trained models: name the one that is meant", *out,
                         found);
        if (!*out) {
            *out = found;
            found = NULL;
        }
        free(found);
        free(below);
    }
    fs_names_release(&names);
    if (rc < 0) {
        free(*out);
        *out = NULL;
    }
    return rc;
}

int trained_locate(const char *path, char **file, struct err *e)
{
    *file = NULL;
    if (!fs_is_folder(path)) {
        *file = mem_strdup(path);
        return fs_is_file(path) ? 0 : err_set(e, ERR_MISSING, "there is no file '%s'", path);
    }
    int rc = last_model(path, file, e);
    if (rc == 0 && !*file)
        rc = model_below(path, file, e);
    if (rc == 0 && !*file)
        rc = err_set(e, ERR_MISSING,
                     "there is no " CHECKPOINT "N in '%s', nor in a folder right below it", path);
    return rc;
}
