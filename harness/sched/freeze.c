/* The copy of the runner: see freeze.h. A link would not do: whoever writes over the program in
 * place would change it too. */
#include "harness/sched/freeze.h"

#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/plan/jobfile.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int copy(const char *to, const struct fs_map *program, struct err *e)
{
    struct fs_file f;
    int rc = fs_create(&f, to, e);
    if (rc < 0)
        return rc;
    rc = fs_put_at(&f, program->data, program->size, 0, e);
    struct stat made; // who may read it may run it: as the umask has it
    if (rc == 0 && (fstat(f.fd, &made) < 0 ||
                    fchmod(f.fd, (made.st_mode & 0444) | (made.st_mode & 0444) >> 2) < 0))
        rc = err_sys(e, "unable to make '%s' executable", to);
    if (rc == 0)
        return fs_commit(&f, e);
    fs_abandon(&f);
    return rc;
}

int freeze_runner(char **out, char sha256[HASH_HEX], const char *workspace, const char *runner,
                  struct err *e)
{
    struct fs_map program;
    struct err other = {0};
    char found[HASH_HEX];
    *out = NULL;
    if (fs_map_open(&program, runner, e) < 0)
        return err_wrap(e, "the runner");
    hash_bytes(sha256, program.data, program.size);
    char *top = fs_absolute(workspace), *folder = str_format("%s/runner/%s", top, sha256);
    char *path = fs_join(folder, fs_base(runner));
    int rc = fs_make_folders(folder, e);
    if (rc == 0)
        rc = jobfile_sweep(folder, e);
    bool whole = rc == 0 && hash_file(found, path, &other) == 0 && str_eq(found, sha256);
    if (rc == 0 && !whole)
        rc = copy(path, &program, e);
    if (rc == 0 && access(path, X_OK) < 0) {
        log_warn("nothing may be executed in '%s': '%s' is used as it is, and must not be changed "
                 "while runs go on",
                 workspace, runner);
        free(path);
        path = fs_absolute(runner);
    }
    if (rc == 0) {
        *out = path;
        path = NULL;
    }
    free(path);
    free(folder);
    free(top);
    fs_map_close(&program);
    return rc;
}
