/*
 * Files and folders. Paths are UTF-8 byte strings; returned paths are yours to free().
 * Nothing partial carries a final name: fs_write goes through a temporary file in the same folder,
 * fsync, rename, fsync of the folder.
 */
#ifndef PROMPTGRID_BASE_FS_H
#define PROMPTGRID_BASE_FS_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>

char *fs_join(const char *folder, const char *name);
const char *fs_base(const char *path); // the part after the last '/', borrowed
char *fs_folder(const char *path);     // the part before the last '/', "." if there is none
char *fs_absolute(const char *path);   // against the current folder; links are kept
bool fs_is_file(const char *path);     // regular file, after links
bool fs_is_folder(const char *path);

int fs_make_folders(const char *path, struct err *e); // with parents; fine when it is there

/* A folder with all that is in it; links are removed, not followed. Fine when it is not there. */
int fs_remove_tree(const char *path, struct err *e);

int fs_sync_folder(const char *path, struct err *e); // the names in it are on disk afterwards

/* Whole file, terminated by an extra 0 byte. ERR_MISSING when it is not there, ERR_RANGE when it is
 * larger than `limit` bytes. */
int fs_read(char **out, size_t *size, const char *path, size_t limit, struct err *e);

/* As fs_read, decompressed when the file starts as gzip does. */
int fs_read_gzip(char **out, size_t *size, const char *path, size_t limit, struct err *e);

int fs_write(const char *path, const void *data, size_t size, struct err *e);

/* The same, but the name is on disk only after fs_sync_folder: for many files of one folder. */
int fs_write_unsynced(const char *path, const void *data, size_t size, struct err *e);

/* A file written piece by piece that takes its final name only in fs_commit. */
struct fs_file {
    int fd; // -1 = not open
    char *path, *temporary;
};
int fs_create(struct fs_file *f, const char *path, struct err *e);
int fs_put(struct fs_file *f, const void *data, size_t size, struct err *e);
int fs_put_at(struct fs_file *f, const void *data, size_t size, size_t offset, struct err *e);
int fs_commit(struct fs_file *f, struct err *e); // sync, rename, sync the folder; frees
void fs_abandon(struct fs_file *f); // remove the temporary file; frees; fine when unused

/* Read-only mapping of a whole file. */
struct fs_map {
    const unsigned char *data;
    size_t size;
};
int fs_map_open(struct fs_map *m, const char *path, struct err *e);
void fs_map_close(struct fs_map *m);

/* Sorted (byte order) names in a folder, without those that start with '.'. */
struct fs_names {
    char **names;
    size_t n;
};
int fs_list(struct fs_names *out, const char *folder, struct err *e);
void fs_names_release(struct fs_names *names);

/* The folder that holds `recipes/pocket`: $PROMPTGRID_HOME, or the first one at or above the folder
 * of the running program, there or, installed, in its FS_SHARE. ERR_MISSING when there is none. */
#define FS_SHARE "share/promptgrid"
int fs_home(char **out, struct err *e);

/* The program `name` in the folder of the running one. */
char *fs_sibling(const char *name);

#endif
