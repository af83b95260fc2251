/* See dassl_tree.h. */
#include "harness/logs/dassl_tree.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_LIMIT = 24, LOGS_LIMIT = 1000 * 1000 };

/* ---- where the logs are ---- */

static bool is_own_folder(const char *path)
{
    struct stat s;
    return lstat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

static int list_below(struct dassl_logs *logs, const char *folder, int depth, struct err *e)
{
    struct fs_names names;
    int rc = fs_list(&names, folder, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < names.n && rc == 0; i++) {
        char *path = fs_join(folder, names.names[i]);
        if (str_eq(names.names[i], "log.txt") && fs_is_file(path)) {
            MEM_PUSH(logs->paths, logs->n, logs->capacity) = path;
            path = NULL;
        } else if (is_own_folder(path)) {
            rc = depth == DEPTH_LIMIT
                     ? err_set(e, ERR_RANGE, "'%s' is more than %d folders deep", path, DEPTH_LIMIT)
                     : list_below(logs, path, depth + 1, e);
        }
        free(path);
        if (rc == 0 && logs->n > LOGS_LIMIT)
            rc = err_set(e, ERR_RANGE, "'%s' holds more than %d logs", folder, LOGS_LIMIT);
    }
    fs_names_release(&names);
    return rc;
}

int dassl_tree_list(struct dassl_logs *logs, const char *folder, struct err *e)
{
    *logs = (struct dassl_logs){0};
    return list_below(logs, folder, 0, e);
}

void dassl_logs_release(struct dassl_logs *logs)
{
    for (size_t i = 0; i < logs->n; i++)
        free(logs->paths[i]);
    free(logs->paths);
    *logs = (struct dassl_logs){0};
}

/* ---- datasets ---- */

/* Equal but for case and underscores. */
static bool is_alike(const char *a, const char *b)
{
    for (;; a++, b++) {
        a += strspn(a, "_");
        b += strspn(b, "_");
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
            return false;
        if (!*a)
            return true;
    }
}

const struct dataset_row *dassl_dataset(const char *name)
{
    const struct dataset_row *row = dataset_find(name);
    if (row || str_eq(name, "DescribableTextures")) // the one whose folder has another name
        return row ? row : dataset_find("dtd");
    for (const struct dataset_row *d = dataset_rows; d->name; d++)
        if (is_alike(d->name, name))
            return d;
    return NULL;
}

/* ---- what folders say ---- */

enum part {
    END,
    SEED,         // seed1
    DATASET,      // oxford_pets
    TRAINER,      // CoOp
    CONFIG,       // vit_b16_ctxv1
    SHOTS,        // shots_16, shots_16_8.0: the rest belongs to the configuration
    CONFIG_SHOTS, // rn50_16shots
    HALF,         // train_base, test_new, ...
    EVALUATION,   // evaluation
    ZERO_SHOT,    // ZeroshotCLIP, ZeroshotCLIP2
};

/* From the log's folder upward; the first that fits. */
static const enum part layouts[][8] = {
    {SEED, CONFIG, TRAINER, SHOTS, DATASET, HALF},
    {SEED, CONFIG, TRAINER, SHOTS, DATASET},
    {SEED, DATASET, CONFIG, CONFIG_SHOTS, TRAINER, EVALUATION},
    {SEED, DATASET, CONFIG_SHOTS, TRAINER, EVALUATION},
    {SEED, CONFIG, CONFIG_SHOTS, TRAINER, DATASET},
    {SEED, CONFIG_SHOTS, TRAINER, DATASET},
    {DATASET, CONFIG, ZERO_SHOT},
};
enum { LAYOUTS = sizeof layouts / sizeof layouts[0] };

const char dassl_layouts[] = "[train_base|test_new/]DATASET/shots_K/TRAINER/CFG/seedS\n"
                             "DATASET/TRAINER/CFG_Kshots/[MORE/]seedS\n"
                             "evaluation/TRAINER/CFG_Kshots/[MORE/]DATASET/seedS\n"
                             "ZeroshotCLIP/CFG/DATASET\n";

static void add_config(struct dassl_place *p, const char *name, size_t size)
{
    char before[sizeof p->config];
    memcpy(before, p->config, sizeof before);
    if (size) // folders come from below, the configuration is named from above
        snprintf(p->config, sizeof p->config, "%.*s%s%.60s", (int)(size < 60 ? size : 60), name,
                 *before ? " " : "", before);
}

/* "train_base": the word behind the last '_'. */
static const char *classes_of(const char *name)
{
    static const char *const words[] = {"base", "new", "all"};
    const char *last = strrchr(name, '_');
    for (size_t i = 0; last && i < 3; i++)
        if ((str_starts(name, "train_") || str_starts(name, "test_")) && str_eq(last + 1, words[i]))
            return words[i];
    return NULL;
}

/* "rn50_16shots": where "_16shots" begins, or NULL. */
static const char *shots_of(const char *name, long *shots)
{
    const char *last = strrchr(name, '_');
    char number[16];
    if (!last || !str_ends(name, "shots"))
        return NULL;
    snprintf(number, sizeof number, "%.*s", (int)(strlen(last + 1) - strlen("shots")), last + 1);
    return str_to_long(number, 0, 100000, shots) ? last : NULL;
}

static bool take(struct dassl_place *p, enum part part, const char *name)
{
    const char *rest;
    char number[16];
    switch (part) {
    case SEED:
        return str_starts(name, "seed") && str_to_long(name + 4, 0, 0x7fffffff, &p->seed);
    case DATASET:
        p->dataset = dassl_dataset(name);
        return p->dataset;
    case TRAINER:
        snprintf(p->trainer, sizeof p->trainer, "%s", name);
        return *name;
    case CONFIG:
        add_config(p, name, strlen(name));
        return *name;
    case SHOTS:
        if (!str_starts(name, "shots_"))
            return false;
        rest = strchr(name + 6, '_');
        snprintf(number, sizeof number, "%.*s", rest ? (int)(rest - name - 6) : 15, name + 6);
        if (rest)
            add_config(p, rest + 1, strlen(rest + 1));
        return str_to_long(number, 0, 100000, &p->shots);
    case CONFIG_SHOTS:
        rest = shots_of(name, &p->shots);
        if (rest)
            add_config(p, name, (size_t)(rest - name));
        return rest;
    case HALF:
        p->classes = classes_of(name);
        return p->classes;
    case EVALUATION:
        p->evaluation = str_eq(name, "evaluation");
        return p->evaluation;
    case ZERO_SHOT:
        snprintf(p->trainer, sizeof p->trainer, "%s", name);
        p->shots = p->seed = 0;
        return str_starts(name, "ZeroshotCLIP");
    case END:
        break;
    }
    BUG("part %d of a folder", (int)part);
}

bool dassl_place_read(struct dassl_place *p, const char *log)
{
    char *path = fs_absolute(log);
    bool fits = false;
    for (size_t i = 0; i < LAYOUTS && !fits; i++) {
        char *folder = fs_folder(path);
        *p = (struct dassl_place){.shots = -1, .seed = -1};
        fits = true;
        for (const enum part *part = layouts[i]; *part != END && fits; part++) {
            char *above = fs_folder(folder);
            fits = take(p, *part, fs_base(folder));
            free(folder);
            folder = above;
        }
        free(folder);
    }
    free(path);
    return fits;
}
