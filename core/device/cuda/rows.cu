/*
 * Whole rows: by index, as image tokens, as patches of an image. A block has a row.
 */
#include "core/device/cuda/cuda.cuh"

enum { MOST = 256, ADDERS = 128 };

/* Threads for a row of C columns, four each. */
static unsigned row_threads(int C)
{
    int n = (C + 3) / 4;
    return (unsigned)(n >= MOST ? MOST : (n + WARP - 1) / WARP * WARP);
}

/*
 * y[to ? to[r] : r] = x[from ? from[r] : r], r = block.
 * Grid R, block min(256, C / 4 in whole warps), no shared memory; 8 R C + 4 R bytes.
 */
__global__ static void move_k(float *y, const int *to, const float *x, const int *from, int C,
                              bool wide)
{
    size_t r = blockIdx.x;
    const float *in = x + (from ? (size_t)from[r] : r) * (size_t)C;
    float *out = y + (to ? (size_t)to[r] : r) * (size_t)C;
    for (int c = 4 * (int)threadIdx.x; c < C; c += 4 * (int)blockDim.x)
        store4(out, c, C, wide, load4(in, c, C, wide));
}

static void move(struct device *d, float *y, const int *to, const float *x, const int *from, int R,
                 int C)
{
    bool wide = C % 4 == 0 && cuda_aligned(y, x, NULL);
    LAUNCH(move_k, (unsigned)R, row_threads(C), 0, cuda_of(d), y, to, x, from, C, wide);
}

void cuda_gather(struct device *d, float *y, const float *x, const int *index, int R, int C)
{
    move(d, y, NULL, x, index, R, C);
}

void cuda_scatter(struct device *d, float *y, const float *x, const int *index, int R, int C)
{
    move(d, y, index, x, NULL, R, C);
}

/*
 * y[index[r]] += x[r] in the order of r. The block whose r is the first with its index adds all of
 * them; the others find an earlier one and stop.
 * Grid R, block 128, 528 bytes of shared memory. 4 R C bytes read, at most 8 R C for y; up to R^2
 * indices are read, from the cache; R C operations.
 */
__global__ static void scatter_add_k(float *y, const float *x, const int *index, int R, int C,
                                     bool wide)
{
    __shared__ int rows[ADDERS];        // of this piece, those with our index, in order
    __shared__ int ours[ADDERS / WARP]; // how many each warp found
    const int self = (int)blockIdx.x, target = index[self], t = (int)threadIdx.x;
    for (int start = 0; start < self; start += ADDERS)
        if (__syncthreads_or(start + t < self && index[start + t] == target))
            return;
    for (int start = self; start < R; start += ADDERS) {
        const bool found = start + t < R && index[start + t] == target;
        if (!__syncthreads_or(found))
            continue;
        const unsigned votes = __ballot_sync(ALL_LANES, found);
        if (t % WARP == 0)
            ours[t / WARP] = __popc(votes);
        __syncthreads();
        int before = 0, n = 0;
        for (int w = 0; w < ADDERS / WARP; w++) {
            before += w < t / WARP ? ours[w] : 0;
            n += ours[w];
        }
        if (found)
            rows[before + __popc(votes & ((1u << (t % WARP)) - 1))] = start + t;
        __syncthreads();
        float *out = y + (size_t)target * (size_t)C;
        for (int c = 4 * t; c < C; c += 4 * ADDERS) {
            float4 sum = load4(out, c, C, wide);
            for (int i = 0; i < n; i++) {
                float4 v = load4(x + (size_t)rows[i] * (size_t)C, c, C, wide);
                sum = make_float4(sum.x + v.x, sum.y + v.y, sum.z + v.z, sum.w + v.w);
            }
            store4(out, c, C, wide, sum);
        }
    }
}

void cuda_scatter_add(struct device *d, float *y, const float *x, const int *index, int R, int C)
{
    bool wide = C % 4 == 0 && cuda_aligned(y, x, NULL);
    LAUNCH(scatter_add_k, (unsigned)R, ADDERS, 0, cuda_of(d), y, x, index, R, C, wide);
}

/*
 * y (B, T, C): block b T + t has x's row, or the class embedding where t = 0; plus position.
 * Grid B T, block min(256, C / 4 in whole warps), no shared memory; 8 B T C bytes (position stays
 * in the cache), B T C operations.
 */
__global__ static void image_tokens_k(float *y, const float *x, const float *class_embedding,
                                      const float *position, int T, int C, bool wide)
{
    size_t b = blockIdx.x / (unsigned)T, t = blockIdx.x % (unsigned)T;
    const float *in = t ? x + (b * (size_t)(T - 1) + t - 1) * (size_t)C : class_embedding;
    const float *at = position + t * (size_t)C;
    float *out = y + (size_t)blockIdx.x * (size_t)C;
    for (int c = 4 * (int)threadIdx.x; c < C; c += 4 * (int)blockDim.x) {
        float4 v = load4(in, c, C, wide), p = load4(at, c, C, wide);
        store4(out, c, C, wide, make_float4(v.x + p.x, v.y + p.y, v.z + p.z, v.w + p.w));
    }
}

void cuda_image_tokens(struct device *d, float *y, const float *x, const float *class_embedding,
                       const float *position, int B, int T, int C)
{
    bool wide =
        C % 4 == 0 && cuda_aligned(y, x, class_embedding) && cuda_aligned(position, NULL, NULL);
    LAUNCH(image_tokens_k, (unsigned)(B * T), row_threads(C), 0, cuda_of(d), y, x, class_embedding,
           position, T, C, wide);
}

/*
 * y (B, g g, 3 p p) = x (B, 3, S, S): block = patch, S = g p; four neighbours of a patch's line a
 * thread.
 * Grid B g g, block 256, no shared memory; 8 B 3 S S bytes.
 */
__global__ static void patches_k(float *y, const float *x, int S, int p, bool wide)
{
    const int g = S / p, all = 3 * p * p, patch = (int)(blockIdx.x % (unsigned)(g * g));
    const size_t b = blockIdx.x / (unsigned)(g * g);
    const float *corner = x + b * 3 * (size_t)S * (size_t)S + (size_t)(patch / g * p) * (size_t)S +
                          (size_t)(patch % g * p);
    float *out = y + (size_t)blockIdx.x * (size_t)all;
    for (int at = (wide ? 4 : 1) * (int)threadIdx.x; at < all; at += (wide ? 4 : 1) * MOST) {
        const int channel = at / (p * p), line = at / p % p, column = at % p;
        const float *in =
            corner + ((size_t)channel * (size_t)S + (size_t)line) * (size_t)S + column;
        if (wide)
            *(float4 *)(out + at) = *(const float4 *)in;
        else
            out[at] = *in;
    }
}

void cuda_patches(struct device *d, float *y, const float *x, int B, int S, int p)
{
    bool wide = p % 4 == 0 && cuda_aligned(y, x, NULL);
    LAUNCH(patches_k, (unsigned)(B * (S / p) * (S / p)), MOST, 0, cuda_of(d), y, x, S, p, wide);
}
