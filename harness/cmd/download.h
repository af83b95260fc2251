/* A published file from the first of several addresses that gives it, with progress on a terminal.
 */
#ifndef PROMPTGRID_HARNESS_DOWNLOAD_H
#define PROMPTGRID_HARNESS_DOWNLOAD_H

#include "core/fetch/fetch.h"

#include <stddef.h>

enum { DOWNLOAD_PATIENCE = 60 }; // seconds, unless --patience says otherwise

/* `f` without address and progress; n >= 1. What earlier addresses failed for is warned of; the
 * error is the last one's. Nothing is tried after ERR_BUSY. */
int download_any(struct fetch *f, const char *const *urls, size_t n, struct err *e);

#endif
