/* docs/sources.md: every address that something is fetched from, from the tables that fetch. */
#ifndef PROMPTGRID_HARNESS_SOURCES_REFERENCE_H
#define PROMPTGRID_HARNESS_SOURCES_REFERENCE_H

#include "core/base/str.h"

void sources_reference(struct str *out); // Markdown

#endif
