/* The part, what it has to be, and its name: see fetch.h. */
#include "core/fetch/fetch.h"

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "core/fetch/confirm.h"
#include "core/fetch/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 4096 };

/* ---- the part ---- */

static int part_open(struct transfer *t)
{
    struct stat there, named;
    t->fd = sys_open(t->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (t->fd < 0)
        return err_sys(t->e, "unable to open '%s'", t->part);
    // Whoever held it may have given it its name meanwhile: then this is no longer the part.
    if (flock(t->fd, LOCK_EX | LOCK_NB) < 0 || fstat(t->fd, &there) < 0 ||
        stat(t->part, &named) < 0 || there.st_ino != named.st_ino)
        return err_set(t->e, ERR_BUSY, "another process is fetching '%s'", t->f->path);
    t->have = there.st_size;
    // Without a hash nothing but the server's word says that both halves are of one file.
    if (!t->f->sha256 && !t->f->md5 && t->have && access(t->from, R_OK) < 0)
        return transfer_empty(t);
    return 0;
}

static void part_remove(const struct transfer *t)
{
    unlink(t->part);
    unlink(t->from);
}

static int part_place(const struct transfer *t)
{
    char *folder = fs_folder(t->f->path);
    if (sys_rename(t->part, t->f->path) < 0) {
        err_sys(t->e, "unable to rename '%s' to '%s'", t->part, t->f->path);
    } else {
        unlink(t->from);
        fs_sync_folder(folder, t->e);
    }
    free(folder);
    return t->e->code;
}

/* ---- what it has to be ---- */

/* What came instead: pages of text where data should be are worth a word. Yours to free(). */
static char *looks_like(const char *path)
{
    char head[HEAD + 1] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : pread(fd, head, HEAD, 0);
    if (fd >= 0)
        close(fd);
    size_t start = n > 0 ? strspn(head, " \t\r\n") : 0;
    if (head[start] != '<' || (!strcasestr(head, "<html") && !strcasestr(head, "<!doctype html")))
        return str_format("%s", "");
    char *title = confirm_title(head);
    char *text =
        title ? str_format("; it is a web page, '%s'", title) : str_format("; it is a web page");
    free(title);
    return text;
}

/* ERR_CORRUPT: the hash is another. */
static int check_hash(const struct fetch *f, const char *path, long long bytes, struct err *e)
{
    char found[HASH_HEX];
    const char *want = f->sha256 ? f->sha256 : f->md5;
    int rc = f->sha256 ? hash_file(found, path, e) : hash_file_md5(found, path, e);
    if (rc < 0 || str_eq(found, want))
        return rc;
    char *instead = looks_like(path);
    err_set(e, ERR_CORRUPT,
            "'%s' is not the file that was published: %lld bytes with %s %s, expected %s%s", f->url,
            bytes, f->sha256 ? "SHA-256" : "MD5", found, want, instead);
    free(instead);
    return e->code;
}

/* ERR_CORRUPT: the content is not what it should be. */
static int check_content(const struct fetch *f, const char *path, long long bytes, struct err *e)
{
    char *instead = looks_like(path);
    if (*instead || (f->bytes && bytes != f->bytes))
        err_set(e, ERR_CORRUPT, "'%s' is not the file that was published: %lld bytes%s", f->url,
                bytes, instead);
    else if (f->accept && f->accept(f->arg, path, e) < 0) {
        e->code = ERR_CORRUPT;
        err_wrap(e, "'%s' is not what was expected", f->url);
    }
    free(instead);
    return e->code;
}

int fetch_check(const struct fetch *f, const char *path, struct err *e)
{
    struct stat s;
    if (stat(path, &s) < 0)
        return err_sys(e, "unable to open '%s'", path);
    return f->sha256 || f->md5 ? check_hash(f, path, s.st_size, e)
                               : check_content(f, path, s.st_size, e);
}

/* ---- the file ---- */

static int part_check(const struct transfer *t)
{
    *t->e = (struct err){0};
    if (sys_fsync(t->fd) < 0)
        return err_sys(t->e, "unable to write '%s'", t->part);
    return fetch_check(t->f, t->part, t->e);
}

static int fetch_checked(struct transfer *t)
{
    const bool resumed = t->have > 0;
    int rc = transfer_run(t);
    if (rc < 0)
        return rc;
    rc = part_check(t);
    if (rc == ERR_CORRUPT && transfer_follow(t) && (rc = transfer_run(t)) == 0)
        rc = part_check(t);
    if (rc == ERR_CORRUPT && resumed) { // what was there may be of another file: all of it again
        if ((rc = transfer_empty(t)) < 0 || (rc = transfer_run(t)) < 0)
            return rc;
        rc = part_check(t);
    }
    if (rc == 0)
        return part_place(t);
    if (rc == ERR_CORRUPT) {
        size_t n = strlen(t->e->text);
        snprintf(t->e->text + n, sizeof t->e->text - n, "; it was removed");
        part_remove(t);
    }
    return rc;
}

int fetch_file(const struct fetch *f, struct err *e)
{
    struct transfer t = {.f = f,
                         .fd = -1,
                         .part = str_format("%s.part", f->path),
                         .from = str_format("%s.part.from", f->path),
                         .e = e};
    int rc;
    *e = (struct err){0};
    if (!str_starts(f->url, "https://") && !str_starts(f->url, "http://")) {
        rc = err_set(e, ERR_USAGE, "'%s' is no address: expected https://...", f->url);
    } else if ((rc = part_open(&t)) == 0) {
        transfer_open(&t);
        rc = fetch_checked(&t);
        transfer_close(&t);
    }
    if (t.fd >= 0)
        close(t.fd);
    free(t.part);
    free(t.from);
    return rc;
}
