/* Which version this program is; written at every build by scripts/lib/version.cmake. */
#ifndef PROMPTGRID_HARNESS_VERSION_H
#define PROMPTGRID_HARNESS_VERSION_H

#include <stdbool.h>

extern const char version_text[];   // "1.2.0+45.g0123abcd"
extern const char version_commit[]; // 40 hex digits; "" when it was built from no known commit
extern const bool version_dirty;    // the sources differed from that commit

#endif
