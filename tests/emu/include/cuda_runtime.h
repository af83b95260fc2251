/*
 * The part of CUDA's runtime that core/device/cuda uses, for the host's compiler: a test double.
 * Names, types and meanings are CUDA's; tests/emu/README.md says what is checked and what is not.
 */
#ifndef EMU_CUDA_RUNTIME_H
#define EMU_CUDA_RUNTIME_H

#include <functional>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tuple>
#include <type_traits>

#define CUDART_VERSION 13000

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

/* Blocks run one after another, so one copy serves. Under ASan it has red zones; without, it is
 * filled with not-a-number before every block. */
#ifdef __SANITIZE_ADDRESS__
#define __shared__ static
#else
#define __shared__ static __attribute__((section("emu_shared")))
#endif

/* ---- types ---- */

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_)
    {
    }
};

#define EMU_VECTORS(type, name, alignment2, alignment4)                                            \
    struct __align__(alignment2) name##2                                                           \
    {                                                                                              \
        type x, y;                                                                                 \
    };                                                                                             \
    struct __align__(alignment4) name##4                                                           \
    {                                                                                              \
        type x, y, z, w;                                                                           \
    };                                                                                             \
    static inline name##2 make_##name##2(type x, type y)                                           \
    {                                                                                              \
        return name##2 {x, y};                                                                     \
    }                                                                                              \
    static inline name##4 make_##name##4(type x, type y, type z, type w)                           \
    {                                                                                              \
        return name##4 {x, y, z, w};                                                               \
    }

EMU_VECTORS(float, float, 8, 16)
EMU_VECTORS(int, int, 8, 16)
EMU_VECTORS(unsigned, uint, 8, 16)
EMU_VECTORS(unsigned short, ushort, 4, 8)
EMU_VECTORS(unsigned char, uchar, 2, 4)

/* CUDA's numbers. */
enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorInsufficientDriver = 35,
    cudaErrorDevicesUnavailable = 46,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorNoKernelImageForDevice = 209,
    cudaErrorECCUncorrectable = 214,
    cudaErrorInvalidResourceHandle = 400,
    cudaErrorNotReady = 600,
    cudaErrorIllegalAddress = 700,
    cudaErrorLaunchOutOfResources = 701,
    cudaErrorLaunchTimeout = 702,
    cudaErrorHardwareStackError = 714,
    cudaErrorLaunchFailure = 719,
    cudaErrorSystemDriverMismatch = 803,
    cudaErrorStreamCaptureUnsupported = 900,
    cudaErrorStreamCaptureInvalidated = 901,
    cudaErrorUnknown = 999,
};

enum cudaMemcpyKind {
    cudaMemcpyHostToHost,
    cudaMemcpyHostToDevice,
    cudaMemcpyDeviceToHost,
    cudaMemcpyDeviceToDevice,
    cudaMemcpyDefault
};

enum cudaDeviceAttr {
    cudaDevAttrMultiProcessorCount = 16,
    cudaDevAttrEccEnabled = 32,
    cudaDevAttrComputeCapabilityMajor = 75,
    cudaDevAttrComputeCapabilityMinor = 76,
    cudaDevAttrMaxSharedMemoryPerBlockOptin = 97,
};

enum cudaFuncAttribute {
    cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
    cudaFuncAttributePreferredSharedMemoryCarveout = 9
};

enum cudaStreamCaptureMode {
    cudaStreamCaptureModeGlobal,
    cudaStreamCaptureModeThreadLocal,
    cudaStreamCaptureModeRelaxed
};

enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2, cudaHostAllocDefault = 0 };

typedef struct emu_stream *cudaStream_t;
typedef struct emu_event *cudaEvent_t;
typedef struct emu_graph *cudaGraph_t;
typedef struct emu_graph_exec *cudaGraphExec_t;

struct cudaDeviceProp {
    char name[256];
    size_t totalGlobalMem;
    int major, minor;
    int multiProcessorCount;
    int ECCEnabled;
    size_t sharedMemPerBlockOptin;
};

struct cudaLaunchAttribute {
    int id;
};

struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    size_t dynamicSmemBytes;
    cudaStream_t stream;
    cudaLaunchAttribute *attrs;
    unsigned numAttrs;
};

/* ---- the host's side: runtime.cpp ---- */

cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDevice(int *device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int device);
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaGetLastError(void);
const char *cudaGetErrorName(cudaError_t error);
const char *cudaGetErrorString(cudaError_t error);

cudaError_t cudaMalloc(void **block, size_t bytes);
cudaError_t cudaFree(void *block);
cudaError_t cudaMallocHost(void **block, size_t bytes);
cudaError_t cudaFreeHost(void *block);
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t s);
cudaError_t cudaMemsetAsync(void *block, int value, size_t bytes, cudaStream_t s);

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t s);
cudaError_t cudaStreamSynchronize(cudaStream_t s);
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t event, unsigned flags);
cudaError_t cudaDeviceSynchronize(void);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventCreate(cudaEvent_t *event);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t s);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventQuery(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to);

cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
                                 unsigned long long flags = 0);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t s);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);

cudaError_t emu_function_attribute(const void *kernel, cudaFuncAttribute attribute, int value);

template <class F>
cudaError_t cudaFuncSetAttribute(F *kernel, cudaFuncAttribute attribute, int value)
{
    return emu_function_attribute((const void *)kernel, attribute, value);
}

/* Queue a kernel, or note it in the graph that is being captured. */
cudaError_t emu_launch(const cudaLaunchConfig_t *config, const void *kernel,
                       std::function<void()> thread);

/* Work of a library (cuBLASLt) in stream order. */
cudaError_t emu_enqueue(cudaStream_t s, std::function<void()> work);

/* A pointer that a kernel may not follow ends the program with a message. */
void emu_check_pointer(const void *p, const void *kernel);

template <class T> void emu_check_argument(T value, const void *kernel)
{
    if constexpr (std::is_pointer<T>::value)
        emu_check_pointer((const void *)value, kernel);
    (void)value;
    (void)kernel;
}

/* As CUDA's: arguments are converted to the kernel's types and copied now. */
template <class... P, class... A>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(P...), A &&...args)
{
    std::tuple<typename std::decay<P>::type...> values(
        static_cast<typename std::decay<P>::type>(args)...);
    std::apply([&](auto... value) { (emu_check_argument(value, (const void *)kernel), ...); },
               values);
    return emu_launch(config, (const void *)kernel, [=] { std::apply(kernel, values); });
}

/* ---- the device's side: block.cpp ---- */

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
static const int warpSize = 32;

void emu_syncthreads(const char *file, int line);
#define __syncthreads() emu_syncthreads(__FILE__, __LINE__)

int emu_syncthreads_or(const char *file, int line, int predicate);
#define __syncthreads_or(predicate) emu_syncthreads_or(__FILE__, __LINE__, predicate)

/* The dynamic shared memory of the running block. */
void *emu_shared(void);

/*
 * What the lanes of a warp do together: each of `mask` comes with its own `data`, the last to come
 * runs together(data of each lane, mask), then all go on.
 */
void emu_warp(unsigned mask, const void *what, void (*together)(void **data, unsigned mask),
              void *data);

struct emu_exchange {
    uint64_t value;
    int source; // lane
    bool vote;
    uint64_t got;
};

void emu_shuffle(void **data, unsigned mask);
void emu_ballot(void **data, unsigned mask);
void emu_nothing(void **data, unsigned mask);
int emu_lane(void);

template <class T> T emu_shuffle_from(unsigned mask, T value, int source)
{
    static_assert(sizeof(T) <= 8, "4 or 8 bytes");
    emu_exchange x = {};
    memcpy(&x.value, &value, sizeof value);
    x.source = source;
    emu_warp(mask, (const void *)emu_shuffle, emu_shuffle, &x);
    memcpy(&value, &x.got, sizeof value);
    return value;
}

template <class T> T __shfl_sync(unsigned mask, T value, int source, int width = 32)
{
    int lane = emu_lane();
    return emu_shuffle_from(mask, value, (lane & ~(width - 1)) + (source & (width - 1)));
}

template <class T> T __shfl_xor_sync(unsigned mask, T value, int flip, int width = 32)
{
    int lane = emu_lane(), from = lane ^ flip;
    return emu_shuffle_from(mask, value, from / width > lane / width ? lane : from);
}

template <class T> T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32)
{
    int lane = emu_lane();
    bool inside = (lane & (width - 1)) + (int)by < width;
    return emu_shuffle_from(mask, value, inside ? lane + (int)by : lane);
}

template <class T> T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32)
{
    int lane = emu_lane();
    bool inside = (lane & (width - 1)) >= (int)by;
    return emu_shuffle_from(mask, value, inside ? lane - (int)by : lane);
}

static inline unsigned __ballot_sync(unsigned mask, int predicate)
{
    emu_exchange x = {};
    x.vote = predicate != 0;
    emu_warp(mask, (const void *)emu_ballot, emu_ballot, &x);
    return (unsigned)x.got;
}

static inline int __any_sync(unsigned mask, int predicate)
{
    return __ballot_sync(mask, predicate) != 0;
}

static inline int __all_sync(unsigned mask, int predicate)
{
    return __ballot_sync(mask, predicate) == mask;
}

static inline void __syncwarp(unsigned mask = 0xffffffff)
{
    emu_warp(mask, (const void *)emu_nothing, emu_nothing, NULL);
}

static inline void __threadfence(void)
{
}

template <class T> static inline T __ldg(const T *p)
{
    return *p;
}

static inline unsigned __float_as_uint(float x)
{
    unsigned bits;
    memcpy(&bits, &x, 4);
    return bits;
}

static inline float __uint_as_float(unsigned bits)
{
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

static inline int __float_as_int(float x)
{
    return (int)__float_as_uint(x);
}

static inline float __int_as_float(int bits)
{
    return __uint_as_float((unsigned)bits);
}

static inline int __popc(unsigned x)
{
    return __builtin_popcount(x);
}

static inline int __ffs(int x)
{
    return __builtin_ffs(x);
}

static inline int __clz(int x)
{
    return x ? __builtin_clz((unsigned)x) : 32;
}

static inline float rsqrtf(float x)
{
    return 1.0f / sqrtf(x);
}

#define __expf expf // the C library has a function of that name

static inline float __fdividef(float x, float y)
{
    return x / y;
}

/* Without contraction to a fused multiply-add, as the names say. */
static inline float __fmul_rn(float x, float y)
{
    return x * y;
}

static inline float __fadd_rn(float x, float y)
{
    return x + y;
}

static inline float __fmaf_rn(float x, float y, float z)
{
    return fmaf(x, y, z);
}

static inline double __dmul_rn(double x, double y)
{
    return x * y;
}

static inline double __dadd_rn(double x, double y)
{
    return x + y;
}

#define EMU_LEAST_AND_MOST(type)                                                                   \
    static inline type min(type a, type b)                                                         \
    {                                                                                              \
        return b < a ? b : a;                                                                      \
    }                                                                                              \
    static inline type max(type a, type b)                                                         \
    {                                                                                              \
        return a < b ? b : a;                                                                      \
    }

EMU_LEAST_AND_MOST(int)
EMU_LEAST_AND_MOST(unsigned)
EMU_LEAST_AND_MOST(long)
EMU_LEAST_AND_MOST(unsigned long)

#endif
