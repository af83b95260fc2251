/*
 * Random streams, each exactly as its source defines it.
 *
 * - `struct rng`: Mersenne Twister MT19937 (spec/fewshot-sampling.md section 3), seeded as
 * CPython's random.seed(int) does or as torch.manual_seed does;
 * - rng_py_*: CPython's bounded integers, sample and shuffle (sections 4, 5);
 * - rng_torch_*: torch's CPU generator (spec/image-preprocess.md section 5, training.md section 3);
 * - rng_np_permutation: numpy's legacy generator, seeded as torch's is;
 * - rng_at: a counter-based generator (Philox 4x32-10) for numbers that must not depend on the
 * order in which they are drawn: augmentation and dropout.
 */
#ifndef PROMPTGRID_BASE_RNG_H
#define PROMPTGRID_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint32_t mt[624];
    int index; // 624 = regenerate before the next output
};

void rng_seed_py(struct rng *r, uint64_t seed);    // random.seed(seed), seed >= 0
void rng_seed_torch(struct rng *r, uint64_t seed); // torch.manual_seed(seed)
uint32_t rng_u32(struct rng *r);
void rng_skip(struct rng *r, uint64_t draws); // as that many rng_u32

uint64_t rng_py_below(struct rng *r, uint64_t n);                   // random._randbelow(n), n > 0
double rng_py_random(struct rng *r);                                // random.random()
void rng_py_sample(struct rng *r, size_t n, size_t k, size_t *out); // sample(range(n), k), k <= n
void rng_py_shuffle(struct rng *r, size_t *x, size_t n);

uint64_t rng_torch_random63(struct rng *r); // torch.empty((), int64).random_()
void rng_torch_randperm(struct rng *r, size_t n, uint32_t *out);
float rng_torch_uniform(struct rng *r, float a, float b); // uniform_(a, b), one element
void rng_torch_normal(struct rng *r, float std, size_t n,
                      float *out); // n >= 16: normal_(0, std), fp32

/* numpy.random.permutation(n) after numpy.random.seed(s), which seeds as rng_seed_torch does. */
void rng_np_permutation(struct rng *r, size_t n, size_t *out);

/* normal_(0, std) of an fp16 tensor on the CPU: n >= 16 fp16 values. */
void rng_torch_normal_half(struct rng *r, float std, size_t n, float *out);

/* Four words that are a pure function of the arguments. */
void rng_at(uint64_t key, uint64_t counter, uint64_t stream, uint32_t out[4]);

/* A word as a float32 in [0, 1): the upper 24 bits times 2^-24. */
static inline float rng_unit(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-24f;
}

#endif
