/*
 * Random streams: see rng.h.
 *
 * Everything here must agree with its source bit for bit, so the arithmetic follows the
 * specification line by line: do not "simplify" the order of draws or of float operations.
 */
#include "core/base/rng.h"

#include "core/base/err.h"
#include "core/base/half.h"
#include "core/base/mem.h"

#include <math.h>
#include <stdlib.h>

enum { MT_N = 624, MT_M = 397 };

/* ---- Mersenne Twister MT19937 ---- */

void rng_seed_torch(struct rng *r, uint64_t seed)
{
    r->mt[0] = (uint32_t)seed;
    for (uint32_t j = 1; j < MT_N; j++)
        r->mt[j] = 1812433253u * (r->mt[j - 1] ^ (r->mt[j - 1] >> 30)) + j;
    r->index = MT_N;
}

void rng_seed_py(struct rng *r, uint64_t seed)
{
    // init_by_array; the key is the seed in 32-bit words, low one first, without leading zeros.
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t length = key[1] ? 2 : 1;
    uint32_t *mt = r->mt, i = 1, j = 0;
    rng_seed_torch(r, 19650218);
    for (int k = 0; k < MT_N; k++) {
        mt[i] = (mt[i] ^ ((mt[i - 1] ^ (mt[i - 1] >> 30)) * 1664525u)) + key[j] + j;
        if (++i >= MT_N) {
            mt[0] = mt[MT_N - 1];
            i = 1;
        }
        if (++j >= length)
            j = 0;
    }
    for (int k = 0; k < MT_N - 1; k++) {
        mt[i] = (mt[i] ^ ((mt[i - 1] ^ (mt[i - 1] >> 30)) * 1566083941u)) - i;
        if (++i >= MT_N) {
            mt[0] = mt[MT_N - 1];
            i = 1;
        }
    }
    mt[0] = 0x80000000u;
}

static void regenerate(struct rng *r)
{
    uint32_t *mt = r->mt;
    for (int k = 0; k < MT_N; k++) {
        // The indices wrap once each; without "%" the loop is three straight runs to the compiler.
        int next = k + 1 < MT_N ? k + 1 : 0;
        int far = k + MT_M < MT_N ? k + MT_M : k + MT_M - MT_N;
        uint32_t y = (mt[k] & 0x80000000u) | (mt[next] & 0x7fffffffu);
        mt[k] = mt[far] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    r->index = 0;
}

uint32_t rng_u32(struct rng *r)
{
    if (r->index >= MT_N)
        regenerate(r);
    uint32_t y = r->mt[r->index++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

void rng_skip(struct rng *r, uint64_t draws)
{
    while (draws) {
        if (r->index >= MT_N)
            regenerate(r);
        uint64_t left = (uint64_t)(MT_N - r->index), step = draws < left ? draws : left;
        r->index += (int)step;
        draws -= step;
    }
}

/* ---- CPython's random ---- */

/* random.getrandbits(bits), 1 <= bits <= 64: words fill from the least significant one. */
static uint64_t py_bits(struct rng *r, int bits)
{
    if (bits <= 32)
        return rng_u32(r) >> (32 - bits);
    uint64_t low = rng_u32(r);
    return low | (uint64_t)(rng_u32(r) >> (64 - bits)) << 32;
}

uint64_t rng_py_below(struct rng *r, uint64_t n)
{
    BUG_IF(n == 0);
    int bits = 64 - __builtin_clzll(n); // of n itself, not of n - 1
    uint64_t x;
    do
        x = py_bits(r, bits);
    while (x >= n);
    return x;
}

double rng_py_random(struct rng *r)
{
    uint32_t a = rng_u32(r) >> 5, b = rng_u32(r) >> 6;
    return (a * 67108864.0 + b) / 9007199254740992.0;
}

/* The largest population for which sample() copies the pool; beyond it, it redraws duplicates. */
static size_t pool_limit(size_t k)
{
    size_t power = 1;
    if (k <= 5)
        return 21;
    while (power < 3 * k)
        power *= 4;
    return 21 + power;
}

/* Has out[0..i-1] the value j? */
static int holds(const size_t *out, size_t i, size_t j)
{
    while (i--)
        if (out[i] == j)
            return 1;
    return 0;
}

void rng_py_sample(struct rng *r, size_t n, size_t k, size_t *out)
{
    BUG_IF(k > n);
    if (n > pool_limit(k)) {
        for (size_t i = 0; i < k; i++)
            do
                out[i] = rng_py_below(r, n);
            while (holds(out, i, out[i]));
        return;
    }
    size_t *pool = mem_alloc(n, sizeof *pool);
    for (size_t i = 0; i < n; i++)
        pool[i] = i;
    for (size_t i = 0; i < k; i++) {
        size_t j = rng_py_below(r, n - i);
        out[i] = pool[j];
        pool[j] = pool[n - i - 1];
    }
    free(pool);
}

void rng_py_shuffle(struct rng *r, size_t *x, size_t n)
{
    for (size_t i = n; i-- > 1;) {
        size_t j = rng_py_below(r, i + 1), t = x[i];
        x[i] = x[j];
        x[j] = t;
    }
}

/* ---- torch's CPU generator ---- */

uint64_t rng_torch_random63(struct rng *r)
{
    uint64_t high = rng_u32(r);
    return (high << 32 | rng_u32(r)) & INT64_MAX;
}

void rng_torch_randperm(struct rng *r, size_t n, uint32_t *out)
{
    BUG_IF(n > UINT32_MAX);
    for (size_t i = 0; i < n; i++)
        out[i] = (uint32_t)i;
    for (size_t i = 0; i + 1 < n; i++) {
        size_t z = i + rng_u32(r) % (uint32_t)(n - i);
        uint32_t t = out[i];
        out[i] = out[z];
        out[z] = t;
    }
}

/* rand(): the low 24 bits, unlike rng_unit. */
static float torch_unit(struct rng *r)
{
    return (float)(rng_u32(r) & 0xffffff) * 0x1p-24f;
}

float rng_torch_uniform(struct rng *r, float a, float b)
{
    return fmaf(torch_unit(r), b - a, a); // one rounding: a separate product is an ulp off at times
}

/* How uniform numbers are drawn and pairs of 16 of them become normal ones, in place: x[t] and x[t
 * + 8] are a pair. */
struct normal {
    float (*unit)(struct rng *r);
    void (*pairs)(float *x, float std);
};

static void pairs_float(float *x, float std)
{
    for (int t = 0; t < 8; t++) {
        float u1 = 1 - x[t], u2 = x[t + 8];
        float radius = sqrtf(-2 * logf(u1)), angle = 2 * 3.14159265358979323846f * u2;
        x[t] = radius * cosf(angle) * std + 0.0f; // the mean: there is no minus zero
        x[t + 8] = radius * sinf(angle) * std + 0.0f;
    }
}

static float unit_half(struct rng *r)
{
    return (float)(rng_u32(r) & 0x7ff) * 0x1p-11f;
}

/* The same with every result stored in fp16. */
static void pairs_half(float *x, float std)
{
    std = half_round(std);
    for (int t = 0; t < 8; t++) {
        float u1 = half_round(1 - x[t]), u2 = x[t + 8];
        float radius = half_round(sqrtf(-2 * logf(u1)));
        float angle = half_round((float)(2 * M_PI * (double)u2));
        x[t] = half_round(radius * cosf(angle) * std + 0.0f);
        x[t + 8] = half_round(radius * sinf(angle) * std + 0.0f);
    }
}

static void fill_normal(struct rng *r, const struct normal *how, float std, size_t n, float *out)
{
    BUG_IF(n < 16);
    for (size_t i = 0; i < n; i++)
        out[i] = how->unit(r);
    for (size_t i = 0; i + 16 <= n; i += 16)
        how->pairs(out + i, std);
    if (n % 16) { // the last 16 are drawn again, some of them a second time
        float *last = out + n - 16;
        for (int i = 0; i < 16; i++)
            last[i] = how->unit(r);
        how->pairs(last, std);
    }
}

void rng_torch_normal(struct rng *r, float std, size_t n, float *out)
{
    fill_normal(r, &(struct normal){torch_unit, pairs_float}, std, n, out);
}

void rng_torch_normal_half(struct rng *r, float std, size_t n, float *out)
{
    fill_normal(r, &(struct normal){unit_half, pairs_half}, std, n, out);
}

/* ---- numpy's legacy generator ---- */

void rng_np_permutation(struct rng *r, size_t n, size_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = i;
    BUG_IF(n > UINT32_MAX);
    for (size_t i = n; i-- > 1;) {
        uint32_t mask = UINT32_MAX >> __builtin_clz((unsigned)i), j;
        do
            j = rng_u32(r) & mask;
        while (j > i);
        size_t held = out[i];
        out[i] = out[j];
        out[j] = held;
    }
}

/* ---- Philox 4x32-10 (Salmon et al., SC 2011) ---- */

void rng_at(uint64_t key, uint64_t counter, uint64_t stream, uint32_t out[4])
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xd2511f53u * c0, p1 = (uint64_t)0xcd9e8d57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}
