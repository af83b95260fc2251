/* Conditions of the command line: "--where dataset=dtd,eurosat". */
#ifndef PROMPTGRID_HARNESS_WHERE_H
#define PROMPTGRID_HARNESS_WHERE_H

#include "core/base/err.h"
#include "core/base/opt.h"

#include <jansson.h>

/* Each "AXIS=VALUE[,VALUE...]" of `given` -> object axis -> array of values, checked as a recipe's
 * `where` is; *out NULL when nothing is given. */
int where_read(json_t **out, const struct opt_list *given, struct err *e);

#endif
