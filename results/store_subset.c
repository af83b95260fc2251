/* See store_subset.h. */
#include "results/store_subset.h"

#include "core/base/str.h"
#include "results/store_internal.h"

#include <stdlib.h>
#include <unistd.h>

static const char remove_rest[] =
    "BEGIN IMMEDIATE;"
    "DELETE FROM metric WHERE run NOT IN (SELECT id FROM keep);"
    "DELETE FROM curve WHERE run NOT IN (SELECT id FROM keep);"
    "DELETE FROM prediction WHERE run NOT IN (SELECT id FROM keep);"
    "DELETE FROM artifact WHERE run NOT IN (SELECT id FROM keep);"
    "DELETE FROM attempt WHERE run NOT IN (SELECT id FROM keep);"
    "DELETE FROM run WHERE id NOT IN (SELECT id FROM keep);"
    "DELETE FROM revision WHERE id NOT IN (SELECT revision FROM attempt);"
    "DELETE FROM machine WHERE id NOT IN (SELECT machine FROM attempt);"
    "COMMIT;"
    "DROP TABLE keep;"
    "PRAGMA journal_mode = DELETE;" // one file, for whoever gets it
    "VACUUM;";

int store_subset(struct store *s, const char *path, const char *const *runs, size_t n,
                 struct err *e)
{
    struct store *copy = NULL;
    int rc = store__copy(s, path, e);
    if (rc == 0)
        rc = store_open(&copy, path, STORE_WRITE, e);
    if (rc == 0)
        rc = store__script(copy, "CREATE TEMP TABLE keep (id TEXT PRIMARY KEY); BEGIN;", e);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = store__exec(copy, e, "INSERT OR IGNORE INTO keep VALUES (?1)", "t", runs[i]);
    if (rc == 0)
        rc = store__script(copy, "COMMIT;", e);
    if (rc == 0)
        rc = store__script(copy, remove_rest, e);
    store_close(copy);
    char *lock = str_format("%s.lock", path);
    unlink(lock);
    free(lock);
    return rc;
}
