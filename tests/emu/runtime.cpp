/*
 * Devices, streams, events and graphs. Work is queued with its arguments copied, and runs when
 * somebody waits for it: what still belongs to the host by then, or was freed, shows. A graph keeps
 * the same copies and runs them again.
 */
#include "runtime.h"

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <vector>

typedef std::function<void()> work;

struct emu_graph {
    std::vector<work> steps;
};

struct emu_graph_exec {
    std::vector<work> steps;
};

struct emu_stream {
    std::deque<work> queue;
    emu_graph *capture; // being recorded, or NULL
    bool invalid;       // the capture was broken
    bool first;         // no other was there when it was made
};

struct emu_event {
    emu_stream *stream;    // of the last record
    long recorded, passed; // records that were called, and those that have been reached
    double time;
};

static std::recursive_mutex lock;
static std::set<emu_stream *> streams;
static std::map<const void *, int> dynamic_shared; // limits that kernels asked for
static int device;
static cudaError_t last;

/* ---- the device ---- */

static long number(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtol(text, NULL, 10) : otherwise;
}

const struct emu_settings *emu_device(void)
{
    static struct emu_settings s; // read again each time: a test may change them
    s.devices = (int)number("EMU_DEVICES", 1);
    s.memory = (size_t)number("EMU_MEMORY_MB", 8192) << 20;
    s.driver = (int)number("EMU_DRIVER", CUDART_VERSION);
    s.blocking = number("CUDA_LAUNCH_BLOCKING", 0) != 0;
    s.eager = number("EMU_EAGER", 0) != 0;
    s.minor = (int)number("EMU_CAPABILITY", 90);
    s.major = s.minor / 10;
    s.minor %= 10;
    return &s;
}

static cudaError_t no_driver(void)
{
    return emu_device()->driver < CUDART_VERSION / 1000 * 1000 ? cudaErrorInsufficientDriver
           : emu_device()->devices == 0                        ? cudaErrorNoDevice
                                                               : cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count)
{
    if (no_driver())
        return last = no_driver(); // the count stays as it was
    *count = emu_device()->devices;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int index)
{
    if (no_driver())
        return last = no_driver();
    if (index < 0 || index >= emu_device()->devices)
        return last = cudaErrorInvalidDevice;
    device = index;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int *index)
{
    *index = device;
    return no_driver();
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int index)
{
    if (no_driver())
        return last = no_driver();
    if (index < 0 || index >= emu_device()->devices)
        return last = cudaErrorInvalidDevice;
    *p = cudaDeviceProp{};
    snprintf(p->name, sizeof p->name, "emulated GPU");
    p->totalGlobalMem = emu_device()->memory;
    p->major = emu_device()->major;
    p->minor = emu_device()->minor;
    p->multiProcessorCount = 4;
    p->ECCEnabled = 1;
    p->sharedMemPerBlockOptin = p->major == 8 && p->minor ? 99 << 10
                                : p->major == 8           ? 163 << 10
                                                          : 227 << 10;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int index)
{
    cudaDeviceProp p;
    cudaError_t status = cudaGetDeviceProperties(&p, index);
    if (status)
        return status;
    switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
        *value = p.multiProcessorCount;
        return cudaSuccess;
    case cudaDevAttrEccEnabled:
        *value = p.ECCEnabled;
        return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
        *value = p.major;
        return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
        *value = p.minor;
        return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        *value = (int)p.sharedMemPerBlockOptin;
        return cudaSuccess;
    }
    return cudaErrorInvalidValue;
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = emu_device()->driver;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaGetLastError(void)
{
    cudaError_t was = last;
    last = cudaSuccess;
    return was;
}

static const struct {
    cudaError_t error;
    const char *name, *text;
} errors[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
     "invalid configuration argument"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorDevicesUnavailable, "cudaErrorDevicesUnavailable",
     "CUDA-capable device(s) is/are busy or unavailable"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorNoKernelImageForDevice, "cudaErrorNoKernelImageForDevice",
     "no kernel image is available for execution on the device"},
    {cudaErrorECCUncorrectable, "cudaErrorECCUncorrectable", "uncorrectable ECC error encountered"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress",
     "an illegal memory access was encountered"},
    {cudaErrorLaunchOutOfResources, "cudaErrorLaunchOutOfResources",
     "too many resources requested for launch"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "operation failed due to a previous error during capture"},
};

const char *cudaGetErrorName(cudaError_t error)
{
    for (const auto &e : errors)
        if (e.error == error)
            return e.name;
    return "cudaErrorUnknown";
}

const char *cudaGetErrorString(cudaError_t error)
{
    for (const auto &e : errors)
        if (e.error == error)
            return e.text;
    return "unknown error";
}

/* ---- streams ---- */

static void run(emu_stream *s, size_t left)
{
    std::lock_guard<std::recursive_mutex> hold(lock);
    if (s->queue.size() <= left)
        return;
    emu_memory_open(true);
    while (s->queue.size() > left) {
        work next = std::move(s->queue.front());
        s->queue.pop_front();
        next();
    }
    emu_memory_open(false);
}

void emu_drain(void)
{
    std::lock_guard<std::recursive_mutex> hold(lock);
    for (emu_stream *s : streams)
        run(s, 0);
}

static bool capturing(void)
{
    for (emu_stream *s : streams)
        if (s->capture)
            return s->invalid = true;
    return false;
}

cudaError_t emu_enqueue(cudaStream_t s, work w)
{
    std::lock_guard<std::recursive_mutex> hold(lock);
    if (!streams.count(s))
        return last = cudaErrorInvalidResourceHandle;
    if (s->capture)
        s->capture->steps.push_back(std::move(w));
    else
        s->queue.push_back(std::move(w));
    const struct emu_settings *now = emu_device();
    if ((now->blocking || (now->eager && !s->first)) && !s->capture)
        run(s, 0);
    return cudaSuccess;
}

cudaError_t emu_launch(const cudaLaunchConfig_t *config, const void *kernel, work thread)
{
    const dim3 g = config->gridDim, b = config->blockDim;
    const size_t shared = config->dynamicSmemBytes, threads = (size_t)b.x * b.y * b.z;
    auto asked = dynamic_shared.find(kernel);
    size_t limit = asked == dynamic_shared.end() ? 48 << 10 : (size_t)asked->second;
    if (!g.x || !g.y || !g.z || g.x > 0x7fffffff || g.y > 65535 || g.z > 65535 || !threads ||
        threads > 1024 || b.z > 64)
        return last = cudaErrorInvalidConfiguration;
    if (shared > limit)
        return last = cudaErrorInvalidValue;
    return emu_enqueue(config->stream, [=] { emu_run(g, b, shared, thread); });
}

cudaError_t emu_function_attribute(const void *kernel, cudaFuncAttribute attribute, int value)
{
    cudaDeviceProp p;
    cudaError_t status = cudaGetDeviceProperties(&p, device);
    if (status || attribute != cudaFuncAttributeMaxDynamicSharedMemorySize)
        return status;
    if (value < 0 || (size_t)value > p.sharedMemPerBlockOptin)
        return last = cudaErrorInvalidValue;
    dynamic_shared[kernel] = value;
    return cudaSuccess;
}

void emu_check_pointer(const void *p, const void *kernel)
{
    if (p && !emu_on_device(p, 1)) {
        fprintf(stderr, "emu: the kernel at %p gets %p, which is not device memory\n", kernel, p);
        abort();
    }
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned flags)
{
    (void)flags;
    if (no_driver())
        return last = no_driver();
    std::lock_guard<std::recursive_mutex> hold(lock);
    *s = new emu_stream();
    (*s)->first = streams.empty();
    streams.insert(*s);
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
    std::lock_guard<std::recursive_mutex> hold(lock);
    if (!streams.count(s))
        return last = cudaErrorInvalidResourceHandle;
    run(s, 0);
    streams.erase(s);
    delete s->capture;
    delete s;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
    std::lock_guard<std::recursive_mutex> hold(lock);
    if (!streams.count(s))
        return last = cudaErrorInvalidResourceHandle;
    if (s->capture) {
        s->invalid = true;
        return last = cudaErrorStreamCaptureUnsupported;
    }
    run(s, 0);
    return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize(void)
{
    if (capturing())
        return last = cudaErrorStreamCaptureUnsupported;
    emu_drain();
    return cudaSuccess;
}

/* ---- events ---- */

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
    (void)flags;
    *event = new emu_event();
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    return cudaEventCreateWithFlags(event, 0);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    emu_drain();
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t s)
{
    event->stream = s;
    event->recorded++;
    return emu_enqueue(s, [=] {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        event->time = (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
        event->passed++;
    });
}

/* Run the stream of a record until it is reached; later records of the same event do not count. */
static void reach(emu_event *event, emu_stream *s, long record)
{
    std::lock_guard<std::recursive_mutex> hold(lock);
    while (event->passed < record && !s->queue.empty())
        run(s, s->queue.size() - 1);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    reach(event, event->stream, event->recorded);
    return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    return cudaEventSynchronize(event);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t event, unsigned flags)
{
    (void)flags;
    emu_stream *of = event->stream;
    const long record = event->recorded;
    return emu_enqueue(s, [=] { reach(event, of, record); });
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
    if (from->passed < from->recorded || to->passed < to->recorded)
        return cudaErrorNotReady;
    *ms = (float)(to->time - from->time);
    return cudaSuccess;
}

/* ---- graphs ---- */

cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode mode)
{
    (void)mode;
    if (!streams.count(s) || s->capture)
        return last = cudaErrorInvalidResourceHandle;
    s->capture = new emu_graph();
    s->invalid = false;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *graph)
{
    *graph = NULL;
    if (!streams.count(s) || !s->capture)
        return last = cudaErrorInvalidResourceHandle;
    emu_graph *done = s->capture;
    s->capture = NULL;
    if (s->invalid) {
        delete done;
        return last = cudaErrorStreamCaptureInvalidated;
    }
    *graph = done;
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags)
{
    (void)flags;
    *exec = new emu_graph_exec();
    (*exec)->steps = graph->steps;
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t s)
{
    return emu_enqueue(s, [=] {
        for (const work &step : exec->steps)
            step();
    });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    emu_drain();
    delete exec;
    return cudaSuccess;
}
