/* From older versions of the store to this one, and copies of whole stores. */
#include "results/store_internal.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#include <sqlite3.h>
#include <stdlib.h>

int store__copy(struct store *s, const char *to, struct err *e)
{
    struct fs_file file;
    sqlite3 *copy = NULL;
    int rc = fs_create(&file, to, e);
    if (rc < 0)
        return rc;
    sqlite3_backup *backup = NULL;
    if (sqlite3_open_v2(file.temporary, &copy, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK)
        backup = sqlite3_backup_init(copy, "main", s->db, "main");
    int code = backup ? sqlite3_backup_step(backup, -1) : SQLITE_ERROR;
    if (backup)
        sqlite3_backup_finish(backup);
    if (code != SQLITE_DONE)
        rc = err_set(e, code == SQLITE_BUSY ? ERR_BUSY : ERR_SYS, "cannot copy '%s' to '%s': %s",
                     s->path, to, copy ? sqlite3_errmsg(copy) : "out of memory");
    sqlite3_close(copy);
    if (rc == 0)
        return fs_commit(&file, e);
    fs_abandon(&file);
    return rc;
}

int store__migrate(struct store *s, long version, struct err *e)
{
    int rc = 0;
    if (version == STORE_VERSION)
        return 0;
    if (version > 0) { // a new store has nothing to keep
        char *copy = str_format("%s.v%ld.bak", s->path, version);
        rc = store__copy(s, copy, e);
        free(copy);
    }
    if (rc < 0 || (rc = store__begin_write(s, e)) < 0)
        return rc;
    for (; rc == 0 && version < STORE_VERSION; version++)
        rc = store__script(s, store__migrations[version], e);
    if (rc == 0) { // a PRAGMA takes no bound values; these are numbers of ours
        char *stamp = str_format("PRAGMA application_id = %d; PRAGMA user_version = %d;",
                                 STORE_APPLICATION, STORE_VERSION);
        rc = store__script(s, stamp, e);
        free(stamp);
    }
    return store__finish(s, rc, e);
}

/* 1: the store has that one, made by the same words. */
static int has(struct store *s, const char *name, const char *sql, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e,
                          "SELECT 1 FROM sqlite_master WHERE type || ' ' || name = ?1 AND sql = ?2",
                          "tt", name, sql);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc == 1)
        store__end(q);
    return rc;
}

int store__tables_check(struct store *s, long version, void (*wrong)(void *arg, const char *name),
                        void *arg, struct err *e)
{
    struct sqlite3_stmt *q;
    struct store *fresh = mem_zero(1, sizeof *fresh);
    fresh->path = mem_strdup(s->path);
    fresh->lock = -1;
    int rc = sqlite3_open(":memory:", &fresh->db) == SQLITE_OK ? 0 : store__fail(fresh, e);
    for (long v = 0; rc == 0 && v < version; v++)
        rc = store__script(fresh, store__migrations[v], e);
    if (rc == 0)
        rc = store__query(fresh, &q, e,
                          "SELECT type || ' ' || name, sql FROM sqlite_master "
                          "WHERE sql IS NOT NULL ORDER BY name",
                          "");
    while (rc == 0 && (rc = store__step(fresh, q, e)) == 1) {
        const char *name = store__text(q, 0);
        rc = has(s, name, store__text(q, 1), e);
        if (rc == 0)
            wrong(arg, name);
        if (rc > 0)
            rc = 0;
    }
    store_close(fresh); // and the statement, which is one of its cache
    return rc;
}
