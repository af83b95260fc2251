/*
 * The GPUs that runs may use. The harness links no CUDA: `promptgrid-runner devices` tells (see
 * runner/devices.c), and what --device asks for is chosen among them.
 */
#ifndef PROMPTGRID_HARNESS_GPU_H
#define PROMPTGRID_HARNESS_GPU_H

#include "core/base/err.h"
#include "core/base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct gpu {
    char *kind, *name;                   // "cuda:0", "NVIDIA H100"
    char *capability, *driver, *toolkit; // "9.0", "13.0", "12.4"; "" = unknown
    double memory, free;                 // bytes
    char *problem;                       // why it cannot be used; NULL = it can
};

struct gpus {
    struct gpu *items; // (n) in the order of their numbers
    size_t n, capacity;
    char *why; // there is none; NULL where there is one
};

/* An error where the runner cannot be asked, or does not answer in this way. */
int gpus_ask(struct gpus *g, const char *runner, struct err *e);
int gpus_parse(struct gpus *g, const char *text, struct err *e);
void gpus_release(struct gpus *g); // fine when zero

/* Is it a value of --device: auto, cpu, cuda, cuda:0,2? */
int gpus_check_wanted(const char *wanted, struct err *e);

/*
 * Keep what `wanted` asks for and can be used; none: the CPU. "auto" is never an error; "cuda" is
 * one without a usable GPU (ERR_MISSING), and so is "cuda:0,2" when one of these is not there or
 * cannot be used. `left_out` gets a line for each GPU that was not named and cannot be used.
 */
int gpus_choose(struct gpus *g, const char *wanted, struct str *left_out, struct err *e);

/* "cuda:0 (NVIDIA H100)"; sizes as people say them: "79.3 GB". */
void gpu_text(const struct gpu *g, struct str *out);
void gpu_size(double bytes, char out[24]);

#endif
