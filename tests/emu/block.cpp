/*
 * One block of threads on the host: every thread is a fiber on its own stack, which runs until it
 * waits for others. A fiber whose thread is done takes the next thread that has not begun, so that
 * a kernel without barriers runs as a plain loop.
 */
#include "block.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

enum { STACK = 256 << 10, GUARD = 4096, THREADS = 1024, WARPS = THREADS / 32 };

struct fiber {
    void *sp;
    char *stack;
    size_t size; // of the stack
    int thread;
    void *shadow; // the sanitizer's
};

struct warp {
    unsigned want, here; // lanes that the collective needs; lanes that have come
    unsigned gone;       // lanes that have returned
    const void *what;
    void *data[32];
};

/* The running block. */
static struct {
    const std::function<void()> *code;
    int threads, begun, done;
    struct fiber *owner[THREADS]; // fiber of a thread that has begun
    bool over[THREADS];           // threads that have returned
    int at_barrier;
    const char *file; // of the barrier
    int line;
    bool vote, voted; // of those that wait; of those that went on
    struct warp warps[WARPS];
    std::vector<int> ready; // threads that may go on, from `first`
    size_t first;
    void *shared;
} block;

static struct fiber fibers[THREADS], *idle[THREADS]; // those made; those without a thread
static int n_fibers, n_idle;
static struct fiber *current, *previous;
static struct fiber scheduler;
static bool backwards; // threads begin and go on in falling order

void emu_order(bool falling)
{
    backwards = falling;
}

[[noreturn]] void emu_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "emu: block (%u,%u,%u) thread (%u,%u,%u): ", blockIdx.x, blockIdx.y, blockIdx.z,
            threadIdx.x, threadIdx.y, threadIdx.z);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

/* ---- switching stacks ---- */

#if defined(__x86_64__)
/* Push what a callee must keep, swap stacks, pop. */
extern "C" void emu_swap(void **save, void *load);
__asm__(".text\n"
        ".type emu_swap,@function\n"
        "emu_swap:\n"
        "push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "mov %rsp, (%rdi)\n"
        "mov %rsi, %rsp\n"
        "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n"
        "ret\n"
        ".size emu_swap,.-emu_swap\n");

static void *first_frame(char *top, void (*entry)(void))
{
    void **sp = (void **)top;
    *--sp = NULL; // where entry would return to; keeps the stack aligned as after a call
    *--sp = (void *)entry;
    for (int i = 0; i < 6; i++)
        *--sp = NULL;
    return sp;
}
#else
#include <ucontext.h>
static void emu_swap(void **save, void *load)
{
    ucontext_t here;
    *save = &here; // lives on the stack that is left
    swapcontext(&here, (ucontext_t *)load);
}

static void *first_frame(char *top, void (*entry)(void))
{
    ucontext_t *c = new ucontext_t;
    getcontext(c);
    c->uc_stack.ss_sp = top - STACK;
    c->uc_stack.ss_size = STACK;
    makecontext(c, entry, 0);
    return c;
}
#endif

/* After a switch: ASan learns where this stack's state is, and we where the one left lies. */
static void arrived(void)
{
#ifdef __SANITIZE_ADDRESS__
    const void *stack;
    size_t size;
    __sanitizer_finish_switch_fiber(current->shadow, &stack, &size);
    previous->stack = (char *)stack;
    previous->size = size;
#endif
}

static void go_to(struct fiber *next)
{
    struct fiber *self = current;
    previous = self;
    current = next;
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&self->shadow, next->stack, next->size);
#endif
#ifdef __SANITIZE_THREAD__
    self->shadow = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(next->shadow, 0);
#endif
    emu_swap(&self->sp, next->sp);
    arrived();
}

static uint3 places[THREADS]; // threadIdx of each

static void become(int thread)
{
    threadIdx = places[thread];
}

static int begin_next(void)
{
    int i = block.begun++, thread = backwards ? block.threads - 1 - i : i;
    block.owner[thread] = current;
    current->thread = thread;
    become(thread);
    return thread;
}

static void thread_over(int thread);

static void fiber_main(void)
{
    arrived();
    for (;;) {
        int thread = begin_next();
        (*block.code)();
        thread_over(thread);
        if (block.first < block.ready.size() || block.begun == block.threads) {
            idle[n_idle++] = current;
            go_to(&scheduler);
        }
    }
}

static struct fiber *fiber_new(void)
{
    char *map = (char *)mmap(NULL, GUARD + STACK, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (map == MAP_FAILED || mprotect(map, GUARD, PROT_NONE) < 0)
        emu_die("no memory for a stack: %s", strerror(errno));
    struct fiber *f = &fibers[n_fibers++];
    f->stack = map + GUARD;
    f->size = STACK;
#ifdef __SANITIZE_THREAD__
    f->shadow = __tsan_create_fiber(0);
#endif
    f->sp = first_frame(f->stack + STACK, fiber_main);
    return f;
}

/* ---- waiting ---- */

static void wait_for_turn(void)
{
    int thread = current->thread;
    go_to(&scheduler);
    become(thread);
}

static void release(int thread)
{
    block.ready.push_back(thread);
}

static void open_barrier(void)
{
    block.at_barrier = 0;
    block.voted = block.vote;
    block.vote = false;
    for (int i = 0; i < block.threads; i++) {
        int thread = backwards ? block.threads - 1 - i : i;
        if (!block.over[thread])
            release(thread);
    }
}

void emu_syncthreads(const char *file, int line)
{
    if (!block.code)
        emu_die("__syncthreads outside a kernel");
    if (block.at_barrier && (line != block.line || strcmp(file, block.file) != 0))
        emu_die("waits at %s:%d while others wait at %s:%d", file, line, block.file, block.line);
    block.file = file;
    block.line = line;
    block.at_barrier++;
    if (block.at_barrier + block.done == block.threads)
        open_barrier(); // its own turn comes, too
    wait_for_turn();
}

int emu_syncthreads_or(const char *file, int line, int predicate)
{
    block.vote |= predicate != 0;
    emu_syncthreads(file, line);
    return block.voted; // the next vote needs every thread at its barrier, so this one still stands
}

int emu_lane(void)
{
    return current->thread % 32;
}

int emu_thread(void)
{
    return current->thread;
}

void emu_warp(unsigned mask, const void *what, void (*together)(void **data, unsigned mask),
              void *data)
{
    if (!block.code)
        emu_die("a warp's operation outside a kernel");
    int thread = current->thread, lane = thread % 32, base = thread - lane;
    int lanes = block.threads - base < 32 ? block.threads - base : 32;
    struct warp *w = &block.warps[thread / 32];
    if (!(mask >> lane & 1))
        emu_die("the mask %08x of a warp's operation lacks the caller", mask);
    if (lanes < 32 && mask >> lanes)
        emu_die("the mask %08x names lanes that the block does not have (%d)", mask, lanes);
    if (mask & w->gone)
        emu_die("the mask %08x names lanes that have returned (%08x)", mask, mask & w->gone);
    if (w->here && (w->want != mask || w->what != what))
        emu_die("lanes of one warp wait in different operations (masks %08x and %08x)", w->want,
                mask);
    w->want = mask;
    w->what = what;
    w->here |= 1u << lane;
    w->data[lane] = data;
    if (w->here != mask) {
        wait_for_turn();
        return;
    }
    w->here = 0;
    together(w->data, mask);
    for (int i = 0; i < lanes; i++) {
        int other = backwards ? lanes - 1 - i : i;
        if (other != lane && (mask >> other & 1))
            release(base + other);
    }
}

void emu_shuffle(void **data, unsigned mask)
{
    for (int i = 0; i < 32; i++) {
        if (!(mask >> i & 1))
            continue;
        struct emu_exchange *x = (struct emu_exchange *)data[i];
        if (x->source < 0 || x->source > 31 || !(mask >> x->source & 1))
            emu_die("lane %d reads lane %d, which is not in the mask %08x", i, x->source, mask);
        x->got = ((struct emu_exchange *)data[x->source])->value;
    }
}

void emu_ballot(void **data, unsigned mask)
{
    unsigned votes = 0;
    for (int i = 0; i < 32; i++)
        if (mask >> i & 1)
            votes |= (unsigned)((struct emu_exchange *)data[i])->vote << i;
    for (int i = 0; i < 32; i++)
        if (mask >> i & 1)
            ((struct emu_exchange *)data[i])->got = votes;
}

void emu_nothing(void **data, unsigned mask)
{
    (void)data;
    (void)mask;
}

static void thread_over(int thread)
{
    struct warp *w = &block.warps[thread / 32];
    if (w->here && (w->want >> thread % 32 & 1))
        emu_die("returned while lanes of its warp wait for it");
    block.over[thread] = true;
    w->gone |= 1u << thread % 32;
    block.done++;
    if (block.at_barrier && block.at_barrier + block.done == block.threads)
        open_barrier(); // the rest need not wait for threads that returned
}

/* ---- running ---- */

void *emu_shared(void)
{
    return block.shared;
}

#ifndef __SANITIZE_ADDRESS__
extern "C" char __start_emu_shared[] __attribute__((weak)),
    __stop_emu_shared[] __attribute__((weak));
#endif

static void run_block(void)
{
    emu_copies_forget();
    block.begun = block.done = block.at_barrier = 0;
    block.first = 0;
    block.vote = false;
    block.ready.clear();
    memset(block.over, 0, sizeof block.over);
    memset(block.warps, 0, sizeof block.warps);
#ifndef __SANITIZE_ADDRESS__
    if (__start_emu_shared)
        memset(__start_emu_shared, 0xff, (size_t)(__stop_emu_shared - __start_emu_shared));
#endif
    while (block.done < block.threads) {
        if (block.first < block.ready.size()) {
            int thread = block.ready[block.first++];
            if (block.first == block.ready.size()) {
                block.ready.clear();
                block.first = 0;
            }
            go_to(block.owner[thread]);
        } else if (block.begun < block.threads) {
            go_to(n_idle ? idle[--n_idle] : fiber_new());
        } else {
            emu_die("deadlock: %d threads wait at %s:%d, %d have returned, %d wait in their warps",
                    block.at_barrier, block.file ? block.file : "", block.line, block.done,
                    block.threads - block.at_barrier - block.done);
        }
    }
}

void emu_run(const dim3 &grid, const dim3 &threads, size_t shared,
             const std::function<void()> &code)
{
    gridDim = grid;
    blockDim = threads;
    block.code = &code;
    block.threads = (int)(threads.x * threads.y * threads.z);
    for (unsigned t = 0; t < (unsigned)block.threads; t++)
        places[t] = uint3{t % threads.x, t / threads.x % threads.y, t / threads.x / threads.y};
    current = &scheduler;
    void *memory = NULL;
    if (shared && posix_memalign(&memory, 1024, shared) != 0)
        emu_die("no memory for %zu bytes of shared memory", shared);
    block.shared = memory;
    for (unsigned z = 0; z < grid.z; z++)
        for (unsigned y = 0; y < grid.y; y++)
            for (unsigned x = 0; x < grid.x; x++) {
                blockIdx = uint3{x, y, z};
                if (memory)
                    memset(memory, 0xff, shared);
                run_block();
            }
    free(memory);
    block.code = NULL;
    block.shared = NULL;
}
