/* See bundle.h. Members are unpacked by our own hand, file by file below one folder, so that no
 * name, link or device of an archive from elsewhere can reach anything else. */
#include "harness/cmd/bundle.h"

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char sums_name[] = "SHA256SUMS";
enum { FILE_LIMIT = 1 << 30 }; // bytes of a member that is added

struct bundle {
    struct archive *archive;
    struct fs_file file;
    char *folder, *path;
    struct str sums;
};

static int archive_failed(struct archive *a, const char *path, struct err *e)
{
    const char *text = archive_error_string(a);
    return err_set(e, ERR_SYS, "'%s': %s", path, text ? text : "the archive cannot be written");
}

int bundle_create(struct bundle **out, const char *path, const char *folder, struct err *e)
{
    struct bundle *b = mem_zero(1, sizeof *b);
    b->sums = (struct str)STR_INIT;
    b->folder = mem_strdup(folder);
    b->path = mem_strdup(path);
    b->file.fd = -1;
    *out = NULL;
    int rc = fs_create(&b->file, path, e);
    if (rc < 0) {
        bundle_abandon(b);
        return rc;
    }
    b->archive = archive_write_new();
    if (archive_write_set_format_pax_restricted(b->archive) != ARCHIVE_OK ||
        archive_write_add_filter_zstd(b->archive) < ARCHIVE_WARN ||
        archive_write_open_fd(b->archive, b->file.fd) != ARCHIVE_OK) {
        rc = archive_failed(b->archive, path, e);
        bundle_abandon(b);
        return rc;
    }
    *out = b;
    return 0;
}

/* No owner, no time: nothing but names and bytes. */
static int put_member(struct bundle *b, const char *name, const void *data, size_t size,
                      struct err *e)
{
    char *path = fs_join(b->folder, name);
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, path);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 0, 0);
    int rc = 0;
    if (archive_write_header(b->archive, entry) != ARCHIVE_OK ||
        archive_write_data(b->archive, data, size) != (la_ssize_t)size)
        rc = archive_failed(b->archive, b->path, e);
    archive_entry_free(entry);
    free(path);
    return rc;
}

int bundle_add(struct bundle *b, const char *name, const void *data, size_t size, struct err *e)
{
    char hash[HASH_HEX];
    hash_bytes(hash, data, size);
    str_addf(&b->sums, "%s  %s\n", hash, name);
    return put_member(b, name, data, size, e);
}

int bundle_add_file(struct bundle *b, const char *name, const char *path, struct err *e)
{
    char *data;
    size_t size;
    int rc = fs_read(&data, &size, path, FILE_LIMIT, e);
    if (rc < 0)
        return rc;
    rc = bundle_add(b, name, data, size, e);
    free(data);
    return rc;
}

int bundle_commit(struct bundle *b, struct err *e)
{
    int rc = put_member(b, sums_name, b->sums.data, b->sums.size, e);
    if (rc == 0 && archive_write_close(b->archive) != ARCHIVE_OK)
        rc = archive_failed(b->archive, b->path, e);
    if (rc == 0) {
        rc = fs_commit(&b->file, e);
        b->file.fd = -1;
    }
    bundle_abandon(b);
    return rc;
}

void bundle_abandon(struct bundle *b)
{
    if (!b)
        return;
    if (b->archive)
        archive_write_free(b->archive);
    if (b->file.fd >= 0)
        fs_abandon(&b->file);
    str_release(&b->sums);
    free(b->folder);
    free(b->path);
    free(b);
}

/* ---- unpacking ---- */

struct member {
    char *name, hash[HASH_HEX];
};

struct unpacking {
    const char *path, *to;
    struct member *members;
    size_t n, capacity;
    long long bytes;
    char *sums; // text of SHA256SUMS, the last member
};

static int no_bundle(const struct unpacking *u, struct err *e, const char *why)
{
    return err_set(e, ERR_PARSE, "'%s' is no bundle of promptgrid: %s", u->path, why);
}

/* The name below the bundle's folder: plain parts, no '.', no '..', no hidden ones; NULL if not. */
static const char *member_name(const char *path)
{
    const char *name = path ? strchr(path, '/') : NULL;
    if (!name || name == path || *path == '.')
        return NULL;
    for (const char *part = name; part; part = strchr(part + 1, '/'))
        if (part[1] == '.' || part[1] == '/' || part[1] == 0)
            return NULL;
    for (const char *c = path; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == '\\')
            return NULL;
    return name + 1;
}

static int unpack_member(struct unpacking *u, struct archive *a, struct archive_entry *entry,
                         struct err *e)
{
    const char *name = member_name(archive_entry_pathname(entry));
    if (!name || archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
        return no_bundle(u, e, "it holds something that is no plain file below its folder");
    if (u->sums)
        return no_bundle(u, e, "something stands behind its SHA256SUMS");
    la_int64_t size = archive_entry_size(entry);
    if (size < 0 || size > FILE_LIMIT || u->n == BUNDLE_FILES || (u->bytes += size) > BUNDLE_LIMIT)
        return no_bundle(u, e, "it is too large");
    char *data = mem_alloc((size_t)size + 1, 1);
    if (archive_read_data(a, data, (size_t)size) != size) {
        free(data);
        return err_set(e, ERR_CORRUPT, "'%s' is damaged: '%s' is cut short", u->path, name);
    }
    data[size] = 0;
    if (str_eq(name, sums_name)) {
        u->sums = data;
        return 0;
    }
    char *path = fs_join(u->to, name), *folder = fs_folder(path);
    int rc = fs_make_folders(folder, e);
    if (rc == 0)
        rc = fs_write(path, data, (size_t)size, e);
    struct member *member = &MEM_PUSH(u->members, u->n, u->capacity);
    member->name = mem_strdup(name);
    hash_bytes(member->hash, data, (size_t)size);
    free(folder);
    free(path);
    free(data);
    return rc;
}

/* Every line of the sums is a member with that hash, in order, and there is no other. */
static int check_sums(const struct unpacking *u, struct err *e)
{
    const char *line = u->sums;
    if (!line)
        return err_set(e, ERR_CORRUPT, "'%s' is cut short: its SHA256SUMS is missing", u->path);
    for (size_t i = 0; i < u->n; i++) {
        char *want = str_format("%s  %s\n", u->members[i].hash, u->members[i].name);
        size_t size = strlen(want);
        bool same = strncmp(line, want, size) == 0;
        free(want);
        if (!same)
            return err_set(e, ERR_CORRUPT, "'%s' is damaged: '%s' does not match its hash", u->path,
                           u->members[i].name);
        line += size;
    }
    return *line ? err_set(e, ERR_CORRUPT, "'%s' is damaged: a file is missing", u->path) : 0;
}

int bundle_unpack(const char *path, const char *to, struct err *e)
{
    struct unpacking u = {.path = path, .to = to};
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    int rc = 0, got = 0;
    archive_read_support_format_tar(a);
    archive_read_support_filter_zstd(a);
    if (archive_read_open_filename(a, path, 1 << 16) != ARCHIVE_OK)
        rc = no_bundle(&u, e, archive_error_string(a));
    while (rc == 0 && (got = archive_read_next_header(a, &entry)) == ARCHIVE_OK)
        rc = unpack_member(&u, a, entry, e);
    if (rc == 0 && got != ARCHIVE_EOF)
        rc = no_bundle(&u, e, archive_error_string(a));
    if (rc == 0)
        rc = check_sums(&u, e);
    archive_read_free(a);
    for (size_t i = 0; i < u.n; i++)
        free(u.members[i].name);
    free(u.members);
    free(u.sums);
    return rc;
}
