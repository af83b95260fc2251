/* Files and folders: see fs.h. */
#include "core/base/fs.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

char *fs_join(const char *folder, const char *name)
{
    if (*name == '/' || !*folder)
        return mem_strdup(name);
    return str_format("%s%s%s", folder, str_ends(folder, "/") ? "" : "/", name);
}

const char *fs_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *fs_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return mem_strdup(".");
    return mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

char *fs_absolute(const char *path)
{
    char here[PATH_MAX];
    if (*path == '/' || !getcwd(here, sizeof here))
        return mem_strdup(path);
    if (str_starts(path, "./"))
        path += 2;
    return fs_join(here, path);
}

bool fs_is_file(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

bool fs_is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

int fs_make_folders(const char *path, struct err *e)
{
    char *copy = mem_strdup(path);
    int rc = 0;
    for (char *p = copy + (*copy == '/');; p++) {
        if (*p && *p != '/')
            continue;
        char c = *p;
        *p = 0;
        if (mkdir(copy, 0777) < 0 && errno != EEXIST) {
            rc = err_sys(e, "unable to create folder '%s'", copy);
            break;
        }
        *p = c;
        if (!c)
            break;
    }
    if (!rc && !fs_is_folder(path))
        rc = err_set(e, ERR_SYS, "unable to create folder '%s': a file is in the way", path);
    free(copy);
    return rc;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s;
    (void)type;
    (void)at;
    return remove(path);
}

int fs_remove_tree(const char *path, struct err *e)
{
    if (nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT)
        return 0;
    return err_sys(e, "unable to remove '%s'", path);
}

static int open_to_read(const char *path, struct stat *s, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe must not hold us up
    if (fd < 0) {
        int missing = errno == ENOENT || errno == ENOTDIR;
        err_sys(e, "unable to open '%s'", path);
        if (missing)
            e->code = ERR_MISSING;
        return e->code;
    }
    if (fstat(fd, s) < 0 || !S_ISREG(s->st_mode)) {
        close(fd);
        return err_set(e, ERR_MISSING, "'%s' is not a regular file", path);
    }
    return fd;
}

int fs_read(char **out, size_t *size, const char *path, size_t limit, struct err *e)
{
    struct stat s;
    int fd = open_to_read(path, &s, e);
    if (fd < 0)
        return fd;
    int rc = 0;
    char *data = NULL;
    size_t want = (size_t)s.st_size, got = 0;
    if (want > limit) {
        rc = err_set(e, ERR_RANGE, "'%s' has %zu bytes, more than the limit of %zu", path, want,
                     limit);
        goto out;
    }
    data = mem_alloc(want + 1, 1);
    while (got < want) {
        ssize_t n = sys_read(fd, data + got, want - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rc = err_sys(e, "unable to read '%s'", path);
            goto out;
        }
        if (n == 0)
            break;
        got += (size_t)n;
    }
    data[got] = 0;
    *out = data;
    if (size)
        *size = got;
    data = NULL;
out:
    free(data);
    close(fd);
    return rc;
}

int fs_read_gzip(char **out, size_t *size, const char *path, size_t limit, struct err *e)
{
    struct stat s;
    int fd = open_to_read(path, &s, e);
    if (fd < 0)
        return fd;
    gzFile z = gzdopen(fd, "rb");
    if (!z) {
        close(fd);
        return err_set(e, ERR_MEMORY, "unable to read '%s': out of memory", path);
    }
    struct str text = STR_INIT;
    char block[1 << 16];
    int n, rc = 0;
    while ((n = gzread(z, block, sizeof block)) > 0) {
        str_addn(&text, block, (size_t)n);
        if (text.size > limit) {
            rc = err_set(e, ERR_RANGE, "'%s' unpacks to more than %zu bytes", path, limit);
            goto out;
        }
    }
    int code;
    const char *why = gzerror(z, &code);
    if (n < 0 || code == Z_BUF_ERROR) {
        rc = err_set(e, ERR_CORRUPT, "unable to unpack '%s': %s", path, why);
        goto out;
    }
    if (size)
        *size = text.size;
    *out = str_detach(&text);
out:
    str_release(&text);
    gzclose(z);
    return rc;
}

int fs_create(struct fs_file *f, const char *path, struct err *e)
{
    f->path = mem_strdup(path);
    f->temporary = str_format("%s.part-%ld", path, (long)getpid());
    f->fd = sys_open(f->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (f->fd < 0) {
        err_sys(e, "unable to write '%s'", path);
        fs_abandon(f);
        return ERR_SYS;
    }
    return 0;
}

int fs_put_at(struct fs_file *f, const void *data, size_t size, size_t offset, struct err *e)
{
    const char *p = data;
    while (size) {
        ssize_t n = sys_pwrite(f->fd, p, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, "unable to write %zu bytes to '%s'", size, f->path);
        p += n;
        offset += (size_t)n;
        size -= (size_t)n;
    }
    return 0;
}

int fs_put(struct fs_file *f, const void *data, size_t size, struct err *e)
{
    off_t end = lseek(f->fd, 0, SEEK_END);
    if (end < 0)
        return err_sys(e, "unable to write '%s'", f->path);
    return fs_put_at(f, data, size, (size_t)end, e);
}

int fs_sync_folder(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || sys_fsync(fd) < 0 ? err_sys(e, "unable to sync folder '%s'", path) : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int sync_folder_of(const char *path, struct err *e)
{
    char *folder = fs_folder(path);
    int rc = fs_sync_folder(folder, e);
    free(folder);
    return rc;
}

static int commit(struct fs_file *f, bool name, struct err *e)
{
    int rc = 0;
    if (sys_fsync(f->fd) < 0)
        rc = err_sys(e, "unable to write '%s'", f->path);
    else if (sys_rename(f->temporary, f->path) < 0)
        rc = err_sys(e, "unable to rename '%s' to '%s'", f->temporary, f->path);
    else if (name)
        rc = sync_folder_of(f->path, e);
    if (!rc) {
        free(f->temporary);
        f->temporary = NULL;
    }
    fs_abandon(f);
    return rc;
}

int fs_commit(struct fs_file *f, struct err *e)
{
    return commit(f, true, e);
}

void fs_abandon(struct fs_file *f)
{
    if (f->fd >= 0 && f->path)
        close(f->fd);
    if (f->temporary)
        sys_unlink(f->temporary);
    free(f->temporary);
    free(f->path);
    *f = (struct fs_file){.fd = -1};
}

static int write_file(const char *path, const void *data, size_t size, bool name, struct err *e)
{
    struct fs_file f;
    int rc = fs_create(&f, path, e);
    if (rc < 0)
        return rc;
    if ((rc = fs_put_at(&f, data, size, 0, e)) < 0) {
        fs_abandon(&f);
        return rc;
    }
    return commit(&f, name, e);
}

int fs_write(const char *path, const void *data, size_t size, struct err *e)
{
    return write_file(path, data, size, true, e);
}

int fs_write_unsynced(const char *path, const void *data, size_t size, struct err *e)
{
    return write_file(path, data, size, false, e);
}

int fs_map_open(struct fs_map *m, const char *path, struct err *e)
{
    struct stat s;
    *m = (struct fs_map){0};
    int fd = open_to_read(path, &s, e);
    if (fd < 0)
        return fd;
    int rc = 0;
    if (s.st_size > 0) {
        void *data = sys_fails(CALL_READ)
                         ? MAP_FAILED
                         : mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            rc = err_sys(e, "unable to map '%s'", path);
        else
            *m = (struct fs_map){data, (size_t)s.st_size};
    }
    close(fd);
    return rc;
}

void fs_map_close(struct fs_map *m)
{
    if (m->data)
        munmap((void *)m->data, m->size);
    *m = (struct fs_map){0};
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int fs_list(struct fs_names *out, const char *folder, struct err *e)
{
    *out = (struct fs_names){0};
    DIR *dir = opendir(folder);
    if (!dir) {
        int missing = errno == ENOENT || errno == ENOTDIR;
        err_sys(e, "unable to list folder '%s'", folder);
        if (missing)
            e->code = ERR_MISSING;
        return e->code;
    }
    size_t capacity = 0;
    errno = 0;
    for (struct dirent *entry; (entry = readdir(dir)); errno = 0)
        if (entry->d_name[0] != '.')
            MEM_PUSH(out->names, out->n, capacity) = mem_strdup(entry->d_name);
    int rc = errno ? err_sys(e, "unable to list folder '%s'", folder) : 0;
    closedir(dir);
    if (rc < 0) {
        fs_names_release(out);
        return rc;
    }
    if (out->n)
        qsort(out->names, out->n, sizeof *out->names, by_bytes);
    return 0;
}

void fs_names_release(struct fs_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct fs_names){0};
}

static bool holds_pocket(const char *folder)
{
    char *path = fs_join(folder, "recipes/pocket");
    bool there = fs_is_folder(path);
    free(path);
    return there;
}

/* The running program's path, links resolved; "" when /proc is not there. */
static void own_path(char out[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
    out[n > 0 ? n : 0] = 0;
}

int fs_home(char **out, struct err *e)
{
    const char *given = getenv("PROMPTGRID_HOME");
    if (given && *given) {
        if (!holds_pocket(given))
            return err_set(e, ERR_MISSING, "PROMPTGRID_HOME '%s' holds no folder recipes/pocket",
                           given);
        *out = mem_strdup(given);
        return 0;
    }
    char path[PATH_MAX];
    own_path(path);
    for (char *slash; (slash = strrchr(path, '/')) && slash > path;) {
        *slash = 0;
        char *share = fs_join(path, FS_SHARE);
        char *found = holds_pocket(path) ? path : holds_pocket(share) ? share : NULL;
        if (found)
            *out = mem_strdup(found);
        free(share);
        if (found)
            return 0;
    }
    return err_set(e, ERR_MISSING,
                   "the folder recipes/pocket was not found above the program; "
                   "set PROMPTGRID_HOME to the folder that holds recipes/");
}

char *fs_sibling(const char *name)
{
    char path[PATH_MAX];
    own_path(path);
    char *folder = fs_folder(path), *sibling = fs_join(folder, name);
    free(folder);
    return sibling;
}
