/*
 * Tensor-core instructions and asynchronous copies on the host, with the registers that lanes hold
 * laid out as the PTX manual says.
 */
#include "emu_mma.h"
#include "block.h"
#include "cuda_bf16.h"
#include "cuda_fp16.h"

#include <deque>
#include <vector>

struct operands {
    float *d;
    const uint32_t *a, *b;
};

typedef float (*widen)(unsigned short bits);

static float widen_bf16(unsigned short bits)
{
    return __bfloat162float(__nv_bfloat16{bits});
}

static float widen_half(unsigned short bits)
{
    __half x;
    memcpy(&x, &bits, sizeof x);
    return __half2float(x);
}

/* Element `at` of an operand's registers. */
static float element(const uint32_t *registers, int at, widen f)
{
    return f((unsigned short)(registers[at / 2] >> (at % 2 * 16)));
}

static void multiply(void **data, unsigned mask, widen f)
{
    float a[16][16], b[16][8];
    if (mask != 0xffffffff)
        emu_die("a matrix instruction of part of a warp (%08x)", mask);
    for (int lane = 0; lane < 32; lane++) {
        const struct operands *o = (const struct operands *)data[lane];
        int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 8; i++)
            a[g + (i / 2 % 2) * 8][2 * t + i % 2 + i / 4 * 8] = element(o->a, i, f);
        for (int i = 0; i < 4; i++)
            b[2 * t + i % 2 + i / 2 * 8][g] = element(o->b, i, f);
    }
    for (int lane = 0; lane < 32; lane++) {
        float *d = ((struct operands *)data[lane])->d;
        for (int i = 0; i < 4; i++)
            for (int k = 0; k < 16; k++)
                d[i] += a[lane / 4 + i / 2 * 8][k] * b[k][2 * (lane % 4) + i % 2];
    }
}

static void multiply_bf16(void **data, unsigned mask)
{
    multiply(data, mask, widen_bf16);
}

static void multiply_half(void **data, unsigned mask)
{
    multiply(data, mask, widen_half);
}

void mma_16816_bf16(float d[4], const uint32_t a[4], const uint32_t b[2])
{
    struct operands o = {d, a, b};
    emu_warp(0xffffffff, (const void *)multiply_bf16, multiply_bf16, &o);
}

void mma_16816_half(float d[4], const uint32_t a[4], const uint32_t b[2])
{
    struct operands o = {d, a, b};
    emu_warp(0xffffffff, (const void *)multiply_half, multiply_half, &o);
}

struct matrices {
    uint32_t *r;
    const unsigned short *row;
};

static void load(void **data, bool transposed)
{
    unsigned short m[4][8][8];
    for (int lane = 0; lane < 32; lane++) {
        const void *row = ((const struct matrices *)data[lane])->row;
        if ((uintptr_t)row % 16)
            emu_die("lane %d loads a matrix's row from %p, not aligned to 16 bytes", lane, row);
        memcpy(m[lane / 8][lane % 8], row, sizeof m[0][0]);
    }
    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < 4; i++) {
            int row = lane / 4, column = 2 * (lane % 4);
            uint32_t low = transposed ? m[i][column][row] : m[i][row][column];
            uint32_t high = transposed ? m[i][column + 1][row] : m[i][row][column + 1];
            ((struct matrices *)data[lane])->r[i] = low | high << 16;
        }
}

static void load_plain(void **data, unsigned mask)
{
    (void)mask;
    load(data, false);
}

static void load_transposed(void **data, unsigned mask)
{
    (void)mask;
    load(data, true);
}

void load_matrix_x4(uint32_t r[4], const void *row)
{
    struct matrices m = {r, (const unsigned short *)row};
    emu_warp(0xffffffff, (const void *)load_plain, load_plain, &m);
}

void load_matrix_x4_trans(uint32_t r[4], const void *row)
{
    struct matrices m = {r, (const unsigned short *)row};
    emu_warp(0xffffffff, (const void *)load_transposed, load_transposed, &m);
}

/* ---- asynchronous copies ---- */

struct copy {
    void *to;
    const void *from;
    int bytes;
};

/* Of each thread of the block: groups that were committed, then the one that is open. */
static std::deque<std::vector<struct copy>> groups[1024];
static bool used;

static std::deque<std::vector<struct copy>> &mine(void)
{
    auto &g = groups[emu_thread()];
    used = true;
    if (g.empty())
        g.emplace_back();
    return g;
}

void emu_copies_forget(void)
{
    for (int i = 0; used && i < 1024; i++)
        groups[i].clear();
    used = false;
}

void copy_async(void *shared, const void *global, int bytes)
{
    if (((uintptr_t)shared | (uintptr_t)global) % 16 || bytes < 0 || bytes > 16)
        emu_die("an asynchronous copy of %d bytes from %p to %p", bytes, global, shared);
    mine().back().push_back({shared, global, bytes});
}

void copy_async_commit(void)
{
    mine().emplace_back();
}

void copy_async_wait(int left)
{
    auto &g = mine();
    while (g.size() > (size_t)left + 1) {
        for (const struct copy &c : g.front()) {
            memset(c.to, 0, 16);
            memcpy(c.to, c.from, (size_t)c.bytes);
        }
        g.pop_front();
    }
}
