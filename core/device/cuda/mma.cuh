/*
 * What a warp does on its tensor cores, and the loads that feed them: one function for each
 * instruction (PTX ISA, "warp-level matrix instructions"). All 32 lanes call together.
 *
 * Fragments of m16n8k16, with g = lane / 4 and t = lane % 4; two 16-bit elements a register, the
 * first in the low half:
 *
 *   A (16, 16)  a[0]: row g,     columns 2t, 2t+1      a[2]: row g,     columns 2t+8, 2t+9
 *               a[1]: row g + 8, columns 2t, 2t+1      a[3]: row g + 8, columns 2t+8, 2t+9
 *   B (16, 8)   b[0]: rows 2t, 2t+1, column g          b[1]: rows 2t+8, 2t+9, column g
 *   D (16, 8)   d[0], d[1]: row g, columns 2t, 2t+1    d[2], d[3]: row g + 8, columns 2t, 2t+1
 *
 * So D's fragment, narrowed, is half of an A fragment: what softmax leaves can be multiplied on.
 */
#ifndef PROMPTGRID_DEVICE_CUDA_MMA_CUH
#define PROMPTGRID_DEVICE_CUDA_MMA_CUH

#include "core/device/cuda/cuda.cuh"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#ifdef __CUDACC__

/* d += a b, bf16 */
__device__ static __forceinline__ void mma_16816_bf16(float d[4], const uint32_t a[4],
                                                      const uint32_t b[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* d += a b, fp16 */
__device__ static __forceinline__ void mma_16816_half(float d[4], const uint32_t a[4],
                                                      const uint32_t b[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/*
 * Four 8 x 8 matrices of 16-bit elements from shared memory: lane l gives the address of row l % 8
 * of matrix l / 8 (16 bytes, aligned) and gets of each matrix i, in r[i], row l / 4, columns
 * 2 (l % 4) and the next. _trans: of each matrix's transpose.
 */
__device__ static __forceinline__ void load_matrix_x4(uint32_t r[4], const void *row)
{
    uint32_t at = (uint32_t)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(at)
                 : "memory");
}

__device__ static __forceinline__ void load_matrix_x4_trans(uint32_t r[4], const void *row)
{
    uint32_t at = (uint32_t)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(at)
                 : "memory");
}

/*
 * Copies from global to shared memory that go on while the thread works: 16 bytes, both ends
 * aligned; `bytes` of them are read, the rest is zero. commit ends a group; wait(n) returns when
 * all but the last n groups of this thread have arrived (others' need a barrier, too).
 */
__device__ static __forceinline__ void copy_async(void *shared, const void *global, int bytes)
{
    uint32_t at = (uint32_t)__cvta_generic_to_shared(shared);
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(at), "l"(__cvta_generic_to_global(global)), "r"(bytes)
                 : "memory");
}

__device__ static __forceinline__ void copy_async_commit(void)
{
    asm volatile("cp.async.commit_group;" : : : "memory");
}

#define copy_async_wait(n) asm volatile("cp.async.wait_group %0;" : : "n"(n) : "memory")

#else
#include <emu_mma.h>
#endif

/* Two floats as a register of bf16 or fp16, to nearest even: the first in the low half. */
__device__ static __forceinline__ uint32_t pack_bf16(float low, float high)
{
    __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    uint32_t bits;
    memcpy(&bits, &pair, sizeof bits);
    return bits;
}

__device__ static __forceinline__ uint32_t pack_half(float low, float high)
{
    __half2 pair = __floats2half2_rn(low, high);
    uint32_t bits;
    memcpy(&bits, &pair, sizeof bits);
    return bits;
}

#endif
