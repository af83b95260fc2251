/* Hashes of a job's files: see check.h. */
#include "runner/check.h"

#include "core/base/hash.h"
#include "core/base/str.h"

int check_hash(const char *what, const char *path, const char *found, const char *wanted,
               struct err *e)
{
    if (str_eq(found, wanted))
        return 0;
    return err_set(
        e, ERR_CORRUPT,
        "the %s in '%s' changed since the run was planned: SHA-256 %s, expected %s; plan "
        "again",
        what, path, found, wanted);
}

int check_file(const char *what, const char *path, const char *wanted, struct err *e)
{
    char found[HASH_HEX];
    int rc = hash_file(found, path, e);
    return rc < 0 ? rc : check_hash(what, path, found, wanted, e);
}
