/*
 * IEEE half precision (fp16): 1 sign, 5 exponent, 10 mantissa bits. Values are kept in floats that
 * are exactly representable; these put them there.
 */
#ifndef PROMPTGRID_BASE_HALF_H
#define PROMPTGRID_BASE_HALF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The nearest fp16, ties to even; from 65520 on infinite. NaN stays NaN. */
static inline float half_round(float x)
{
    uint32_t bits, sign;
    float size;
    memcpy(&bits, &x, sizeof bits);
    sign = bits & 0x80000000;
    bits ^= sign;
    if (bits < 0x38800000) { // below 2^-14: steps of 2^-24, which are those of float from 0.5 to 1
        memcpy(&size, &bits, sizeof size);
        size = (size + 0.5f) - 0.5f;
        memcpy(&bits, &size, sizeof bits);
    } else if (bits < 0x477ff000) {
        bits += 0xfff + (bits >> 13 & 1);
        bits &= ~(uint32_t)0x1fff;
    } else if (bits <= 0x7f800000) {
        bits = 0x7f800000;
    }
    bits |= sign;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline void half_round_all(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = half_round(x[i]);
}

/* The 16 bits of half_round(x). */
uint16_t half_bits(float x);

#endif
