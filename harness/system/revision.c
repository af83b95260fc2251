/* Code and machine: see revision.h. libgit2 runs no external program: drivers named in a
 * repository's configuration are ignored, and a repository of another owner is refused. */
#include "harness/system/revision.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/thread.h"
#include "harness/system/revision_sys.h"
#include "harness/system/version.h"
#include "results/store.h"

#include <git2.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* Names of files whose presence changes what is built or run. */
static const char *const source_endings[] = {
    ".c", ".h", ".cu", ".cuh", ".cmake", ".sql", "CMakeLists.txt", ".gp", ".csv"};

static bool is_source(const char *path)
{
    for (size_t i = 0; i < sizeof source_endings / sizeof source_endings[0]; i++)
        if (str_ends(path, source_endings[i]))
            return true;
    return false;
}

/* Called for each difference; 1 leaves it out. */
static int only_sources(const git_diff *so_far, const git_diff_delta *delta, const char *pathspec,
                        void *payload)
{
    (void)so_far, (void)pathspec, (void)payload;
    return delta->status == GIT_DELTA_UNTRACKED && !is_source(delta->new_file.path);
}

static int add_line(const git_diff_delta *delta, const git_diff_hunk *hunk,
                    const git_diff_line *line, void *payload)
{
    (void)delta, (void)hunk;
    struct str *text = payload;
    if (text->size + line->content_len + 1 > REVISION_DIFF_LIMIT)
        return 1; // ends the printing
    if (strchr(" +-", line->origin))
        str_addc(text, line->origin);
    str_addn(text, line->content, line->content_len);
    return 0;
}

static int read_diff(struct revision *r, git_repository *repository, git_tree *head)
{
    git_diff *diff = NULL;
    git_diff_options options;
    git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
    options.flags = GIT_DIFF_INCLUDE_UNTRACKED | GIT_DIFF_RECURSE_UNTRACKED_DIRS |
                    GIT_DIFF_SHOW_UNTRACKED_CONTENT;
    options.ignore_submodules = GIT_SUBMODULE_IGNORE_ALL;
    options.max_size = REVISION_DIFF_LIMIT; // larger files count as binary: no text
    options.notify_cb = only_sources;
    int rc = git_diff_tree_to_workdir_with_index(&diff, repository, head, &options);
    if (rc == 0) {
        struct str text = STR_INIT;
        r->dirty = git_diff_num_deltas(diff) > 0;
        rc = git_diff_print(diff, GIT_DIFF_FORMAT_PATCH, add_line, &text);
        if (rc == 1 || rc == GIT_EUSER) {
            str_add(&text, "\n[the rest is left out]\n");
            rc = 0;
        }
        char *plain = str_detach(&text);
        free(r->diff);
        r->diff = plain;
    }
    git_diff_free(diff);
    return rc;
}

static int read_repository(struct revision *r, const char *folder)
{
    git_repository *repository = NULL;
    git_oid id;
    git_commit *commit = NULL;
    git_tree *tree = NULL;
    int rc = git_repository_open_ext(&repository, folder, 0, NULL);
    if (rc == 0)
        rc = git_reference_name_to_id(&id, repository, "HEAD");
    if (rc == 0)
        rc = git_commit_lookup(&commit, repository, &id);
    if (rc == 0)
        rc = git_commit_tree(&tree, commit);
    if (rc == 0)
        rc = read_diff(r, repository, tree);
    if (rc == 0)
        git_oid_tostr(r->commit, sizeof r->commit, &id);
    git_tree_free(tree);
    git_commit_free(commit);
    git_repository_free(repository);
    return rc;
}

/* Installed programs stand in no repository of theirs: they know what they were built from. */
static void read_build(struct revision *r)
{
    snprintf(r->commit, sizeof r->commit, "%s", version_commit);
    r->dirty = version_dirty;
    if (*r->commit)
        return;
    free(r->note);
    r->note = mem_strdup("no git revision: this program was built from no known commit");
}

void revision_read(struct revision *r, const char *folder)
{
    *r = (struct revision){.diff = mem_strdup(""), .note = mem_strdup("")};
    if (str_ends(folder, "/" FS_SHARE)) {
        read_build(r);
        return;
    }
    revision__init();
    int rc = read_repository(r, folder);
    if (rc < 0) {
        const git_error *error = git_error_last();
        const char *why = error ? error->message : "unknown reason";
        if (rc == GIT_EOWNER || strstr(why, "safe.directory")) // as libgit2 1.5 has it
            why = "the repository belongs to another user; 'git config --global --add "
                  "safe.directory DIR' trusts it";
        char *shown = str_visible(why);
        free(r->note);
        r->note = str_format("no git revision: %.300s", shown);
        r->dirty = false;
        free(shown);
    }
}

void revision_release(struct revision *r)
{
    free(r->diff);
    free(r->note);
    *r = (struct revision){0};
}

char *revision_build(const struct revision *r)
{
    return str_format("promptgrid " PROMPTGRID_VERSION ", " PROMPTGRID_BUILD "%s%s",
                      *r->note ? "; " : "", r->note);
}

/* The text after the colon of the first line of `path` that starts with `key`; yours to free(). */
static char *proc_value(const char *path, const char *key)
{
    char line[512], *found = NULL;
    FILE *f = fopen(path, "re");
    while (f && !found && fgets(line, sizeof line, f)) {
        char *value = strchr(line, ':');
        if (!value || !str_starts(line, key))
            continue;
        value++;
        value += strspn(value, " \t");
        value[strcspn(value, "\n")] = 0;
        found = str_visible(value);
    }
    if (f)
        fclose(f);
    return found ? found : mem_strdup("unknown");
}

json_t *revision_machine(void)
{
    int major = 0, minor = 0, patch = 0;
    struct utsname u = {0};
    uname(&u);
    git_libgit2_version(&major, &minor, &patch);
    char *cpu = proc_value("/proc/cpuinfo", "model name");
    char *memory = proc_value("/proc/meminfo", "MemTotal");
    char *cores = str_format("%d", thread_cores());
    char *kernel = str_format("%s %s %s", u.sysname, u.release, u.machine);
    char *libraries = str_format("libgit2 %d.%d.%d, libfyaml %s, jansson %s", major, minor, patch,
                                 fy_library_version(), jansson_version_str());
    char *host = str_visible(u.nodename);
    json_t *facts =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "cpu", cpu, "cores", cores, "memory", memory,
                  "kernel", kernel, "host", host, "libraries", libraries);
    BUG_IF(!facts);
    free(cpu);
    free(memory);
    free(cores);
    free(kernel);
    free(libraries);
    free(host);
    return facts;
}

int revision_record(const struct revision *r, struct store *s, const char *runner_sha256,
                    long *revision, long *machine, struct err *e)
{
    const struct store_revision row = {r->commit, r->dirty, r->diff, runner_sha256,
                                       revision_build(r)};
    json_t *facts = revision_machine();
    *revision = store_revision(s, &row, e);
    *machine = *revision < 0 ? *revision : store_machine(s, facts, e);
    json_decref(facts);
    free((char *)row.build);
    return *machine < 0 ? (int)*machine : 0;
}
