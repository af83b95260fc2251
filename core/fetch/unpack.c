/*
 * See unpack.h. libarchive reads and writes; its checks of names and links (the SECURE flags) stand
 * behind ours. They want names relative to the current folder, so unpacking is done from within the
 * temporary folder.
 */
#include "core/fetch/unpack.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "core/fetch/unpack_names.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 18, DEPTH = 32, NAME_LIMIT = 1024 };
/* Pictures hardly compress and lists do by ten, so more than this is made to fill a disk. */
enum { RATIO = 200, RATIO_FREE = 64 << 20 };

struct unpacking {
    const struct unpack *u;
    struct archive *in, *outer, *out; // outer: the archive around `in`, or NULL
    char *block;                      // (BLOCK) of the outer one
    struct unpack_names names;
    long long size; // of the archive's file
    long long entries, files, bytes;
    struct err *e;
};

/* ---- words ---- */

static int refuse(struct unpacking *x, int code, const char *name, const char *what)
{
    char *shown = str_visible(name);
    err_set(x->e, code, "archive '%s' is refused: '%.300s' %s; nothing of it was taken",
            x->u->archive, shown, what);
    free(shown);
    return code;
}

static int damaged(struct unpacking *x, struct archive *a)
{
    const char *text = archive_error_string(a);
    return err_set(x->e, ERR_CORRUPT,
                   "archive '%s' is damaged or cut short: %s; nothing of it was taken",
                   x->u->archive, text ? text : "it ends too early");
}

static int unable(struct unpacking *x, const char *name)
{
    const char *text = archive_error_string(x->out);
    char *shown = str_visible(name);
    err_set(x->e, ERR_SYS, "unable to unpack '%.300s' of '%s': %s", shown, x->u->archive,
            text ? text : strerror(archive_errno(x->out)));
    free(shown);
    return x->e->code;
}

/* ---- reading ---- */

static struct archive *reader(void)
{
    struct archive *a = archive_read_new();
    BUG_IF(!a);
    archive_read_support_format_tar(a);
    archive_read_support_format_zip_seekable(a); // by its directory, which a cut one lacks
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_bzip2(a);
    archive_read_support_filter_xz(a);
    archive_read_support_filter_zstd(a);
    return a;
}

/* The name of an entry, without "./" before and '/' behind it; NULL: there is none. */
static char *entry_name(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);
    if (!name)
        name = archive_entry_pathname_utf8(entry);
    if (!name)
        return NULL;
    while (str_starts(name, "./")) {
        name += 2;
        name += strspn(name, "/");
    }
    char *copy = mem_strdup(name);
    for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
        copy[n - 1] = 0;
    return copy;
}

static la_ssize_t read_outer(struct archive *a, void *arg, const void **data)
{
    struct unpacking *x = arg;
    la_ssize_t n = archive_read_data(x->outer, x->block, BLOCK);
    if (n < 0)
        archive_set_error(a, EIO, "%s", archive_error_string(x->outer));
    *data = x->block;
    return n < 0 ? -1 : n;
}

/* `in` becomes the archive within. */
static int enter(struct unpacking *x)
{
    struct archive_entry *entry;
    int got;
    x->outer = x->in;
    x->in = reader();
    while ((got = archive_read_next_header(x->outer, &entry)) == ARCHIVE_OK ||
           got == ARCHIVE_WARN) {
        char *name = entry_name(entry);
        const bool found = str_eq(name, x->u->inner);
        free(name);
        if (++x->entries > x->u->entries)
            return refuse(x, ERR_RANGE, x->u->inner, "stands behind more entries than allowed");
        if (!found)
            continue;
        x->block = mem_alloc(BLOCK, 1);
        return archive_read_open(x->in, x, NULL, read_outer, NULL) == ARCHIVE_OK
                   ? 0
                   : damaged(x, x->in);
    }
    return got == ARCHIVE_EOF ? refuse(x, ERR_CORRUPT, x->u->inner, "is not in it")
                              : damaged(x, x->outer);
}

static int open_archive(struct unpacking *x)
{
    struct stat s;
    int fd = open(x->u->archive, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s) < 0) {
        err_sys(x->e, "unable to open '%s'", x->u->archive);
        if (fd >= 0)
            close(fd);
        return x->e->code;
    }
    close(fd);
    x->size = s.st_size;
    x->in = reader();
    if (archive_read_open_filename(x->in, x->u->archive, BLOCK) != ARCHIVE_OK)
        return damaged(x, x->in);
    return x->u->inner ? enter(x) : 0;
}

/* ---- one entry ---- */

static const char *bad_name(const char *name)
{
    int depth = 0;
    if (!name || !*name)
        return "has no name";
    if (*name == '/')
        return "is an absolute path";
    if (strlen(name) > NAME_LIMIT)
        return "has too long a name";
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return "has a control character in its name";
    for (const char *part = name; part; depth++) {
        const char *slash = strchr(part, '/');
        const size_t n = slash ? (size_t)(slash - part) : strlen(part);
        if (n == 2 && !strncmp(part, "..", 2))
            return "leaves the folder";
        if (n == 0 || (n == 1 && *part == '.'))
            return "has an empty part in its name";
        part = slash ? slash + 1 : NULL;
    }
    return depth > DEPTH ? "lies too deep" : NULL;
}

/* What kind of thing may not come in; NULL for a file or a folder. */
static const char *bad_kind(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry))
        return "is a hard link";
    if (archive_entry_is_encrypted(entry))
        return "is encrypted";
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
    case AE_IFDIR:
        return NULL;
    case AE_IFLNK:
        return "is a link";
    case AE_IFBLK:
    case AE_IFCHR:
        return "is a device";
    default:
        return "is neither a file nor a folder";
    }
}

/* The part of the name below `from`; NULL: it is not wanted. Finder's own files never are. */
static const char *wanted(const char *name, const char *from)
{
    const size_t n = strlen(from);
    const char *base = fs_base(name);
    if (str_starts(base, "._") || str_eq(base, ".DS_Store") || str_starts(name, "__MACOSX"))
        return NULL;
    if (!n)
        return name;
    return !strncmp(name, from, n) && name[n] == '/' && name[n + 1] ? name + n + 1 : NULL;
}

/* More bytes, up to `end` of this file. */
static int count(struct unpacking *x, const char *name, long long more)
{
    if (more > x->u->bytes - x->bytes)
        return refuse(x, ERR_RANGE, name, "makes it larger than allowed");
    x->bytes += more;
    if (x->bytes > RATIO_FREE && x->bytes / RATIO > x->size)
        return refuse(x, ERR_RANGE, name, "makes it 200 times as large as it is packed");
    return 0;
}

/* The content of a file of `length` bytes; -1: not stated. */
static int copy_data(struct unpacking *x, const char *name, la_int64_t length)
{
    const void *data;
    size_t size;
    la_int64_t at, end = 0;
    int got;
    while ((got = archive_read_data_block(x->in, &data, &size, &at)) == ARCHIVE_OK) {
        const la_int64_t stop = at + (la_int64_t)size;
        if (at < end)
            return refuse(x, ERR_CORRUPT, name, "has parts that overlap");
        if (count(x, name, stop - end) < 0)
            return x->e->code;
        end = stop;
        if (archive_write_data_block(x->out, data, size, at) != ARCHIVE_OK)
            return unable(x, name);
        if (x->u->progress)
            x->u->progress(x->u->arg, x->files, x->bytes);
    }
    if (got != ARCHIVE_EOF)
        return damaged(x, x->in);
    return length > end ? count(x, name, length - end) : 0; // a hole at the end
}

static int write_entry(struct unpacking *x, struct archive_entry *entry, const char *name)
{
    const bool folder = archive_entry_filetype(entry) == AE_IFDIR;
    struct archive_entry *ours = archive_entry_new();
    la_int64_t length = -1;
    int rc = 0;
    archive_entry_copy_pathname(ours, name);
    archive_entry_set_filetype(ours, folder ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(ours, folder ? 0777 : 0666);
    if (!folder && archive_entry_size_is_set(entry)) {
        length = archive_entry_size(entry);
        archive_entry_set_size(ours, length);
        if (length > x->u->bytes - x->bytes) // before anything is written
            rc = refuse(x, ERR_RANGE, name, "makes it larger than allowed");
    }
    if (rc == 0 && archive_write_header(x->out, ours) != ARCHIVE_OK)
        rc = unable(x, name);
    if (rc == 0 && !folder) {
        x->files++;
        rc = copy_data(x, name, length);
    }
    if (rc == 0 && archive_write_finish_entry(x->out) != ARCHIVE_OK)
        rc = unable(x, name);
    archive_entry_free(ours);
    return rc;
}

static int take_entry(struct unpacking *x, struct archive_entry *entry)
{
    char *name = entry_name(entry);
    int rc = 0;
    if (archive_entry_filetype(entry) == AE_IFDIR && (str_eq(name, "") || str_eq(name, ".")))
        goto out; // the folder that was packed
    const bool folder = archive_entry_filetype(entry) == AE_IFDIR;
    const char *why = bad_name(name);
    if (!why)
        why = bad_kind(entry);
    if (!why && !unpack_names_add(&x->names, name, folder))
        why = "comes twice, or differs from another name only by case";
    if (why)
        rc = refuse(x, ERR_CORRUPT, name ? name : "", why);
    else if (++x->entries > x->u->entries)
        rc = refuse(x, ERR_RANGE, name, "is one entry more than allowed");
    else if (wanted(name, x->u->from)) {
        char *to = fs_join(x->u->into ? x->u->into : "", wanted(name, x->u->from));
        rc = write_entry(x, entry, to);
        free(to);
    }
out:
    free(name);
    return rc;
}

/* ---- all of it ---- */

static int take_all(struct unpacking *x)
{
    struct archive_entry *entry;
    int got, rc = 0;
    x->out = archive_write_disk_new();
    BUG_IF(!x->out);
    archive_write_disk_set_options(
        x->out, ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                    ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS | ARCHIVE_EXTRACT_NO_OVERWRITE);
    // A warning is about what is not used here, as a name in another character set.
    while ((got = archive_read_next_header(x->in, &entry)) == ARCHIVE_OK || got == ARCHIVE_WARN)
        if ((rc = take_entry(x, entry)) < 0)
            return rc;
    if (got != ARCHIVE_EOF)
        return damaged(x, x->in);
    if (archive_write_close(x->out) != ARCHIVE_OK)
        return unable(x, x->u->folder);
    if (!x->files)
        return refuse(x, ERR_CORRUPT, *x->u->from ? x->u->from : "the archive", "holds no file");
    return x->u->last && access(x->u->last, F_OK) < 0
               ? refuse(x, ERR_CORRUPT, x->u->last, "is not in it")
               : 0;
}

/* From within `temporary`, which is then on disk. */
static int unpack_into(struct unpacking *x, const char *temporary)
{
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        there = open(temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = open_archive(x);
    if (rc == 0 && (here < 0 || there < 0 || fchdir(there) < 0))
        rc = err_sys(x->e, "unable to enter folder '%s'", temporary);
    if (rc == 0) {
        rc = take_all(x);
        if (fchdir(here) < 0)
            BUG("there is no way back to the current folder");
    }
    if (rc == 0 && (syncfs(there) < 0 || sys_fsync(there) < 0))
        rc = err_sys(x->e, "unable to sync folder '%s'", temporary);
    if (here >= 0)
        close(here);
    if (there >= 0)
        close(there);
    archive_read_free(x->in);
    archive_read_free(x->outer);
    archive_write_free(x->out);
    unpack_names_release(&x->names);
    free(x->block);
    return rc;
}

static int move_item(const char *from, const char *to, const char *name, struct err *e)
{
    char *old = fs_join(from, name), *now = fs_join(to, name);
    int rc = sys_rename(old, now) < 0 ? err_sys(e, "unable to rename '%s' to '%s'", old, now) : 0;
    free(old);
    free(now);
    return rc;
}

/* What is unpacked gets its names. */
static int place(const struct unpack *u, const char *unpacked, struct err *e)
{
    struct fs_names items;
    int rc = fs_list(&items, unpacked, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < items.n && rc == 0; i++) {
        char *path = fs_join(u->folder, items.names[i]);
        if (access(path, F_OK) == 0)
            rc = err_set(e, ERR_USAGE,
                         "'%s' is there already, and archive '%s' has it too: set it aside and "
                         "give the same command again",
                         path, u->archive);
        free(path);
    }
    for (size_t i = 0; i < items.n && rc == 0; i++)
        if (!str_eq(items.names[i], u->last))
            rc = move_item(unpacked, u->folder, items.names[i], e);
    for (size_t i = 0; i < items.n && rc == 0; i++)
        if (str_eq(items.names[i], u->last))
            rc = move_item(unpacked, u->folder, u->last, e);
    if (rc == 0)
        rc = fs_sync_folder(u->folder, e);
    if (rc == 0)
        rc = fs_remove_tree(unpacked, e);
    fs_names_release(&items);
    return rc;
}

static char *ready_path(const char *folder, const char *archive)
{
    return str_format("%s/.unpacked-%s", folder, fs_base(archive));
}

bool unpack_is_ready(const char *folder, const char *archive)
{
    char *path = ready_path(folder, archive);
    const bool ready = fs_is_folder(path);
    free(path);
    return ready;
}

void unpack_tidy(const char *folder, const char *archive)
{
    char *path = ready_path(folder, archive);
    rmdir(path); // not when something is in it
    free(path);
}

int unpack_archive(const struct unpack *u, struct err *e)
{
    struct unpacking x = {.u = u, .e = e};
    char *temporary = str_format("%s/.unpacking-%s", u->folder, fs_base(u->archive)),
         *unpacked = ready_path(u->folder, u->archive);
    int rc = 0;
    if (!fs_is_folder(unpacked)) {
        if ((rc = fs_remove_tree(temporary, e)) == 0 && (rc = fs_make_folders(temporary, e)) == 0 &&
            (rc = unpack_into(&x, temporary)) == 0) {
            if (sys_rename(temporary, unpacked) < 0)
                rc = err_sys(e, "unable to rename '%s' to '%s'", temporary, unpacked);
            else
                rc = fs_sync_folder(u->folder, e);
        }
        if (rc < 0)
            fs_remove_tree(temporary, &(struct err){0});
    }
    if (rc == 0 && u->remove)
        unlink(u->archive);
    if (rc == 0)
        rc = place(u, unpacked, e);
    free(temporary);
    free(unpacked);
    return rc;
}
