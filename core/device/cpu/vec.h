/*
 * Sixteen floats at a time, by the compiler's vector extension: written once, compiled for each
 * instruction set that CPU_CLONES names and chosen when the program starts.
 *
 * Sums run in 16 lanes and are folded in a fixed order, so a result depends on its inputs only.
 */
#ifndef PROMPTGRID_DEVICE_CPU_VEC_H
#define PROMPTGRID_DEVICE_CPU_VEC_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define CPU_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else // the thread sanitizer cannot start programs whose functions are chosen at load time
#define CPU_CLONES
#endif
#define VEC_INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };
typedef float vec __attribute__((vector_size(64)));
typedef int32_t veci __attribute__((vector_size(64)));
typedef float vec_unaligned __attribute__((vector_size(64), aligned(4), may_alias));

VEC_INLINE vec vec_load(const float *p)
{
    return *(const vec_unaligned *)p;
}

VEC_INLINE void vec_store(float *p, vec x)
{
    *(vec_unaligned *)p = x;
}

VEC_INLINE vec vec_all(float x)
{
    return (vec){0} + x;
}

/* a where the mask's lane is all ones, b where it is zero */
VEC_INLINE vec vec_select(veci mask, vec a, vec b)
{
    return (vec)((mask & (veci)a) | (~mask & (veci)b));
}

VEC_INLINE float vec_sum(vec x)
{
    float lane[LANES], sum = 0;
    vec_store(lane, x);
    for (int i = 0; i < 8; i++)
        lane[i] += lane[i + 8];
    for (int i = 0; i < 4; i++)
        sum += lane[i] + lane[i + 4];
    return sum;
}

VEC_INLINE float vec_max(vec x)
{
    float lane[LANES];
    vec_store(lane, x);
    float max = lane[0];
    for (int i = 1; i < LANES; i++)
        max = lane[i] > max ? lane[i] : max;
    return max;
}

/*
 * e^x within 2 units in the last place for -87 <= x <= 88; outside, the value at the bound. x = n
 * ln 2 + r, |r| <= ln 2 / 2; e^r by its Taylor series to r^7.
 */
VEC_INLINE vec vec_exp(vec x)
{
    const float magic = 12582912.0f; // 1.5 * 2^23: adding it rounds to an integer
    x = vec_select(x < -87.0f, vec_all(-87.0f), x);
    x = vec_select(x > 88.0f, vec_all(88.0f), x);
    vec n = (x * 1.44269504f + magic) - magic;
    vec r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    vec p = vec_all(1.0f / 5040);
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    veci bits = (__builtin_convertvector(n, veci) + 127) << 23;
    return p * (vec)bits;
}

#endif
