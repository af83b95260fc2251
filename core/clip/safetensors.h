/*
 * The safetensors container: u64 header length, JSON header, raw little-endian tensors.
 *
 * Reading checks everything before a byte is used: header length against the file, JSON, dtypes,
 * shape x dtype = bytes, offsets in range, no overlap, no gap. Errors name file, tensor, found,
 * expected.
 */
#ifndef PROMPTGRID_CLIP_SAFETENSORS_H
#define PROMPTGRID_CLIP_SAFETENSORS_H

#include "core/base/err.h"
#include "core/base/fs.h"

#include <jansson.h>
#include <stddef.h>

enum dtype { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_F64, DTYPE_I64, DTYPE_I32, DTYPE_OTHER };

enum { TENSOR_MAX_DIMS = 8 };

struct tensor {
    const char *name; // borrowed from the file's header
    enum dtype dtype;
    int dims;
    size_t shape[TENSOR_MAX_DIMS];
    size_t count;     // elements
    const void *data; // borrowed from the map
};

struct safetensors {
    char *path;
    struct fs_map map;
    json_t *header;
    struct tensor *tensors; // sorted by name
    size_t n;
};

int safetensors_open(struct safetensors *s, const char *path, struct err *e);
void safetensors_close(struct safetensors *s);

const struct tensor *safetensors_find(const struct safetensors *s, const char *name); // or NULL

/* Tensor `name` of exactly the shape dims x shape, widened to float32; *out is yours to free(). */
int safetensors_floats(const struct safetensors *s, const char *name, int dims, const size_t *shape,
                       float **out, struct err *e);

/* `n` elements from `first` on of a floating-point tensor, widened: rows of an embedding on demand.
 */
void safetensors_slice(const struct tensor *t, size_t first, size_t n, float *out);

/* Tell the system that the mapped pages are not needed for now; they stay readable. */
void safetensors_rest(const struct safetensors *s);

/* A tensor to write; float32 unless its dtype says otherwise. */
struct tensor_out {
    const char *name;
    int dims;
    size_t shape[TENSOR_MAX_DIMS];
    const void *data;
    enum dtype dtype; // not DTYPE_OTHER
};

/* Tensors in the order given; `metadata` is an object of strings or NULL. The same arguments give
 * the same bytes. Written under a temporary name, then renamed. */
int safetensors_write(const char *path, const struct tensor_out *tensors, size_t n,
                      const json_t *metadata, struct err *e);

/* "F16"; bytes of one element. Not of DTYPE_OTHER. */
const char *dtype_name(enum dtype dtype);
size_t dtype_bytes(enum dtype dtype);

/* Half precision to float32, exact. */
float dtype_from_f16(unsigned short bits);

#endif
