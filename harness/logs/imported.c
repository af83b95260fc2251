/* See imported.h. */
#include "harness/logs/imported.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/spec.h"
#include "harness/logs/dassl_log.h"
#include "harness/logs/dassl_tree.h"

#include <stdlib.h>
#include <string.h>

enum { LOG_LIMIT = 256 << 20 };

/* A log and its folder, as they agree. */
struct facts {
    const struct dataset_row *dataset, *source; // source NULL: the dataset itself
    const char *trainer, *config, *backbone, *classes;
    long shots, seed;
};

static int refuse(struct imported_log *log, const char *format, const char *a, const char *b)
{
    char *text = str_format(format, a, b);
    err_set(&log->refused, ERR_PARSE, "%s: %s", log->path, text);
    free(text);
    return log->refused.code;
}

/* ---- backbones ---- */

/* "ViT-B/16" -> "vit-b16"; NULL: unknown. */
static const char *backbone_by_label(const char *label)
{
    for (const struct backbone_row *b = backbone_rows; b->name; b++)
        if (str_eq(b->label, label))
            return b->name;
    return NULL;
}

/* "vit_b16_ep50_ctxv1" -> "vit-b16": the configurations begin with it. */
static const char *backbone_by_config(const char *config)
{
    for (const struct backbone_row *b = backbone_rows; b->name; b++) {
        size_t i = 0;
        while (b->name[i] && (config[i] == b->name[i] || (config[i] == '_' && b->name[i] == '-')))
            i++;
        if (!b->name[i] && (!config[i] || config[i] == '_' || config[i] == ' '))
            return b->name;
    }
    return NULL;
}

static int find_backbone(struct imported_log *log, struct facts *f, const struct dassl_log *head,
                         const char *given)
{
    if (*head->backbone && !(f->backbone = backbone_by_label(head->backbone)))
        return refuse(log, "its backbone '%s' is not known here%s", head->backbone, "");
    if (!f->backbone)
        f->backbone = backbone_by_config(f->config);
    if (!f->backbone)
        f->backbone = given;
    return f->backbone
               ? 0
               : refuse(log, "neither it nor its folder says the backbone: --backbone%s%s", "", "");
}

/* ---- one fact after the other ---- */

static int agree(struct imported_log *log, const char *what, long folder, long head, long *out)
{
    char a[32], b[100];
    *out = folder >= 0 ? folder : head;
    if (folder < 0 || head < 0 || folder == head)
        return 0;
    snprintf(a, sizeof a, "%s %ld", what, head);
    snprintf(b, sizeof b, "%ld", folder);
    return refuse(log, "it is of %s by its own words, of %s by its folder", a, b);
}

static int find_dataset(struct imported_log *log, struct facts *f, const struct dassl_log *head,
                        const struct dassl_place *place)
{
    const struct dataset_row *said = *head->dataset ? dassl_dataset(head->dataset) : NULL;
    if (*head->dataset && !said)
        return refuse(log, "its dataset '%s' is not known here%s", head->dataset, "");
    if (said && place->dataset && said != place->dataset)
        return refuse(log, "it is of %s by its own words, of %s by its folder", said->name,
                      place->dataset->name);
    f->dataset = said ? said : place->dataset;
    return 0;
}

/* The dataset of the folder that an evaluation loads its model from; NULL: none is named. */
static const struct dataset_row *model_dataset(const char *folder)
{
    const struct dataset_row *found = NULL;
    char *copy = mem_strdup(folder), *save;
    for (char *name = strtok_r(copy, "/", &save); name; name = strtok_r(NULL, "/", &save)) {
        const struct dataset_row *row = dassl_dataset(name);
        found = row ? row : found;
    }
    free(copy);
    return found;
}

static int find_facts(struct imported_log *log, struct facts *f, const struct dassl_log *head,
                      const struct dassl_place *place, const char *backbone)
{
    int rc = find_dataset(log, f, head, place);
    if (rc < 0 || (rc = agree(log, "seed", place->seed, head->seed, &f->seed)) < 0)
        return rc;
    // an evaluation is told the classes, not the shots that its model was trained on
    if ((rc = agree(log, "shots", place->shots, head->trained ? head->shots : -1, &f->shots)) < 0)
        return rc;
    if (*head->classes && place->classes && !str_eq(head->classes, place->classes))
        return refuse(log, "it tests %s classes by its own words, %s by its folder", head->classes,
                      place->classes);
    f->trainer = place->trainer;
    f->config = place->config;
    f->classes = *head->classes ? head->classes : place->classes ? place->classes : "all";
    if (!str_eq(f->classes, "all") && !str_eq(f->classes, "base") && !str_eq(f->classes, "new"))
        return refuse(log, "it tests '%s' classes, not all, base or new%s", f->classes, "");
    if (str_eq(f->classes, "all") && !head->trained && place->shots) {
        const struct dataset_row *source = model_dataset(head->model);
        if (!source && place->evaluation)
            source = dataset_find("imagenet"); // as the reference's scripts have it
        f->source = source != f->dataset ? source : NULL;
    }
    return find_backbone(log, f, head, backbone);
}

/* ---- the run ---- */

static const char *protocol_of(const struct facts *f)
{
    if (!str_eq(f->classes, "all"))
        return "base-to-new";
    if (!f->source)
        return "few-shot";
    return dataset_is_target(f->dataset) ? "domain-generalization" : "cross-dataset";
}

static json_t *make_spec(const struct facts *f)
{
    json_t *spec =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:{s:s}, s:I, s:I}", "version", SPEC_VERSION,
                  "job", "imported", "protocol", protocol_of(f), "backbone", f->backbone, "dataset",
                  f->dataset->name, "method", f->trainer, "params", "config", f->config, "shots",
                  (json_int_t)f->shots, "seed", (json_int_t)f->seed);
    if (spec && f->source)
        json_object_set_new(spec, "source", json_string(f->source->name));
    return spec;
}

int imported_read(struct imported_log *log, const char *path, const char *backbone, struct err *e)
{
    struct dassl_log head;
    struct dassl_place place;
    struct facts f = {0};
    char *text;
    size_t size;
    *log = (struct imported_log){.path = fs_absolute(path)};
    int rc = fs_read(&text, &size, path, LOG_LIMIT, e);
    if (rc < 0)
        return rc;
    hash_bytes(log->sha256, text, size);
    const bool whole = strlen(text) == size;
    struct err own = {0};
    dassl_log_read(&head, text, log->path, &own);
    free(text);
    if (!whole)
        err_set(&own, ERR_CORRUPT, "%s: a zero byte in the text", log->path);
    if (!dassl_place_read(&place, path))
        refuse(log, "its folder is none of the known layouts:\n%s%s", dassl_layouts, "");
    else if (find_facts(log, &f, &head, &place, backbone) == 0 && !(log->spec = make_spec(&f)))
        refuse(log, "its folder's name is not UTF-8%s%s", "", "");
    if (own.code) // goes before what its folder says
        log->refused = own;
    log->split = str_eq(f.classes, "base") ? "base" : str_eq(f.classes, "new") ? "new" : "test";
    log->accuracy = head.accuracy;
    log->macro_f1 = head.macro_f1;
    log->seconds = head.seconds;
    return 0;
}

void imported_release(struct imported_log *log)
{
    free(log->path);
    json_decref(log->spec);
    *log = (struct imported_log){0};
}
