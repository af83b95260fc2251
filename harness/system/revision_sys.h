/*
 * libgit2, with its memory from core/base/mem.h. Its own ways out of a failed allocation cannot be
 * trusted: libgit2 1.5 frees parts of a configuration twice, or goes on as if there were none. So
 * none of its allocations returns without memory, as none of ours does. libfyaml 0.7 has no such
 * hook; its memory is malloc's.
 */
#ifndef PROMPTGRID_HARNESS_REVISION_SYS_H
#define PROMPTGRID_HARNESS_REVISION_SYS_H

/* Start libgit2, for the life of the program: it reads the system's certificates each time. */
void revision__init(void);

#endif
