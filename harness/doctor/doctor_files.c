/* Files: the code, data, weights, the workspace and its disk; and what a recipe lacks. */
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/sys.h"
#include "harness/doctor/doctor.h"
#include "harness/plan/plan.h"
#include "harness/system/revision.h"
#include "harness/system/version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DISK_NEEDED 4e9 // of a grid with feature banks of full-sized data sets
enum { FILES_NEEDED = 20000 };

/* ---- code ---- */

static void check_code(struct doctor *d)
{
    struct revision r;
    revision_read(&r, d->roots->home);
    if (!*r.commit)
        doctor_add(d, "code", DOCTOR_WARN,
                   "run it from a git repository, so that results say what made them", "%s",
                   r.note);
    else
        doctor_add(d, "code", DOCTOR_OK, NULL, "promptgrid %s, commit %.10s%s", version_text,
                   r.commit, r.dirty ? " with uncommitted changes, which results record" : "");
    revision_release(&r);
}

/* ---- data and weights ---- */

static void check_data(struct doctor *d)
{
    struct str lacks = STR_INIT;
    size_t found = 0;
    for (const struct dataset_row *row = dataset_rows; row->name; row++) {
        char *folder = NULL;
        struct err e;
        if (roots_dataset(d->roots, row, &folder, &e) == 0)
            found++;
        else
            str_addf(&lacks, "%s%s", lacks.size ? ", " : "", row->name);
        free(folder);
    }
    for (size_t i = 0; i + 1 < d->roots->n; i++) // the last is the program's own
        if (!fs_is_folder(d->roots->folders[i]))
            doctor_add(d, "data", DOCTOR_FAIL, "correct --data or PROMPTGRID_DATA",
                       "no folder '%s'", d->roots->folders[i]);
    doctor_add(d, "data", lacks.size ? DOCTOR_WARN : DOCTOR_OK,
               lacks.size ? "'promptgrid data list' says where each is looked for; --data DIR"
                          : NULL,
               "%zu datasets found%s%s", found, lacks.size ? ", not there: " : "", lacks.data);
    str_release(&lacks);
}

static void check_weights(struct doctor *d)
{
    struct str found = STR_INIT, lacks = STR_INIT;
    struct roots here = *d->roots;
    here.workspace = (char *)d->workspace;
    for (const struct backbone_row *row = backbone_rows; row->name; row++) {
        struct backbone_files files;
        struct err e;
        struct str *list = &found;
        if (roots_backbone(&here, row->name, &files, &e) == 0)
            backbone_files_release(&files);
        else
            list = &lacks;
        str_addf(list, "%s%s", list->size ? ", " : "", row->name);
    }
    doctor_add(d, "weights", lacks.size ? DOCTOR_WARN : DOCTOR_OK,
               lacks.size ? "promptgrid weights fetch NAME, and 'promptgrid weights fetch bpe'"
                          : NULL,
               "found: %s%s%s", found.size ? found.data : "none", lacks.size ? "; not there: " : "",
               lacks.data);
    str_release(&found);
    str_release(&lacks);
}

/* ---- the workspace ---- */

/* The type of the file system that holds `path`, as the kernel names it; yours to free(). */
static char *filesystem_of(const char *path)
{
    char line[4096], type[64] = "";
    unsigned major, minor;
    struct stat info;
    FILE *f = stat(path, &info) == 0 ? fopen("/proc/self/mountinfo", "re") : NULL;
    while (f && !*type && fgets(line, sizeof line, f)) {
        const char *dash = strstr(line, " - ");
        if (sscanf(line, "%*s %*s %u:%u", &major, &minor) == 2 && dash &&
            makedev(major, minor) == info.st_dev)
            sscanf(dash + 3, "%63s", type);
    }
    if (f)
        fclose(f);
    return mem_strdup(*type ? type : "unknown");
}

/* The workspace, or what is there of the way to it; yours to free(). */
static char *nearest(const char *workspace)
{
    char *path = fs_absolute(workspace);
    while (!fs_is_folder(path) && strcmp(path, "/") != 0) {
        char *folder = fs_folder(path);
        free(path);
        path = *folder ? folder : (free(folder), mem_strdup("/"));
    }
    return path;
}

static void check_disk(struct doctor *d, const char *path)
{
    struct statvfs s;
    char left[24];
    if (statvfs(path, &s) < 0) {
        doctor_add(d, "disk", DOCTOR_WARN, NULL, "'%s': %s", path, strerror(errno));
        return;
    }
    double bytes = (double)s.f_bavail * (double)s.f_frsize;
    enum doctor_state state = doctor_judge(bytes, DISK_NEEDED);
    doctor_size(bytes, left);
    doctor_add(d, "disk", state,
               state
                   ? "make room ('promptgrid gc' lists banks that no recipe needs), or --workspace "
                     "DIR on another disk"
                   : NULL,
               "%s free", left);
    if (s.f_files && s.f_favail < FILES_NEEDED)
        doctor_add(d, "disk", doctor_judge((double)s.f_favail, FILES_NEEDED),
                   "remove files, or --workspace DIR on another disk", "only %llu more files fit",
                   (unsigned long long)s.f_favail);
}

static void check_workspace(struct doctor *d)
{
    char *path = nearest(d->workspace), *type = filesystem_of(path);
    const char *place = sys_place(path);
    bool there = fs_is_folder(d->workspace);
    if (access(path, W_OK) < 0)
        doctor_add(d, "workspace", DOCTOR_FAIL, "--workspace DIR that you may write",
                   "'%s' cannot be written: %s", path, strerror(errno));
    else if (place)
        doctor_add(d, "workspace", DOCTOR_WARN, "--workspace DIR on a local disk",
                   "'%s' is on %s: its database is kept without a write-ahead log, and only this "
                   "machine may write it",
                   d->workspace, place);
    else if (str_eq(type, "tmpfs") || str_eq(type, "ramfs"))
        doctor_add(d, "workspace", DOCTOR_WARN, "--workspace DIR on a disk",
                   "'%s' is in memory (%s): a restart of the machine takes it away", d->workspace,
                   type);
    else
        doctor_add(d, "workspace", DOCTOR_OK, NULL, "'%s' on %s%s", d->workspace, type,
                   there ? "" : ", to be made by the first run");
    check_disk(d, path);
    free(type);
    free(path);
}

static void check_store(struct doctor *d)
{
    struct store *store = NULL;
    struct err e = {0};
    int rc = store_open(&store, d->store, STORE_LOOK, &e);
    if (rc == 0)
        doctor_add(d, "results", DOCTOR_OK, NULL, "'%s' opens; 'promptgrid check' proves it",
                   d->store);
    else if (rc != ERR_MISSING)
        doctor_add(d, "results", DOCTOR_FAIL, NULL, "%s", e.text); // with the next step
    store_close(store);
}

void doctor_files(struct doctor *d)
{
    if (d->roots) {
        check_code(d);
        check_data(d);
        check_weights(d);
    }
    check_workspace(d);
    check_store(d);
}

/* ---- a recipe ---- */

static void check_room(struct doctor *d, const struct plan *p)
{
    double bytes = 0;
    char needed[24], left[24], *path = nearest(d->workspace);
    struct statvfs s;
    for (size_t i = 0; i < p->n; i++)
        bytes += p->runs[i].state == PLAN_WANTED ? p->runs[i].bytes : 0;
    if (statvfs(path, &s) == 0 && bytes > (double)s.f_bavail * (double)s.f_frsize) {
        doctor_size(bytes, needed);
        doctor_size((double)s.f_bavail * (double)s.f_frsize, left);
        doctor_add(d, "recipe", DOCTOR_FAIL, "make room, or --workspace DIR on another disk",
                   "it will leave about %s of files, %s are free", needed, left);
    }
}

/* Each thing that is missing is a line of its own, with its next step in it. */
static void add_missing(struct doctor *d, const struct plan *p)
{
    for (const char *line = p->missing->data, *end; *line; line = end + 1) {
        end = line + strcspn(line, "\n");
        doctor_add(d, "recipe", DOCTOR_FAIL, NULL, "%.*s", (int)(end - line), line);
    }
}

void doctor_recipe(struct doctor *d, const char *recipe)
{
    struct store *store = NULL;
    struct plan plan = {0};
    struct err e = {0};
    if (!d->roots)
        return;
    int rc = store_open(&store, d->store, STORE_READ, &e);
    if (rc == 0 || rc == ERR_MISSING) // nothing was run yet
        rc = plan_load(&plan, recipe, d->roots, store, d->workspace, &e);
    if (rc == 0)
        rc = plan_expect(&plan, store, &e);
    if (rc < 0) {
        doctor_add(d, "recipe", DOCTOR_FAIL, NULL, "%s", e.text);
    } else {
        add_missing(d, &plan);
        check_room(d, &plan);
        doctor_add(d, "recipe", plan.blocked ? DOCTOR_FAIL : DOCTOR_OK, NULL,
                   "%zu runs: %zu done, %zu to do, %zu blocked", plan.n, plan.done, plan.wanted,
                   plan.blocked);
    }
    plan_release(&plan);
    store_close(store);
}
