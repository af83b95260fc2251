/*
 * Splits made anew: see resplit.h. Two rules: half, a fifth and the rest of every folder; or a
 * fifth of each class of an official training list for validation, beside the official test list.
 */
#include "core/data/resplit.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/base/str.h"
#include "core/data/divide.h"
#include "core/data/group.h"
#include "core/data/split_build.h"

#include <ctype.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct making {
    struct split_builder to;
    const struct dataset_row *row;
    const struct rule *rule;
    const char *folder;
    struct rng rng;
};

struct rename {
    const char *folder, *name; // NULL name: the folder is no class
};

struct rule {
    const char *dataset;
    int (*make)(struct making *m, struct err *e);
    const struct rename *renames; // ends with a NULL folder; NULL = none
    const char *why_not;          // where make is NULL
};

/* ---- by folders ---- */

/* One class: half train, a fifth val, the rest test. */
static int divide_folder(struct making *m, const char *folder, int label, struct err *e)
{
    struct fs_names files;
    char *path = fs_join(m->to.s->images, folder);
    int rc = fs_list(&files, path, e);
    if (rc < 0)
        goto out;
    size_t train = divide_part(files.n, 0.5), val = divide_part(files.n, 0.2);
    if (!train || !val || train + val >= files.n) {
        rc = err_set(e, ERR_RANGE,
                     "'%s' holds %zu images, too few for parts of 50, 20 and 30 percent", path,
                     files.n);
    } else {
        size_t *order = divide_shuffle(&m->rng, NULL, files.n);
        for (size_t i = 0; i < files.n; i++)
            split_add(&m->to,
                      i < train         ? SPLIT_TRAIN
                      : i < train + val ? SPLIT_VAL
                                        : SPLIT_TEST,
                      fs_join(folder, files.names[order[i]]), label);
        free(order);
    }
    fs_names_release(&files);
out:
    free(path);
    return rc;
}

/* Classes are the folders of images, sorted. */
static int by_folders(struct making *m, struct err *e)
{
    struct fs_names folders;
    int rc = fs_list(&folders, m->to.s->images, e), label = 0;
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < folders.n && rc == 0; i++) {
        const char *name = folders.names[i];
        for (const struct rename *r = m->rule->renames; r && r->folder; r++)
            if (str_eq(r->folder, folders.names[i]))
                name = r->name;
        if (!name)
            continue;
        split_name(&m->to, label, name);
        rc = divide_folder(m, folders.names[i], label++, e);
    }
    fs_names_release(&folders);
    return rc;
}

/* ---- by official lists ---- */

/* A line of a list, told apart into an image below the image folder, its label and class name: what
 * `read` does with it, in place. Texts are yours to free(); false when the line is not as expected.
 */
struct listed {
    char *path, *name;
    int label;
};

struct list_rule {
    const char *classes; // file of class names; NULL = none
    const char *train, *test;
    bool (*read)(const struct fs_names *classes, char *line, struct listed *out);
    const char *expected; // of a line
};

/* Lines of a text file without the blanks around them; empty ones are left out. */
static int read_lines(struct fs_names *out, const char *path, struct err *e)
{
    char *text, *rest = NULL;
    size_t capacity = 0;
    *out = (struct fs_names){0};
    if (fs_read(&text, NULL, path, SPLIT_LIMIT, e) < 0)
        return e->code;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        size_t length = strlen(line);
        while (length && isspace((unsigned char)line[length - 1]))
            line[--length] = 0;
        while (isspace((unsigned char)*line))
            line++;
        if (*line)
            MEM_PUSH(out->names, out->n, capacity) = mem_strdup(line);
    }
    free(text);
    return 0;
}

/* Every line of `file` goes to `part`. */
static int read_list(struct making *m, const struct list_rule *l, const struct fs_names *classes,
                     const char *file, enum split_part part, struct err *e)
{
    struct fs_names lines;
    char *path = fs_join(m->folder, file);
    int rc = read_lines(&lines, path, e);
    for (size_t i = 0; i < lines.n && rc == 0; i++) {
        struct listed item = {0};
        char *line = mem_strdup(lines.names[i]);
        if (!l->read(classes, line, &item) || item.label < 0 || item.label >= m->row->classes ||
            !split_stays_inside(item.path)) {
            char *shown = str_visible(lines.names[i]);
            rc = err_set(e, ERR_PARSE, "'%s' has a line '%.200s', expected %s", path, shown,
                         l->expected);
            free(shown);
        } else if (!split_name(&m->to, item.label, item.name)) {
            rc = err_set(e, ERR_CORRUPT, "'%s': label %d has two class names, '%s' and '%s'", path,
                         item.label, m->to.s->names[item.label], item.name);
        } else {
            split_add(&m->to, part, item.path, item.label);
            item.path = NULL;
        }
        free(item.path);
        free(item.name);
        free(line);
    }
    fs_names_release(&lines);
    free(path);
    return rc;
}

/* A fifth of each class of the training list, shuffled, becomes val. */
static int take_val(struct making *m, struct err *e)
{
    struct split_list all = m->to.s->part[SPLIT_TRAIN];
    struct groups g;
    int rc = 0;
    groups_make(&g, &all, m->to.s->classes);
    m->to.s->part[SPLIT_TRAIN] = (struct split_list){0};
    m->to.capacity[SPLIT_TRAIN] = 0;
    for (size_t k = 0; k < g.n && rc == 0; k++) {
        size_t n = g.start[k + 1] - g.start[k], val = divide_part(n, 0.2);
        if (!val) {
            rc = err_set(e, ERR_RANGE,
                         "class '%s' has %zu training images, too few to take a fifth of them",
                         m->to.s->names[g.label[k]], n);
            break;
        }
        size_t *order = divide_shuffle(&m->rng, g.members + g.start[k], n);
        for (size_t i = 0; i < n; i++)
            split_add(&m->to, i < val ? SPLIT_VAL : SPLIT_TRAIN,
                      mem_strdup(all.items[order[i]].path), g.label[k]);
        free(order);
    }
    groups_release(&g);
    for (size_t i = 0; i < all.n; i++)
        free(all.items[i].path);
    free(all.items);
    return rc;
}

static int by_lists(struct making *m, const struct list_rule *l, struct err *e)
{
    struct fs_names classes = {0};
    char *path = l->classes ? fs_join(m->folder, l->classes) : NULL;
    int rc = path ? read_lines(&classes, path, e) : 0;
    if (rc == 0 && (rc = read_list(m, l, &classes, l->train, SPLIT_TRAIN, e)) == 0 &&
        (rc = read_list(m, l, &classes, l->test, SPLIT_TEST, e)) == 0)
        rc = take_val(m, e);
    fs_names_release(&classes);
    free(path);
    return rc;
}

/* "Abyssinian_100 1 1 1": image, class from 1, species, breed of the species. The class's name is
 * the image's up to the last '_', in lower case. */
static bool read_pet(const struct fs_names *classes, char *line, struct listed *out)
{
    char image[256];
    long label;
    int end = 0;
    (void)classes;
    if (sscanf(line, "%255[^ ] %ld %*d %*d%n", image, &label, &end) < 2 || !end || line[end] ||
        label < 1 || label > INT_MAX)
        return false;
    char *last = strrchr(image, '_');
    if (!last)
        return false;
    out->path = str_format("%s.jpg", image);
    *last = 0;
    for (char *c = image; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    out->name = mem_strdup(image);
    out->label = (int)label - 1;
    return true;
}

static int make_pets(struct making *m, struct err *e)
{
    static const struct list_rule lists = {NULL, "annotations/trainval.txt", "annotations/test.txt",
                                           read_pet, "an image, its class, species and breed"};
    return by_lists(m, &lists, e);
}

/* "a/b/c" without its first part, the others in reverse: "c b". */
static char *sun_name(const char *class_)
{
    struct str name = STR_INIT;
    size_t end = strlen(class_);
    const char *first = strchr(class_, '/');
    while (first && end > (size_t)(first - class_)) {
        size_t start = end;
        while (class_[start - 1] != '/')
            start--;
        str_addf(&name, "%s%.*s", name.size ? " " : "", (int)(end - start), class_ + start);
        end = start - 1;
    }
    return str_detach(&name);
}

/* "/a/apartment_building/outdoor/sun_x.jpg": the image's folder is a line of ClassName.txt, whose
 * place is the label. */
static bool read_sun(const struct fs_names *classes, char *line, struct listed *out)
{
    char *slash = strrchr(line, '/');
    if (!slash || slash == line)
        return false;
    *slash = 0;
    size_t k = 0;
    while (k < classes->n && !str_eq(classes->names[k], line))
        k++;
    if (k == classes->n)
        return false;
    out->path = str_format("%s/%s", line + 1, slash + 1);
    out->name = sun_name(line + 1);
    out->label = (int)k;
    return true;
}

static int make_sun(struct making *m, struct err *e)
{
    static const struct list_rule lists = {"ClassName.txt", "Training_01.txt", "Testing_01.txt",
                                           read_sun, "an image in a folder of ClassName.txt"};
    return by_lists(m, &lists, e);
}

/* "ApplyEyeMakeup" -> "Apply_Eye_Makeup": what stands before the first capital is dropped. */
static char *ucf_name(const char *action)
{
    struct str name = STR_INIT;
    for (const char *c = action; *c; c++) {
        bool capital = *c >= 'A' && *c <= 'Z';
        if (capital && name.size)
            str_addc(&name, '_');
        if (capital || name.size)
            str_addc(&name, *c);
    }
    return str_detach(&name);
}

/* "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1": a video of an action of classInd.txt, which has
 * lines of "1 ApplyEyeMakeup"; the number after it counts no more. */
static bool read_ucf(const struct fs_names *classes, char *line, struct listed *out)
{
    line[strcspn(line, " ")] = 0;
    char *slash = strchr(line, '/');
    if (!slash || strchr(slash + 1, '/'))
        return false;
    *slash = 0;
    long number = 0;
    for (size_t k = 0; k < classes->n && !number; k++) {
        const char *space = strchr(classes->names[k], ' ');
        if (space && str_eq(space + 1, line))
            number = strtol(classes->names[k], NULL, 10);
    }
    if (number < 1 || number > INT_MAX)
        return false;
    struct str path = STR_INIT;
    const char *file = slash + 1;
    out->name = ucf_name(line);
    out->label = (int)number - 1;
    str_addf(&path, "%s/", out->name);
    for (const char *avi; (avi = strstr(file, ".avi")); file = avi + 4)
        str_addf(&path, "%.*s.jpg", (int)(avi - file), file);
    str_add(&path, file);
    out->path = str_detach(&path);
    return true;
}

static int make_ucf(struct making *m, struct err *e)
{
    static const struct list_rule lists = {
        "ucfTrainTestlist/classInd.txt", "ucfTrainTestlist/trainlist01.txt",
        "ucfTrainTestlist/testlist01.txt", read_ucf, "a video of an action of classInd.txt"};
    return by_lists(m, &lists, e);
}

/* ---- the rules of datasets ---- */

static const struct rename of_caltech[] = {{"BACKGROUND_Google", NULL},
                                           {"Faces_easy", NULL},
                                           {"airplanes", "airplane"},
                                           {"Faces", "face"},
                                           {"Leopards", "leopard"},
                                           {"Motorbikes", "motorbike"},
                                           {NULL, NULL}};

static const struct rename of_eurosat[] = {
    {"AnnualCrop", "Annual Crop Land"},
    {"Forest", "Forest"},
    {"HerbaceousVegetation", "Herbaceous Vegetation Land"},
    {"Highway", "Highway or Road"},
    {"Industrial", "Industrial Buildings"},
    {"Pasture", "Pasture Land"},
    {"PermanentCrop", "Permanent Crop Land"},
    {"Residential", "Residential Buildings"},
    {"River", "River"},
    {"SeaLake", "Sea or Lake"},
    {NULL, NULL},
};

static const struct rule rules[] = {
    {.dataset = "caltech101", .make = by_folders, .renames = of_caltech},
    {.dataset = "oxford_pets", .make = make_pets},
    {.dataset = "stanford_cars", .why_not = "its annotations are MATLAB files, which are not read"},
    {.dataset = "oxford_flowers", .why_not = "its labels are a MATLAB file, which is not read"},
    {.dataset = "food101", .make = by_folders},
    {.dataset = "sun397", .make = make_sun},
    {.dataset = "dtd", .make = by_folders},
    {.dataset = "eurosat", .make = by_folders, .renames = of_eurosat},
    {.dataset = "ucf101", .make = make_ucf},
    {0},
};

static int find_rule(const struct rule **out, const struct dataset_row *row, struct err *e)
{
    if (row->layout != LAYOUT_SPLIT_JSON)
        return err_set(e, ERR_USAGE,
                       "'%s' needs no split file: its own files and folders are its split",
                       row->name);
    const struct rule *r = rules;
    while (r->dataset && !str_eq(r->dataset, row->name))
        r++;
    if (!r->make)
        return err_set(e, ERR_USAGE,
                       "the split of '%s' cannot be made anew: %s; get '%s' from its authors",
                       row->name, r->dataset ? r->why_not : "there is no rule for it", row->split);
    *out = r;
    return 0;
}

/* ---- interface ---- */

int resplit_make(struct split *s, const struct dataset_row *row, const char *folder, uint64_t seed,
                 struct err *e)
{
    struct making m = {.to = {.s = s}, .row = row, .folder = folder};
    *s = (struct split){0};
    if (find_rule(&m.rule, row, e) < 0)
        return e->code;
    s->images = *row->images ? fs_join(folder, row->images) : mem_strdup(folder);
    rng_seed_py(&m.rng, seed);
    int rc = m.rule->make(&m, e);
    if (rc == 0 && !s->classes)
        rc = err_set(e, ERR_RANGE, "'%s' holds no class", s->images);
    for (int k = 0; k < s->classes && rc == 0; k++)
        if (!s->names[k])
            rc =
                err_set(e, ERR_RANGE, "the lists in '%s' have no image of class %d", folder, k + 1);
    if (rc == 0)
        rc = split_check(s, e);
    if (rc < 0)
        split_release(s);
    return rc;
}

/* Python escapes every character but printable ASCII, with small letters in \uXXXX. */
static void as_python(struct str *out, const char *json)
{
    for (const char *c = json; *c; c++) {
        if (c[0] == '\\' && c[1] == 'u') {
            for (int i = 0; i < 6; i++)
                str_addc(out, (char)tolower((unsigned char)c[i]));
            c += 5;
        } else if (*c == '\\') {
            str_addn(out, c++, 2);
        } else if (*c == 0x7f) {
            str_add(out, "\\u007f");
        } else {
            str_addc(out, *c);
        }
    }
}

int resplit_json(const struct split *s, char **text, struct err *e)
{
    json_t *root = json_object();
    struct str out = STR_INIT;
    char *json = NULL;
    int rc = 0;
    for (int p = 0; p < SPLIT_PARTS; p++) {
        json_t *list = json_array();
        json_object_set_new(root, split_part_names[p], list);
        for (size_t i = 0; i < s->part[p].n; i++) {
            const struct split_item *item = &s->part[p].items[i];
            json_t *entry = json_pack("[s, i, s]", item->path, item->label, s->names[item->label]);
            if (!entry) {
                char *shown = str_visible(item->path);
                rc =
                    err_set(e, ERR_PARSE, "image '%s': its path or class name is not UTF-8", shown);
                free(shown);
                goto out;
            }
            json_array_append_new(list, entry);
        }
    }
    json = json_dumps(root, JSON_INDENT(4) | JSON_ENSURE_ASCII);
    BUG_IF(!json);
    as_python(&out, json);
    *text = str_detach(&out);
out:
    free(json);
    json_decref(root);
    return rc;
}

int resplit_can(const struct dataset_row *row, struct err *e)
{
    const struct rule *rule;
    return find_rule(&rule, row, e);
}

char *resplit_name(const struct dataset_row *row, uint64_t seed)
{
    static const char official[] = "split_zhou_";
    const char *name = row->split + (str_starts(row->split, official) ? sizeof official - 1 : 0);
    return str_format("split_regenerated_%.*s_seed%llu.json", (int)strcspn(name, "."), name,
                      (unsigned long long)seed);
}
