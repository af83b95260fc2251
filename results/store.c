/*
 * Opening and closing the store, its writer's lock, and the few helpers through which every SQL
 * statement of store_*.c goes. Nothing here knows the tables.
 */
#include "results/store.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "core/proto/spec.h"
#include "results/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUSY_MS = 10000 }; // how long a statement waits for another connection

/* ---- errors ---- */

/* In words that fit a workspace as well as a file that was named. */
static int is_foreign(const struct store *s, const char *found, struct err *e)
{
    return err_set(e, ERR_CORRUPT,
                   "'%s' is not a promptgrid store: it is %s; expected the 'promptgrid.sqlite' of "
                   "a workspace; name another file or workspace",
                   s->path, found);
}

int store__fail(struct store *s, struct err *e)
{
    int code = s->db ? sqlite3_extended_errcode(s->db) : SQLITE_NOMEM;
    const char *detail = s->db ? sqlite3_errmsg(s->db) : "out of memory";
    int system = s->db ? sqlite3_system_errno(s->db) : 0;
    switch (code & 0xff) {
    case SQLITE_FULL:
        return err_set(
            e, ERR_SYS,
            "cannot write '%s': the disk is full; free some space and repeat the command", s->path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return err_set(e, ERR_SYS, "cannot write '%s': the file or its folder is read-only",
                       s->path);
    case SQLITE_CANTOPEN:
        errno = system ? system : EACCES;
        return err_sys(e, "cannot open '%s' or its '-wal' and '-shm' files", s->path);
    case SQLITE_IOERR:
        if (code == SQLITE_IOERR_READ || code == SQLITE_IOERR_SHORT_READ)
            return err_set(e, ERR_SYS, "cannot read '%s': input/output error", s->path);
        // SQLite does not keep the errno of a failed write to the "-wal" file.
        return err_set(e, ERR_SYS,
                       "cannot write '%s' (%s): the disk is full, or a quota or a limit on file "
                       "sizes is reached, or it fails; make room and repeat the command",
                       s->path, detail);
    case SQLITE_NOTADB:
        return is_foreign(s, "no SQLite database", e);
    case SQLITE_CORRUPT:
        return err_set(e, ERR_CORRUPT,
                       "'%s' is damaged (%s); restore it from a copy or move it away", s->path,
                       detail);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(e, ERR_BUSY, "'%s' is locked by another program; close it and try again",
                       s->path);
    case SQLITE_NOMEM:
        return err_set(e, ERR_MEMORY, "out of memory in '%s'", s->path);
    default:
        return err_set(e, ERR_CORRUPT, "'%s' refused a statement: %s", s->path, detail);
    }
}

/* ---- statements ---- */

static int prepare(struct store *s, sqlite3_stmt **out, const char *sql, struct err *e)
{
    for (size_t i = 0; i < s->n_cached; i++)
        if (s->cache[i].sql == sql) {
            *out = s->cache[i].statement;
            sqlite3_reset(*out);
            sqlite3_clear_bindings(*out);
            return 0;
        }
    if (s->n_cached == sizeof s->cache / sizeof s->cache[0])
        BUG("more than %zu statements: raise the size of the cache", s->n_cached);
    if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) != SQLITE_OK)
        return store__fail(s, e);
    s->cache[s->n_cached].sql = sql;
    s->cache[s->n_cached++].statement = *out;
    return 0;
}

static int bind_json(sqlite3_stmt *statement, int at, const json_t *value)
{
    if (json_is_integer(value))
        return sqlite3_bind_int64(statement, at, json_integer_value(value));
    if (json_is_real(value))
        return sqlite3_bind_double(statement, at, json_real_value(value));
    if (json_is_array(value)) {
        char *text = spec_text(value);
        return sqlite3_bind_text(statement, at, text, -1, free);
    }
    if (json_is_string(value))
        return sqlite3_bind_text(statement, at, json_string_value(value),
                                 (int)json_string_length(value), SQLITE_TRANSIENT);
    return sqlite3_bind_null(statement, at);
}

static int bind(struct store *s, sqlite3_stmt *statement, const char *types, va_list args,
                struct err *e)
{
    int rc = SQLITE_OK;
    for (int at = 1; *types && rc == SQLITE_OK; types++, at++)
        switch (*types) {
        case 't': // NULL binds SQL NULL
            rc = sqlite3_bind_text(statement, at, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
            break;
        case 'i':
            rc = sqlite3_bind_int64(statement, at, va_arg(args, long));
            break;
        case 'r':
            rc = sqlite3_bind_double(statement, at, va_arg(args, double));
            break;
        case 'j':
            rc = bind_json(statement, at, va_arg(args, const json_t *));
            break;
        case 'a': {
            const json_t *values = va_arg(args, const json_t *);
            size_t n = json_array_size(values);
            for (size_t i = 0; i < n && rc == SQLITE_OK; i++)
                rc = bind_json(statement, at + (int)i, json_array_get(values, i));
            at += (int)n - 1;
            break;
        }
        case 'b': {
            const void *data = va_arg(args, const void *);
            rc = sqlite3_bind_blob64(statement, at, data, va_arg(args, size_t), SQLITE_TRANSIENT);
            break;
        }
        default:
            BUG("unknown type '%c'", *types);
        }
    return rc == SQLITE_OK ? 0 : store__fail(s, e);
}

int store__query(struct store *s, struct sqlite3_stmt **out, struct err *e, const char *sql,
                 const char *types, ...)
{
    va_list args;
    int rc = prepare(s, out, sql, e);
    if (rc < 0)
        return rc;
    va_start(args, types);
    rc = bind(s, *out, types, args, e);
    va_end(args);
    return rc;
}

int store__step(struct store *s, struct sqlite3_stmt *statement, struct err *e)
{
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        return 1;
    int result = rc == SQLITE_DONE ? 0 : store__fail(s, e);
    sqlite3_reset(statement);
    return result;
}

void store__end(struct sqlite3_stmt *statement)
{
    sqlite3_reset(statement);
}

int store__exec(struct store *s, struct err *e, const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement;
    va_list args;
    int rc = prepare(s, &statement, sql, e);
    if (rc < 0)
        return rc;
    va_start(args, types);
    rc = bind(s, statement, types, args, e);
    va_end(args);
    if (rc < 0)
        return rc;
    rc = store__step(s, statement, e);
    store__end(statement);
    return rc < 0 ? rc : 0;
}

const char *store__text(struct sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text ? (const char *)text : "";
}

long store__int(struct sqlite3_stmt *statement, int column)
{
    return (long)sqlite3_column_int64(statement, column);
}

double store__real(struct sqlite3_stmt *statement, int column)
{
    return sqlite3_column_double(statement, column);
}

bool store__null(struct sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL;
}

bool store__is_blob(struct sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_BLOB;
}

const void *store__blob(struct sqlite3_stmt *statement, int column, size_t *size)
{
    const void *data = sqlite3_column_blob(statement, column);
    *size = (size_t)sqlite3_column_bytes(statement, column);
    return data;
}

long store__changes(struct store *s)
{
    return sqlite3_changes(s->db);
}

int store__script(struct store *s, const char *sql, struct err *e)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store__fail(s, e);
}

int store__begin_write(struct store *s, struct err *e)
{
    return store__script(s, "BEGIN IMMEDIATE", e);
}

int store__finish(struct store *s, int rc, struct err *e)
{
    if (rc == 0)
        rc = store__script(s, "COMMIT", e);
    if (rc < 0 && !sqlite3_get_autocommit(s->db)) // some errors have rolled back already
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

/* ---- the writer's lock ---- */

/* flock() goes with the descriptor, so the kernel drops it however its owner ends; the text in the
 * file only serves the message to the next one. */
int store__lock(struct store *s, struct err *e)
{
    char text[256] = "", host[64] = "", since[32] = "";
    char *path = str_format("%s.lock", s->path);
    int rc = 0;
    s->lock = sys_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (s->lock < 0) {
        rc = err_sys(e, "cannot write '%s'", path);
        goto out;
    }
    if (sys_flock(s->lock, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK) {
            rc = err_set(e, ERR_SYS,
                         "cannot lock '%s': %s; put the workspace on a disk of this machine, or on "
                         "a file system that has locks",
                         path, strerror(errno));
            goto out;
        }
        ssize_t got = pread(s->lock, text, sizeof text - 1, 0);
        text[got > 0 ? got : 0] = 0;
        text[strcspn(text, "\n")] = 0;
        char *shown = str_visible(*text ? text : "another process");
        rc = err_set(e, ERR_BUSY, "'%s' is being written by %s; wait until it ends or stop it",
                     s->path, shown);
        free(shown);
        goto out;
    }
    time_t now = sys_time();
    struct tm utc;
    gethostname(host, sizeof host - 1);
    strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    int size =
        snprintf(text, sizeof text, "process %ld on %s since %s\n", (long)getpid(), host, since);
    // On a full disk the lock still holds, only its message is poorer.
    if (ftruncate(s->lock, 0) < 0 || sys_pwrite(s->lock, text, (size_t)size, 0) != size)
        rc = 0;
out:
    free(path);
    return rc;
}

int store_wait(const char *path, struct err *e)
{
    char *name = str_format("%s.lock", path);
    int rc = 0, fd = open(name, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        rc = err_sys(e, "cannot write '%s'", name);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        while ((rc = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
            ;
        rc = rc < 0 ? err_sys(e, "cannot lock '%s'", name) : 1;
    }
    if (fd >= 0)
        close(fd);
    free(name);
    return rc;
}

/* ---- opening ---- */

/* Path as an SQLite URI that ignores locks and the missing "-wal": only for a file that nobody can
 * be writing, because nobody may. */
static char *immutable_uri(const char *path)
{
    struct str uri = STR_INIT;
    str_add(&uri, "file:");
    for (const char *c = path; *c; c++)
        if (strchr("%?#", *c))
            str_addf(&uri, "%%%02X", (unsigned)(unsigned char)*c);
        else
            str_addc(&uri, *c);
    str_add(&uri, "?immutable=1");
    return str_detach(&uri);
}

static int pragma_int(struct store *s, const char *sql, long *value, struct err *e)
{
    sqlite3_stmt *statement;
    int rc = store__query(s, &statement, e, sql, "");
    if (rc == 0)
        rc = store__step(s, statement, e);
    if (rc < 0)
        return rc;
    *value = rc == 1 ? store__int(statement, 0) : 0;
    store__end(statement);
    return 0;
}

static int check_length(const struct store *s, struct err *e)
{
    const sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    char *full = fs_absolute(s->path);
    size_t length = strlen(full), most = (size_t)(vfs ? vfs->mxPathname : 0) - 8; // for "-journal"
    free(full);
    return !vfs || length < most
               ? 0
               : err_set(e, ERR_SYS,
                         "cannot open '%s': its whole path has %zu bytes, SQLite takes fewer than "
                         "%zu; choose a workspace with a shorter path",
                         s->path, length, most);
}

static int connect(struct store *s, const char *name, int flags, struct err *e)
{
    if (check_length(s, e) < 0)
        return e->code;
    if (sqlite3_open_v2(name, &s->db, flags | SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK)
        return store__fail(s, e);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    return 0;
}

int store_in_place(struct store *s, struct err *e)
{
    int moved = 0;
    if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK || !moved)
        return 0;
    return err_set(e, ERR_MISSING,
                   "'%s' was moved or removed while it was in use; repeat the command where it is "
                   "now",
                   s->path);
}

static void disconnect(struct store *s)
{
    for (size_t i = 0; i < s->n_cached; i++)
        sqlite3_finalize(s->cache[i].statement);
    s->n_cached = 0;
    sqlite3_close(s->db);
    s->db = NULL;
}

/* Which version it is; *version 0 for a file without tables. Reads only. */
static int identify(struct store *s, long *version, struct err *e)
{
    long application = 0, objects = 0;
    int rc = pragma_int(s, "PRAGMA user_version", version, e);
    if (rc == 0)
        rc = pragma_int(s, "PRAGMA application_id", &application, e);
    if (rc == 0)
        rc = pragma_int(s, "SELECT count(*) FROM sqlite_master", &objects, e);
    if (rc < 0)
        return rc;
    if (application != STORE_APPLICATION && (application || *version || objects))
        return is_foreign(s, "the SQLite database of another program", e);
    if (*version > STORE_VERSION)
        return err_set(e, ERR_RANGE,
                       "'%s' was written by a newer promptgrid (store version %ld, this program "
                       "knows %d); update the program, or name another file or workspace",
                       s->path, *version, STORE_VERSION);
    return 0;
}

static int open_write(struct store *s, struct err *e)
{
    long version = 0;
    char *folder = fs_folder(s->path);
    int rc = fs_make_folders(folder, e);
    free(folder);
    if (rc == 0)
        rc = store__lock(s, e);
    if (rc == 0)
        rc = connect(s, s->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, e);
    if (rc == 0)
        rc = identify(s, &version, e);
    // The "-shm" file of a WAL is shared memory, which hosts do not share. Never less than FULL.
    if (rc == 0)
        rc = store__script(
            s, sys_place(s->path) ? "PRAGMA journal_mode = DELETE" : "PRAGMA journal_mode = WAL",
            e);
    if (rc == 0)
        rc = store__script(s, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON", e);
    if (rc == 0)
        rc = store__migrate(s, version, e);
    return rc;
}

/* By us, if nobody is writing and we may; a writer that has just come is given a moment to do it.
 */
static int bring_up_to_date(struct store *s, long version, struct err *e)
{
    enum { TRIES = 20, WAIT_MS = 100 };
    long now = version;
    for (int i = 0; i < TRIES; i++) {
        struct store *writer;
        struct err why = {0};
        int rc = store_open(&writer, s->path, STORE_WRITE, &why);
        store_close(writer);
        if (rc == 0)
            return 0;
        if (rc != ERR_BUSY)
            break;
        usleep(1000 * WAIT_MS);
        if ((rc = identify(s, &now, e)) < 0 || now == STORE_VERSION)
            return rc;
    }
    return err_set(e, ERR_RANGE,
                   "'%s' has store version %ld, this program reads %d; 'promptgrid run' "
                   "brings it up to date",
                   s->path, version, STORE_VERSION);
}

static int open_read(struct store *s, enum store_mode mode, struct err *e)
{
    struct stat info;
    long version = 0;
    if (stat(s->path, &info) < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? err_set(e, ERR_MISSING, "no results yet: '%s' is not there", s->path)
                   : err_sys(e, "cannot read '%s'", s->path);
    int rc = connect(s, s->path, SQLITE_OPEN_READONLY, e);
    if (rc == 0)
        rc = identify(s, &version, e);
    int code = s->db ? sqlite3_errcode(s->db) & 0xff : 0;
    if (rc < 0 && (code == SQLITE_CANTOPEN || code == SQLITE_READONLY)) {
        // A WAL file wants to make its "-shm" beside it, which a read-only folder forbids.
        char *wal = str_format("%s-wal", s->path);
        bool pending = stat(wal, &info) == 0 && info.st_size > 0;
        free(wal);
        if (pending)
            return err_set(e, ERR_SYS,
                           "cannot read '%s': its folder is read-only and '%s-wal' holds changes "
                           "not yet merged; copy both files to a folder you can write",
                           s->path, fs_base(s->path));
        disconnect(s);
        char *uri = immutable_uri(s->path);
        rc = connect(s, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, e);
        free(uri);
        if (rc == 0)
            rc = identify(s, &version, e);
    }
    if (rc == 0 && version == 0)
        return err_set(e, ERR_MISSING, "no results yet: '%s' is empty", s->path);
    if (rc == 0 && version < STORE_VERSION && mode == STORE_READ)
        rc = bring_up_to_date(s, version, e);
    return rc;
}

int store_open(struct store **out, const char *path, enum store_mode mode, struct err *e)
{
    struct store *s = mem_zero(1, sizeof *s);
    s->path = mem_strdup(path);
    s->lock = -1;
    if (sys_armed())
        store__arm();
    int rc = mode == STORE_WRITE ? open_write(s, e) : open_read(s, mode, e);
    if (rc < 0) {
        store_close(s);
        s = NULL;
    }
    *out = s;
    return rc;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store__scan_close(s);
    disconnect(s);
    if (s->lock >= 0)
        close(s->lock);
    free(s->path);
    free(s);
}

const char *store_path(const struct store *s)
{
    return s->path;
}
