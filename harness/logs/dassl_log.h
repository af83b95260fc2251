/*
 * What a log of Dassl's trainers says: CoOp's, CoCoOp's, MaPLe's and the others' `log.txt`
 * (spec/training.md sections 1 and 13). A log without a whole result is refused with its line: the
 * reference's own tool drops it and averages the rest.
 */
#ifndef PROMPTGRID_HARNESS_DASSL_LOG_H
#define PROMPTGRID_HARNESS_DASSL_LOG_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct dassl_log {
    /* what its head says, before the training; "" and -1: nothing */
    char dataset[64];  // as Dassl registers it: "OxfordPets"
    char trainer[64];  // "CoOp"
    char backbone[32]; // "ViT-B/16"
    char classes[16];  // "all", "base" or "new"
    char model[512];   // folder that an evaluation loads from
    long shots, seed;
    bool trained; // it is of a training, not of an evaluation

    /* its last result */
    double accuracy; // percent, from the exact counts where they are there
    double macro_f1; // NAN where it is not printed
    long images;     // 0: not printed
    double seconds;  // that it took; 0: not printed
};

/* `name` is how messages call the file. ERR_NUMERIC: a loss or result that is no number;
 * ERR_MISSING: it is not finished; ERR_CORRUPT: it contradicts itself. The text begins with
 * "NAME:LINE: ". The head is filled in also then. `text` is changed. */
int dassl_log_read(struct dassl_log *log, char *text, const char *name, struct err *e);

#endif
