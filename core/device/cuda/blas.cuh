/*
 * Matrix products of layers, for operations that chain several: what the device table's linear_fwd
 * does, in parts.
 */
#ifndef PROMPTGRID_DEVICE_CUDA_BLAS_CUH
#define PROMPTGRID_DEVICE_CUDA_BLAS_CUH

#include "core/device/cuda/cuda.cuh"

#include <cuda_bf16.h>

/* Columns that a row of n bf16 elements takes: rows start at 16 bytes, the rest is zero. */
static inline int cuda_padded(int n)
{
    return (n + 7) / 8 * 8;
}

/* y (R, cuda_padded(C)) = x (R, C) in bf16 */
void cuda_narrow(struct cuda *c, __nv_bfloat16 *y, const float *x, int R, int C);

/* y (R, N) = x W^T by flags; x: (R, cuda_padded(K)) in bf16 of a LINEAR_BF16 layer, else (R, K) in
 * fp32 */
enum {
    CHAIN_BIAS = 1,   // + b; not with CHAIN_NARROW, whose reader adds cuda_linear_bias
    CHAIN_ADD = 2,    // + y's old values
    CHAIN_NARROW = 4, // y is bf16, (R, cuda_padded(N)), its padding untouched; else float
    CHAIN_RELU = 8,   // max(y, 0), at the end; with CHAIN_BIAS
};
void cuda_linear_chain(struct cuda *c, void *y, const void *x, const struct linear *w, int R,
                       int flags);

/* The layer's bias (N), NULL where it has none. */
const float *cuda_linear_bias(const struct linear *w);

#endif
