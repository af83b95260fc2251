/*
 * Layer norm and unit-length rows. One row is one thread's work; sums as vec.h says.
 */
#include "core/device/cpu/cpu.h"
#include "core/device/cpu/vec.h"

#include "core/base/half.h"

#include <string.h>

enum { ROW_CHUNK = 32 };

struct norm {
    float *y, *mean, *rstd; // outputs (dx in y for the backward pass)
    const float *x, *dy, *gamma, *beta, *mean_in, *rstd_in;
    int R, C;
};

/* C is a multiple of 64 in every CLIP, so rows are whole vectors. */
CPU_CLONES static void layernorm_rows(struct norm *n, int first, int last)
{
    int C = n->C;
    for (int r = first; r < last; r++) {
        const float *x = n->x + (size_t)r * (size_t)C;
        float *y = n->y + (size_t)r * (size_t)C;
        vec sum = {0}, square = {0};
        for (int c = 0; c < C; c += LANES)
            sum += vec_load(x + c);
        float mean = vec_sum(sum) / (float)C;
        for (int c = 0; c < C; c += LANES) {
            vec centred = vec_load(x + c) - mean;
            square += centred * centred;
        }
        float rstd = 1.0f / sqrtf(vec_sum(square) / (float)C + 1e-5f);
        for (int c = 0; c < C; c += LANES)
            vec_store(y + c, (vec_load(x + c) - mean) * rstd * vec_load(n->gamma + c) +
                                 vec_load(n->beta + c));
        n->mean[r] = mean;
        n->rstd[r] = rstd;
    }
}

/* dx += rstd (g - mean(g) - xhat mean(g xhat)), g = dy gamma, xhat = (x - mean) rstd */
CPU_CLONES static void layernorm_back_rows(struct norm *n, int first, int last)
{
    int C = n->C;
    for (int r = first; r < last; r++) {
        const float *x = n->x + (size_t)r * (size_t)C, *dy = n->dy + (size_t)r * (size_t)C;
        float *dx = n->y + (size_t)r * (size_t)C;
        float mean = n->mean_in[r], rstd = n->rstd_in[r];
        vec sum = {0}, product = {0};
        for (int c = 0; c < C; c += LANES) {
            vec g = vec_load(dy + c) * vec_load(n->gamma + c);
            sum += g;
            product += g * ((vec_load(x + c) - mean) * rstd);
        }
        float g_mean = vec_sum(sum) / (float)C, p_mean = vec_sum(product) / (float)C;
        for (int c = 0; c < C; c += LANES) {
            vec g = vec_load(dy + c) * vec_load(n->gamma + c);
            vec xhat = (vec_load(x + c) - mean) * rstd;
            vec_store(dx + c, vec_load(dx + c) + (g - g_mean - xhat * p_mean) * rstd);
        }
    }
}

static int last_row(const struct norm *n, size_t chunk)
{
    int last = ((int)chunk + 1) * ROW_CHUNK;
    return last < n->R ? last : n->R;
}

static void forward_chunk(void *arg, size_t chunk)
{
    layernorm_rows(arg, (int)chunk * ROW_CHUNK, last_row(arg, chunk));
}

static void backward_chunk(void *arg, size_t chunk)
{
    layernorm_back_rows(arg, (int)chunk * ROW_CHUNK, last_row(arg, chunk));
}

void cpu_layernorm_fwd(struct device *d, float *y, float *mean, float *rstd, const float *x,
                       const float *gamma, const float *beta, int R, int C)
{
    BUG_IF(C % LANES);
    struct norm n = {
        .y = y, .mean = mean, .rstd = rstd, .x = x, .gamma = gamma, .beta = beta, .R = R, .C = C};
    if (!cpu_of(d)->error.code)
        thread_run(cpu_of(d)->pool, cpu_chunks((size_t)R, ROW_CHUNK), forward_chunk, &n);
}

void cpu_layernorm_bwd(struct device *d, float *dx, const float *dy, const float *x,
                       const float *mean, const float *rstd, const float *gamma, int R, int C)
{
    BUG_IF(C % LANES);
    struct norm n = {.y = dx,
                     .dy = dy,
                     .x = x,
                     .mean_in = mean,
                     .rstd_in = rstd,
                     .gamma = gamma,
                     .R = R,
                     .C = C};
    if (!cpu_of(d)->error.code)
        thread_run(cpu_of(d)->pool, cpu_chunks((size_t)R, ROW_CHUNK), backward_chunk, &n);
}

void cpu_l2norm_fwd(struct device *d, float *y, float *norm, const float *x, int R, int C)
{
    if (cpu_of(d)->error.code)
        return;
    for (int r = 0; r < R; r++, x += C, y += C) {
        double square = 0;
        for (int c = 0; c < C; c++)
            square += (double)x[c] * x[c];
        norm[r] = d->half ? half_round((float)sqrt(square)) : (float)sqrt(square);
        for (int c = 0; c < C; c++)
            y[c] = x[c] / norm[r];
        if (d->half)
            half_round_all(y, (size_t)C);
    }
}

void cpu_l2norm_bwd(struct device *d, float *dx, const float *dy, const float *y, const float *norm,
                    int R, int C)
{
    if (cpu_of(d)->error.code)
        return;
    for (int r = 0; r < R; r++, dx += C, dy += C, y += C) {
        double along = 0;
        for (int c = 0; c < C; c++)
            along += (double)dy[c] * y[c];
        for (int c = 0; c < C; c++)
            dx[c] = (dy[c] - y[c] * (float)along) / norm[r];
    }
}
