/* See dataset_fetch.h. */
#include "harness/cmd/dataset_fetch.h"

#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "core/data/split.h"
#include "core/fetch/unpack.h"
#include "harness/cmd/download.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const fetch_states[FETCH_STATES] = {"there", "fetched", "missing", "failed"};

enum { TEXT_LIMIT = 64 << 20, CLASSNAMES = 1000, ENTRIES = 4000000 };
static const long long GIB = 1 << 30, UNKNOWN = 64LL << 30; // of archives whose size is not known

/* One file on its way. */
struct taking {
    const struct dataset_fetch *f;
    const struct origin_file *file;
    char *path; // of the download
};

/* ---- what cannot be told by a hash ---- */

/* As a split of this dataset, with the official counts. */
static int accept_split(const struct taking *t, const char *part, struct err *e)
{
    struct dataset_row row = *t->f->row;
    struct split split;
    char *path = fs_absolute(part);
    row.split = path; // absolute, so it is no longer below the folder
    int rc = split_load(&split, &row, t->f->folder, e);
    if (rc == 0) {
        char *note = split_note(&split, t->f->row);
        if (*note)
            rc = err_set(e, ERR_CORRUPT, "%s", note);
        free(note);
        split_release(&split);
    }
    free(path);
    return rc;
}

/* 1000 lines of "n01440764 tench". */
static int accept_classnames(const char *part, struct err *e)
{
    char *text;
    int lines = 0, rc = fs_read(&text, NULL, part, TEXT_LIMIT, e);
    if (rc < 0)
        return rc;
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!*line)
            break;
        if (*line != 'n' || strspn(line + 1, "0123456789") != 8 || line[9] != ' ')
            rc = err_set(e, ERR_CORRUPT, "line %d is not a folder and a class name", lines + 1);
        if (rc < 0)
            break;
        lines++;
    }
    if (rc == 0 && lines != CLASSNAMES)
        rc = err_set(e, ERR_CORRUPT, "it has %d lines, expected %d", lines, CLASSNAMES);
    free(text);
    return rc;
}

static int accept_json(const char *part, struct err *e)
{
    json_error_t where;
    json_t *root = json_load_file(part, 0, &where);
    int rc = root ? 0 : err_set(e, ERR_CORRUPT, "line %d: %s", where.line, where.text);
    json_decref(root);
    return rc;
}

static int accept(void *arg, const char *part, struct err *e)
{
    const struct taking *t = arg;
    if (str_eq(t->file->file, t->f->row->split))
        return accept_split(t, part, e);
    if (str_eq(t->file->file, "classnames.txt"))
        return accept_classnames(part, e);
    return str_ends(t->file->file, ".json") ? accept_json(part, e) : 0; // archives: when unpacked
}

/* ---- download ---- */

/* Mirrors first, each by the file's own name; yours to free(), with what is in it. */
static char **addresses(const struct taking *t, size_t *n)
{
    const struct opt_list *mirrors = t->f->mirrors;
    char **urls = mem_alloc(mirrors->n + ORIGIN_ADDRESSES, sizeof *urls);
    *n = 0;
    for (size_t i = 0; i < mirrors->n; i++)
        urls[(*n)++] = fs_join(mirrors->items[i], t->file->file);
    *n += origin_addresses(t->file, urls + *n);
    return urls;
}

static int download(struct taking *t, enum fetch_state *state, struct err *e)
{
    const struct origin_file *file = t->file;
    struct fetch fetch = {.path = t->path,
                          .url = t->path, // for what is said about a file that is there
                          .sha256 = file->sha256,
                          .md5 = file->md5,
                          .bytes = file->bytes,
                          .limit = file->bytes               ? file->bytes
                                   : origin_is_archive(file) ? UNKNOWN
                                                             : TEXT_LIMIT,
                          .patience = t->f->patience,
                          .accept = accept,
                          .arg = t};
    size_t n;
    if (fs_is_file(t->path)) {
        log_info("'%s' is there, it is checked", t->path);
        return fetch_check(&fetch, t->path, e);
    }
    char **urls = addresses(t, &n);
    int rc = 0;
    if (!n)
        *state = FETCH_MISSING;
    else
        rc = download_any(&fetch, (const char *const *)urls, n, e);
    for (size_t i = 0; i < n; i++)
        free(urls[i]);
    free(urls);
    return rc;
}

/* ---- into place ---- */

static void show_unpacking(void *arg, long long files, long long bytes)
{
    static long long shown;
    const char *name = arg;
    if (!isatty(STDERR_FILENO) || bytes / (16 << 20) == shown)
        return;
    shown = bytes / (16 << 20);
    fprintf(stderr, "\runpacking %s: %lld files, %lld MiB ", name, files, bytes >> 20);
}

static int unpack(struct taking *t, struct err *e)
{
    const struct origin_file *file = t->file;
    char *last = mem_strndup(file->gives, strcspn(file->gives, "/"));
    const struct unpack u = {.archive = t->path,
                             .folder = t->f->folder,
                             .inner = file->inner,
                             .from = file->from ? file->from : "",
                             .into = file->into,
                             .last = last,
                             .remove = !t->f->keep,
                             .entries = ENTRIES,
                             .bytes = file->bytes ? 4 * file->bytes + GIB : UNKNOWN,
                             .progress = show_unpacking,
                             .arg = (void *)file->file};
    log_info("unpacking '%s'", t->path);
    int rc = unpack_archive(&u, e);
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
    // What no hash speaks for and cannot be unpacked is not what was published.
    if (rc == ERR_CORRUPT && !file->sha256 && !file->md5)
        unlink(t->path);
    free(last);
    return rc;
}

/* A plain file takes its name; what somebody put there by hand may not be on disk yet. */
static int put_in_place(struct taking *t, struct err *e)
{
    char *path = fs_join(t->f->folder, t->file->gives), *around = fs_folder(path), *text = NULL;
    size_t size;
    int rc = fs_make_folders(around, e);
    if (rc == 0 && (rc = fs_read(&text, &size, t->path, TEXT_LIMIT, e)) == 0)
        rc = fs_write(t->f->keep ? path : t->path, text, size, e);
    if (rc == 0 && !t->f->keep)
        rc = sys_rename(t->path, path) < 0
                 ? err_sys(e, "unable to rename '%s' to '%s'", t->path, path)
                 : fs_sync_folder(around, e);
    free(text);
    free(around);
    free(path);
    return rc;
}

static int take(struct taking *t, enum fetch_state *state, struct err *e)
{
    char sha256[HASH_HEX];
    const bool archive = origin_is_archive(t->file);
    if (!archive || !unpack_is_ready(t->f->folder, t->path)) {
        int rc = download(t, state, e);
        if (rc < 0 || *state == FETCH_MISSING)
            return rc;
        if (!t->file->sha256 && hash_file(sha256, t->path, &(struct err){0}) == 0)
            log_info("the SHA-256 of '%s' is %s; none was published", t->file->file, sha256);
    }
    return archive ? unpack(t, e) : put_in_place(t, e);
}

static bool is_there(const struct dataset_fetch *f, const struct origin_file *file)
{
    char *path = fs_join(f->folder, file->gives);
    const bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

/* ---- all of them ---- */

static void add_result(struct fetch_result **results, size_t *n, size_t *capacity,
                       const struct origin_file *file, enum fetch_state state, const struct err *e)
{
    struct fetch_result *last = *n ? &(*results)[*n - 1] : NULL;
    const bool again = last && str_eq(last->file->gives, file->gives); // another way to the same
    if (again && state == FETCH_MISSING)
        return;
    if (again) {
        if (last->why)
            log_warn("%s", last->why);
        free(last->why);
    } else {
        last = &MEM_PUSH(*results, *n, *capacity);
    }
    *last = (struct fetch_result){file, state, e->code ? mem_strdup(e->text) : NULL};
}

static int fetch_all(const struct dataset_fetch *f, const char *downloads,
                     struct fetch_result **results, size_t *n, struct err *e)
{
    size_t capacity = 0;
    for (const struct origin_file *file = f->origin->files; file->file; file++) {
        struct taking t = {f, file, fs_join(downloads, file->file)};
        enum fetch_state state = FETCH_CAME;
        struct err failed = {0};
        const bool done = *n && str_eq((*results)[*n - 1].file->gives, file->gives) &&
                          (*results)[*n - 1].state <= FETCH_CAME;
        if (is_there(f, file)) {
            state = FETCH_THERE;
            unpack_tidy(f->folder, t.path);
        } else if (f->offline) {
            state = FETCH_MISSING;
        } else if (take(&t, &state, &failed) < 0) {
            state = FETCH_FAILED;
        }
        free(t.path);
        if (failed.code == ERR_BUSY) {
            *e = failed;
            return e->code;
        }
        if (!done)
            add_result(results, n, &capacity, file, state, &failed);
    }
    return 0;
}

/* Whoever held it may have removed it meanwhile. */
static bool is_same(int fd, const char *path)
{
    struct stat held, named;
    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino;
}

int dataset_fetch(const struct dataset_fetch *f, struct fetch_result **results, size_t *n,
                  struct err *e)
{
    char *downloads = fs_join(f->folder, "downloads");
    *results = NULL;
    *n = 0;
    int rc = f->offline ? 0 : fs_make_folders(downloads, e), fd = -1;
    if (rc == 0 && !f->offline) {
        fd = open(downloads, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            rc = err_sys(e, "unable to open '%s'", downloads);
        else if (flock(fd, LOCK_EX | LOCK_NB) < 0 || !is_same(fd, downloads))
            rc = err_set(e, ERR_BUSY, "another process is fetching '%s'", f->folder);
    }
    if (rc == 0)
        rc = fetch_all(f, downloads, results, n, e);
    if (rc == 0 && !f->offline)
        rmdir(downloads); // when nothing is left in it
    if (fd >= 0)
        close(fd);
    free(downloads);
    return rc;
}

void fetch_results_free(struct fetch_result *results, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(results[i].why);
    free(results);
}
