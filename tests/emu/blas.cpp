/*
 * cuBLASLt by oneDNN. What a GPU would leave undefined ends the program: an address less aligned
 * than the algorithm was chosen for, operands of another shape, memory that is not the device's.
 */
#include "runtime.h"

#include "cublasLt.h"
#include "cuda_bf16.h"

#include <stdio.h>
#include <stdlib.h>
#include <vector>

extern "C" void cpu_sgemm(char transa, char transb, int M, int N, int K, float alpha,
                          const float *a, int lda, const float *b, int ldb, float *c, int ldc);

struct emu_blas {
    int unused;
};

struct emu_operation {
    bool transa, transb;
    bool has_bias, relu;
    const float *bias;
};

struct emu_layout {
    cudaDataType_t type;
    int rows, columns, ld;
};

struct emu_preference {
    size_t workspace;
    uint32_t schemes, a, b, c, d; // alignments
};

/* What the algorithm was chosen for. */
struct choice {
    uint32_t a, b, d;
    int m, n, k;
    size_t workspace;
};
static_assert(sizeof(struct choice) <= sizeof(cublasLtMatmulAlgo_t), "fits");

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle)
{
    *handle = new emu_blas();
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle)
{
    emu_drain();
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}

size_t cublasLtGetVersion(void)
{
    return 130000;
}

const char *cublasLtGetStatusName(cublasStatus_t status)
{
    switch (status) {
    case CUBLAS_STATUS_SUCCESS:
        return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
        return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
        return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
        return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED:
        return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_NOT_SUPPORTED:
        return "CUBLAS_STATUS_NOT_SUPPORTED";
    }
    return "unknown";
}

/* ---- descriptors ---- */

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *operation, cublasComputeType_t type,
                                        cudaDataType_t scale)
{
    (void)type; // TF32 may be as exact as fp32
    if (scale != CUDA_R_32F)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    *operation = new emu_operation();
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t operation)
{
    delete operation;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t operation,
                                              cublasLtMatmulDescAttributes_t what,
                                              const void *value, size_t size)
{
    if (size != (what == CUBLASLT_MATMUL_DESC_BIAS_POINTER ? 8 : 4))
        return CUBLAS_STATUS_INVALID_VALUE;
    switch (what) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
        operation->transa = *(const int32_t *)value == CUBLAS_OP_T;
        break;
    case CUBLASLT_MATMUL_DESC_TRANSB:
        operation->transb = *(const int32_t *)value == CUBLAS_OP_T;
        break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
        operation->relu = *(const uint32_t *)value == CUBLASLT_EPILOGUE_RELU_BIAS;
        operation->has_bias = operation->relu || *(const uint32_t *)value == CUBLASLT_EPILOGUE_BIAS;
        break;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
        operation->bias = *(const float *const *)value;
        break;
    }
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType_t type,
                                          uint64_t rows, uint64_t columns, int64_t ld)
{
    if (ld < (int64_t)rows)
        return CUBLAS_STATUS_INVALID_VALUE;
    *layout = new emu_layout{type, (int)rows, (int)columns, (int)ld};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout)
{
    delete layout;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference)
{
    *preference = new emu_preference{0, 7, 256, 256, 256, 256};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference)
{
    delete preference;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t what,
                                                    const void *value, size_t size)
{
    if (size != (what == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES ? 8 : 4))
        return CUBLAS_STATUS_INVALID_VALUE;
    switch (what) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
        preference->workspace = *(const uint64_t *)value;
        break;
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
        preference->schemes = *(const uint32_t *)value;
        break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
        preference->a = *(const uint32_t *)value;
        break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
        preference->b = *(const uint32_t *)value;
        break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
        preference->c = *(const uint32_t *)value;
        break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
        preference->d = *(const uint32_t *)value;
        break;
    }
    return CUBLAS_STATUS_SUCCESS;
}

/* ---- products ---- */

/* The shape, or false where the operands do not fit together. */
static bool shape(const emu_operation *o, const emu_layout *a, const emu_layout *b,
                  const emu_layout *d, int *m, int *n, int *k)
{
    *m = d->rows;
    *n = d->columns;
    *k = o->transa ? a->rows : a->columns;
    return (o->transa ? a->columns : a->rows) == *m && (o->transb ? b->rows : b->columns) == *n &&
           (o->transb ? b->columns : b->rows) == *k && a->type == b->type &&
           (a->type == CUDA_R_32F
                ? d->type == CUDA_R_32F
                : a->type == CUDA_R_16BF && (d->type == CUDA_R_32F || d->type == CUDA_R_16BF));
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle,
                                              cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int most,
                                              cublasLtMatmulHeuristicResult_t results[], int *found)
{
    (void)c;
    *found = 0;
    if (!handle || most < 1)
        return CUBLAS_STATUS_INVALID_VALUE;
    struct choice choice = {preference->a, preference->b, preference->d, 0, 0, 0, 0};
    if (!shape(operation, a, b, d, &choice.m, &choice.n, &choice.k))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    // bf16 products on tensor cores want 16-byte rows; so does the bias.
    if (a->type == CUDA_R_16BF &&
        (a->ld % 8 || b->ld % 8 || preference->a < 16 || preference->b < 16))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    // The bias has the result's type; ours is fp32.
    if (operation->has_bias &&
        (!operation->bias || (uintptr_t)operation->bias % 16 || d->type != CUDA_R_32F))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    choice.workspace = preference->workspace / 2;
    results[0] = cublasLtMatmulHeuristicResult_t{};
    memcpy(&results[0].algo, &choice, sizeof choice);
    results[0].workspaceSize = choice.workspace;
    *found = 1;
    return CUBLAS_STATUS_SUCCESS;
}

/* An operand's elements as floats, those that the layout names. */
static const float *widen(std::vector<float> &room, const void *from, const emu_layout &layout)
{
    if (layout.type == CUDA_R_32F)
        return (const float *)from;
    const unsigned short *x = (const unsigned short *)from;
    room.assign((size_t)layout.ld * (size_t)layout.columns, 0);
    for (int column = 0; column < layout.columns; column++)
        for (int row = 0; row < layout.rows; row++) {
            size_t at = (size_t)column * (size_t)layout.ld + (size_t)row;
            room[at] = __uint_as_float((unsigned)x[at] << 16);
        }
    return room.data();
}

static void check_operand(const void *p, const emu_layout *layout, uint32_t alignment,
                          const char *name)
{
    size_t element = layout->type == CUDA_R_32F ? 4 : 2;
    size_t bytes =
        ((size_t)layout->ld * (size_t)(layout->columns - 1) + (size_t)layout->rows) * element;
    if (!emu_on_device(p, bytes) || (uintptr_t)p % alignment) {
        fprintf(stderr,
                "emu: cublasLtMatmul: %s at %p, %zu bytes: outside device memory, or not aligned "
                "to %u\n",
                name, p, bytes, alignment);
        abort();
    }
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation,
                              const void *alpha, const void *A, cublasLtMatrixLayout_t a,
                              const void *B, cublasLtMatrixLayout_t b, const void *beta,
                              const void *C, cublasLtMatrixLayout_t c, void *D,
                              cublasLtMatrixLayout_t d, const cublasLtMatmulAlgo_t *algorithm,
                              void *workspace, size_t bytes, cudaStream_t stream)
{
    struct choice choice;
    int m, n, k;
    memcpy(&choice, algorithm, sizeof choice);
    if (!handle || !shape(operation, a, b, d, &m, &n, &k) || m != choice.m || n != choice.n ||
        k != choice.k || C != D || c != d || bytes < choice.workspace ||
        (bytes && !emu_on_device(workspace, bytes)))
        return CUBLAS_STATUS_INVALID_VALUE;
    check_operand(A, a, choice.a, "A");
    check_operand(B, b, choice.b, "B");
    check_operand(D, d, choice.d, "D");
    const emu_operation o = *operation;
    if (o.has_bias && !emu_on_device(o.bias, (size_t)m * 4))
        return CUBLAS_STATUS_INVALID_VALUE;
    const emu_layout la = *a, lb = *b, ld = *d;
    const float scale = *(const float *)alpha, old = *(const float *)beta;
    cudaError_t status = emu_enqueue(stream, [=] {
        std::vector<float> rooma, roomb, sum((size_t)m * (size_t)n);
        memset(workspace, 0xff, bytes < 4096 ? bytes : 4096); // its content is anybody's
        // Column-major d = a b is row-major d^T = b^T a^T.
        cpu_sgemm(o.transb ? 'T' : 'N', o.transa ? 'T' : 'N', n, m, k, scale, widen(roomb, B, lb),
                  lb.ld, widen(rooma, A, la), la.ld, sum.data(), m);
        for (int column = 0; column < n; column++)
            for (int row = 0; row < m; row++) {
                size_t at = (size_t)column * (size_t)ld.ld + (size_t)row;
                float y = sum[(size_t)column * (size_t)m + (size_t)row];
                const bool wide = ld.type == CUDA_R_32F;
                if (old != 0)
                    y += old *
                         (wide ? ((float *)D)[at] : __bfloat162float(((__nv_bfloat16 *)D)[at]));
                y += o.has_bias ? o.bias[row] : 0;
                y = o.relu && y < 0 ? 0 : y;
                if (wide)
                    ((float *)D)[at] = y;
                else
                    ((__nv_bfloat16 *)D)[at] = __float2bfloat16_rn(y);
            }
    });
    return status ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}
