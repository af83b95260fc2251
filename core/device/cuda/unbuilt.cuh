/* Operations that the table names and nobody has written: each fails with its name. */
#ifndef PROMPTGRID_DEVICE_CUDA_UNBUILT_CUH
#define PROMPTGRID_DEVICE_CUDA_UNBUILT_CUH

#include "core/device/cuda/cuda.cuh"

// clang-format off
#define UNBUILT_OPERATIONS(X) \
    X(CONV_NEW) \
    X(CONV_FREE) \
    X(CONV_FWD) \
    X(AVGPOOL)
// clang-format on

#define UNBUILT_ENUM(name) name,
#define UNBUILT_TEXT(name) #name,
enum unbuilt_operation { UNBUILT_OPERATIONS(UNBUILT_ENUM) };
static const char *const unbuilt_names[] = {UNBUILT_OPERATIONS(UNBUILT_TEXT)};

template <enum unbuilt_operation what, class R, class... P> R unbuilt(struct device *d, P...)
{
    struct cuda *c = cuda_of(d);
    if (!c->error.code)
        err_set(&c->error, ERR_SYS, "not built yet: %s", unbuilt_names[what]);
    return R();
}

#endif
