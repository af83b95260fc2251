/* The list: see pickle_globals.h. Nothing here is ever called; a row says what a call would give.
 */
#include "core/clip/pickle_globals.h"

#include "core/base/str.h"

#include <stdbool.h>

static const struct global globals[] = {
    {"torch", "FloatStorage", USE_STORAGE, DTYPE_F32, 4},
    {"torch", "HalfStorage", USE_STORAGE, DTYPE_F16, 2},
    {"torch", "BFloat16Storage", USE_STORAGE, DTYPE_BF16, 2},
    {"torch", "DoubleStorage", USE_STORAGE, DTYPE_F64, 8},
    {"torch", "LongStorage", USE_STORAGE, DTYPE_I64, 8},
    {"torch", "IntStorage", USE_STORAGE, DTYPE_I32, 4},
    {"torch", "ShortStorage", USE_STORAGE, DTYPE_OTHER, 2},
    {"torch", "CharStorage", USE_STORAGE, DTYPE_OTHER, 1},
    {"torch", "ByteStorage", USE_STORAGE, DTYPE_OTHER, 1},
    {"torch", "BoolStorage", USE_STORAGE, DTYPE_OTHER, 1},
    {"torch._utils", "_rebuild_tensor_v2", USE_TENSOR, 0, 0},
    {"torch._utils", "_rebuild_tensor", USE_TENSOR, 0, 0},
    {"torch._utils", "_rebuild_parameter", USE_FIRST, 0, 0},
    {"torch.jit._pickle", "build_intlist", USE_FIRST, 0, 0},
    {"torch.jit._pickle", "build_doublelist", USE_FIRST, 0, 0},
    {"torch.jit._pickle", "build_boollist", USE_FIRST, 0, 0},
    {"torch.jit._pickle", "build_tensorlist", USE_FIRST, 0, 0},
    {"torch.jit._pickle", "restore_type_tag", USE_FIRST, 0, 0},
    {"collections", "OrderedDict", USE_DICT, 0, 0},
    {"collections", "defaultdict", USE_DICT, 0, 0},
    {"__builtin__", "dict", USE_DICT, 0, 0},
    {"builtins", "dict", USE_DICT, 0, 0},
    {"__torch__", "*", USE_CLASS, 0, 0},  // TorchScript's own classes
    {"__torch__.", "*", USE_CLASS, 0, 0}, // the same, of some module
    {"torch.optim.", "*", USE_CLASS, 0, 0},
    {"torch", "Size", USE_OPAQUE, 0, 0},
    {"torch", "device", USE_OPAQUE, 0, 0},
    {"numpy", "dtype", USE_OPAQUE, 0, 0},
    {"numpy.core.multiarray", "scalar", USE_OPAQUE, 0, 0},
    {"_codecs", "encode", USE_OPAQUE, 0, 0},
};

static bool matches(const struct global *g, const char *module, const char *name)
{
    return (str_ends(g->module, ".") ? str_starts(module, g->module) : str_eq(module, g->module)) &&
           (str_eq(g->name, "*") || str_eq(name, g->name));
}

const struct global *global_find(const char *module, const char *name)
{
    for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++)
        if (matches(&globals[i], module, name))
            return &globals[i];
    return NULL;
}
