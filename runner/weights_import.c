/* Weights and merges files into a folder of backbones: see weights_import.h. */
#include "runner/weights_import.h"

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/architecture.h"
#include "core/clip/bpe.h"
#include "core/clip/import.h"
#include "core/data/catalogue.h"
#include "core/data/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MERGES_LIMIT = 64 << 20 };

/* A name is one folder's, and the same everywhere. */
static int check_name(const char *name, struct err *e)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-_.";
    if (*name && *name != '.' && *name != '-' && name[strspn(name, allowed)] == 0 &&
        strlen(name) <= 100)
        return 0;
    char *shown = str_visible(name);
    err_set(e, ERR_USAGE,
            "'%.200s' is no name for a backbone: expected letters, digits, '-', '_' and '.'",
            shown);
    free(shown);
    return e->code;
}

/* What was imported is the file at `path`. */
static int finish(const struct weights_import *o, const char *path, struct err *e)
{
    if (o->move && unlink(o->file) < 0)
        return err_sys(e, "unable to remove '%s'", o->file);
    if (puts(path) < 0 || fflush(stdout))
        return err_sys(e, "unable to write to stdout");
    return 0;
}

/* ---- merges ---- */

static int import_merges(const struct weights_import *o, const struct source *known,
                         const char *backbones, struct err *e)
{
    char *folder = o->name ? fs_join(backbones, o->name) : mem_strdup(backbones), *data = NULL;
    const char *base = fs_base(o->file);
    char *path = fs_join(folder, backbone_is_merges(base) ? base : known->file);
    struct bpe *bpe = NULL;
    size_t size;
    int rc;
    if ((rc = bpe_open(&bpe, o->file, 0, e)) < 0 ||
        (rc = fs_read(&data, &size, o->file, MERGES_LIMIT, e)) < 0 ||
        (rc = fs_make_folders(folder, e)) < 0 || (rc = fs_write(path, data, size, e)) < 0)
        goto out;
    if (!known)
        log_info("'%s' is not the merges file of OpenAI's CLIP", o->file);
    rc = finish(o, path, e);
out:
    bpe_free(bpe);
    free(data);
    free(path);
    free(folder);
    return rc;
}

/* ---- weights ---- */

/* A file that is there stays; 1: it is of the same source, so nothing is to be done. */
static int look_at_old(const char *path, const char *sha256, struct err *e)
{
    struct safetensors old;
    if (!fs_is_file(path))
        return 0;
    bool same = false;
    if (safetensors_open(&old, path, &(struct err){0}) == 0) {
        const json_t *metadata = json_object_get(old.header, "__metadata__");
        same = str_eq(json_string_value(json_object_get(metadata, "source_sha256")), sha256);
        safetensors_close(&old);
    }
    return same ? 1
                : err_set(e, ERR_USAGE,
                          "'%s' is there already and of another source: remove it first, or import "
                          "--as another name",
                          path);
}

static void tell(const struct import_source *from, const struct clip_shape *shape,
                 const char *folder)
{
    struct err e = {0};
    char *text = architecture_text(shape), *merges = NULL;
    log_info("%s", text);
    free(text);
    if (!from->known_as)
        log_warn(
            "'%s' is none of OpenAI's own files; what a file of tensors does not say is taken "
            "to be as in OpenAI's CLIP: the activation QuickGELU, heads 64 wide, the pictures' "
            "mean and deviation",
            from->path);
    if (backbone_merges(folder, &merges, &e) < 0)
        log_info("the tokenizer's merges file is missing: 'promptgrid weights fetch bpe', or "
                 "'promptgrid weights import bpe_simple_vocab_16e6.txt.gz'");
    free(merges);
}

static int import_model(const struct weights_import *o, const struct source *known,
                        const char *sha256, const char *backbones, struct err *e)
{
    const char *name = o->name ? o->name : known ? known->name : NULL;
    if (!name)
        return err_set(e, ERR_USAGE,
                       "'%s' is none of the files that are known by their SHA-256 (%s): name it "
                       "with --as",
                       o->file, sha256);
    // What a name of the catalogue promises is checked by the sizes, and by the hash where known.
    const struct source *promised = source_find(name);
    if (known && promised && known != promised)
        return err_set(e, ERR_USAGE, "'%s' is OpenAI's '%s', not '%s'", o->file, known->name, name);
    const struct import_source from = {.path = o->file,
                                       .sha256 = sha256,
                                       .known_as = known ? known->name : NULL,
                                       .label = promised ? promised->label : NULL};
    char *folder = fs_join(backbones, name), *path = fs_join(folder, "model.safetensors");
    struct clip_shape shape;
    int rc = look_at_old(path, sha256, e);
    if (rc == 0 && (rc = fs_make_folders(folder, e)) == 0 &&
        (rc = import_weights(&from, path, &shape, e)) == 0)
        tell(&from, &shape, folder);
    else if (rc > 0)
        log_info("'%s' was imported before", o->file);
    if (rc >= 0)
        rc = finish(o, path, e);
    else
        rmdir(folder); // if it is empty
    free(path);
    free(folder);
    return rc;
}

int weights_import(const struct weights_import *o, const char *backbones, struct err *e)
{
    char sha256[HASH_HEX];
    int rc;
    if ((o->name && (rc = check_name(o->name, e)) < 0) || (rc = hash_file(sha256, o->file, e)) < 0)
        return rc;
    const struct source *known = source_of_hash(sha256);
    const bool merges =
        known ? str_eq(known->name, source_merges) : backbone_is_merges(fs_base(o->file));
    return merges ? import_merges(o, known, backbones, e)
                  : import_model(o, known, sha256, backbones, e);
}
