/*
 * How much memory of a GPU a run will take, before anything is run: an estimate from its spec that
 * leans to the high side, by which runs are put beside each other. What a run really takes is the
 * driver's to say; one that finds too little is tried again alone.
 */
#ifndef PROMPTGRID_PROTO_NEED_H
#define PROMPTGRID_PROTO_NEED_H

#include "core/proto/method_size.h"

/* Bytes. `s`: of the model and the dataset; images: those whose features are held at once. */
double need_gpu(const json_t *spec, const struct method_sizes *s);

/* What every process takes there: the context, the libraries' kernels and workspaces. */
#define NEED_CONTEXT 0.8e9

#endif
