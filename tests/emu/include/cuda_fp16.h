/* CUDA's fp16, on the host: see cuda_runtime.h. */
#ifndef EMU_CUDA_FP16_H
#define EMU_CUDA_FP16_H

#include "cuda_runtime.h"

struct __half {
    _Float16 value;
};

struct __align__(4) __half2
{
    __half x, y;
};

static inline __half __float2half_rn(float x)
{
    return __half{(_Float16)x};
}

static inline float __half2float(__half x)
{
    return (float)x.value;
}

static inline __half2 __floats2half2_rn(float x, float y)
{
    return __half2{__float2half_rn(x), __float2half_rn(y)};
}

static inline float2 __half22float2(__half2 x)
{
    return make_float2(__half2float(x.x), __half2float(x.y));
}

#endif
