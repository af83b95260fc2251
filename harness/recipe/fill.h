/*
 * Parameters that a recipe may leave out because they follow from the dataset: templates, and the
 * settings of references that have one for each dataset.
 */
#ifndef PROMPTGRID_HARNESS_FILL_H
#define PROMPTGRID_HARNESS_FILL_H

#include "core/data/catalogue.h"
#include "core/proto/method_keys.h"

#include <jansson.h>

/* Set what `params` lacks of these; NULL = an unknown dataset. */
void fill_params(json_t *params, const struct method_row *method,
                 const struct dataset_row *dataset);

#endif
