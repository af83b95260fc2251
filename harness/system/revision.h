/*
 * What ran: the code (git commit, uncommitted change, runner binary, build) and the machine, as
 * rows of the store. The repository is looked at when the program runs, not when it was built.
 */
#ifndef PROMPTGRID_HARNESS_REVISION_H
#define PROMPTGRID_HARNESS_REVISION_H

#include "core/base/err.h"
#include "core/base/hash.h"

#include <jansson.h>
#include <stdbool.h>

enum { REVISION_DIFF_LIMIT = 4 << 20 }; // bytes of diff text that are kept

struct revision {
    char commit[41]; // "" when there is no repository that may be read
    bool dirty;      // tracked files differ, or source files are not tracked
    char *diff;      // text, cut at REVISION_DIFF_LIMIT
    char *note;      // why commit is "", else ""
};

/* Of the repository that contains `folder`; of an installed program's folder, what it was built
 * from. Reads only: no hook, filter or index update. A repository that cannot be read is noted. */
void revision_read(struct revision *r, const char *folder);
void revision_release(struct revision *r);

/* Version, compiler and `note` of this program. Yours to free(). */
char *revision_build(const struct revision *r);

/* Object of text: cpu, cores, memory, kernel, host, libraries. */
json_t *revision_machine(void);

/* The rows of the store for this code, with the runner of this hash, and for this machine. */
struct store;
int revision_record(const struct revision *r, struct store *s, const char *runner_sha256,
                    long *revision, long *machine, struct err *e);

#endif
