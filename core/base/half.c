/* See half.h. */
#include "core/base/half.h"

uint16_t half_bits(float x)
{
    uint32_t bits;
    x = half_round(x);
    memcpy(&bits, &x, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    if (size < 0x38800000) { // subnormal: multiples of 2^-24
        float value;
        memcpy(&value, &size, sizeof value);
        return (uint16_t)(sign | (uint32_t)(value * 0x1p24f));
    }
    if (size >= 0x7f800000) // infinite, or NaN
        return (uint16_t)(sign | (size > 0x7f800000 ? 0x7e00 : 0x7c00));
    return (uint16_t)(sign | (size - ((127 - 15) << 23)) >> 13);
}
