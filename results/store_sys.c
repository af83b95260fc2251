/*
 * SQLite's own calls through core/base/sys.h, when a test has set a fault: reads, writes,
 * opens and removals by the system-call table of its unix VFS, fsync and the clock by a VFS around
 * that one, memory by its allocator. Without a fault SQLite is left as it is.
 */
#include "results/store_internal.h"

#include "core/base/sys.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>

static sqlite3_vfs *inner, outer;
static sqlite3_mem_methods memory;

/* SQLite's methods of files, and ours: the same but for xSync. */
enum { KINDS = 16 };
static struct kind {
    const sqlite3_io_methods *inner;
    sqlite3_io_methods outer;
} kinds[KINDS];
static int n_kinds;

static int file_sync(sqlite3_file *file, int flags)
{
    struct kind *k = (struct kind *)((char *)(sqlite3_io_methods *)file->pMethods -
                                     offsetof(struct kind, outer));
    return sys_fails(CALL_FSYNC) ? SQLITE_IOERR_FSYNC : k->inner->xSync(file, flags);
}

/* Our methods for a file that SQLite opened. */
static const sqlite3_io_methods *wrap(const sqlite3_io_methods *methods)
{
    for (int i = 0; i < n_kinds; i++)
        if (kinds[i].inner == methods)
            return &kinds[i].outer;
    if (n_kinds == KINDS)
        return methods;
    struct kind *k = &kinds[n_kinds++];
    k->inner = methods;
    k->outer = *methods;
    k->outer.xSync = file_sync;
    return &k->outer;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                    int *out_flags)
{
    (void)vfs;
    int rc = inner->xOpen(inner, name, file, flags, out_flags);
    if (rc == SQLITE_OK && file->pMethods)
        file->pMethods = wrap(file->pMethods);
    return rc;
}

/* Milliseconds since noon of Julian day 0, with the jumps of our clock. */
static int vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    (void)vfs;
    time_t before = time(NULL);
    int rc = inner->xCurrentTimeInt64(inner, out);
    *out += 1000 * (sqlite3_int64)(sys_time() - before);
    return rc;
}

static int call_open(const char *path, int flags, int mode)
{
    return sys_open(path, flags, (mode_t)mode);
}

static void *take(int size)
{
    return sys_fails(CALL_ALLOC) ? NULL : memory.xMalloc(size);
}

static void *resize(void *block, int size)
{
    return sys_fails(CALL_ALLOC) ? NULL : memory.xRealloc(block, size);
}

void store__arm(void)
{
    static const struct {
        const char *name;
        sqlite3_syscall_ptr call;
    } calls[] = {
        {"open", (sqlite3_syscall_ptr)call_open},    {"read", (sqlite3_syscall_ptr)sys_read},
        {"pread", (sqlite3_syscall_ptr)sys_pread},   {"pread64", (sqlite3_syscall_ptr)sys_pread},
        {"unlink", (sqlite3_syscall_ptr)sys_unlink}, {"write", (sqlite3_syscall_ptr)sys_write},
        {"pwrite", (sqlite3_syscall_ptr)sys_pwrite}, {"pwrite64", (sqlite3_syscall_ptr)sys_pwrite}};
    if (inner)
        return;
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory);
    sqlite3_mem_methods ours = memory;
    ours.xMalloc = take;
    ours.xRealloc = resize;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &ours); // refused once SQLite is in use
    inner = sqlite3_vfs_find(NULL);
    for (size_t i = 0; inner && i < sizeof calls / sizeof calls[0]; i++)
        inner->xSetSystemCall(inner, calls[i].name, calls[i].call);
    if (!inner)
        return;
    outer = *inner;
    outer.zName = "promptgrid";
    outer.xOpen = vfs_open;
    outer.xCurrentTimeInt64 = vfs_time;
    sqlite3_vfs_register(&outer, 1);
}
