/* The host's side of core/device/cuda/mma.cuh, which says what each of these does. */
#ifndef EMU_MMA_H
#define EMU_MMA_H

#include "cuda_runtime.h"

void mma_16816_bf16(float d[4], const uint32_t a[4], const uint32_t b[2]);
void mma_16816_half(float d[4], const uint32_t a[4], const uint32_t b[2]);
void load_matrix_x4(uint32_t r[4], const void *row);
void load_matrix_x4_trans(uint32_t r[4], const void *row);

/* What was copied arrives in `wait`, no sooner. */
void copy_async(void *shared, const void *global, int bytes);
void copy_async_commit(void);
void copy_async_wait(int groups);

#endif
