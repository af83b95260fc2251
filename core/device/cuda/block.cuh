/* The parts of image_block that are not matrix products. Rows of bf16 have C, 3C or 4C elements, C
 * a multiple of 64, and start on 16 bytes. */
#ifndef PROMPTGRID_DEVICE_CUDA_BLOCK_CUH
#define PROMPTGRID_DEVICE_CUDA_BLOCK_CUH

#include "core/device/cuda/cuda.cuh"

#include <cuda_bf16.h>

/* norm.cu: y (R, C) = layer norm of x, as layernorm_fwd */
void cuda_layernorm_narrow(struct cuda *c, __nv_bfloat16 *y, const float *x, const float *gamma,
                           const float *beta, int R, int C);

/* attention_narrow.cu: out (B, Q, C) = attention of the first Q tokens of each image, from qkv (B,
 * T, 3C) + bias (3C) */
void cuda_attention_narrow(struct cuda *c, __nv_bfloat16 *out, const __nv_bfloat16 *qkv,
                           const float *bias, int B, int Q, int T, int H);

#endif
