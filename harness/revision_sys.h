/*
 * libgit2, with its memory from core/base/sys.h: a test can make it fail, and it is known when it
 * did, as libgit2 may pass over it or call it by another name. libfyaml 0.7 has no such hook; its
 * memory is malloc's.
 */
#ifndef PROMPTGRID_HARNESS_REVISION_SYS_H
#define PROMPTGRID_HARNESS_REVISION_SYS_H

#include <stdbool.h>

/* Start libgit2, for the life of the program: it reads the system's certificates each time. */
void revision__init(void);

bool revision__no_memory(void); // since revision__init

#endif
