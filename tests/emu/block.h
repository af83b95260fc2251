/* The emulated device's inside: a grid of blocks, and the end of the program when a kernel does
 * what a GPU leaves undefined. */
#ifndef EMU_BLOCK_H
#define EMU_BLOCK_H

#include "cuda_runtime.h"

/* Run every block of a grid, one after another; `code` is one thread. */
void emu_run(const dim3 &grid, const dim3 &threads, size_t shared,
             const std::function<void()> &code);

/* Threads begin and pass barriers in falling instead of rising order: a missing barrier shows. */
extern "C" void emu_order(bool falling);

int emu_thread(void);         // the running thread's number in its block
void emu_copies_forget(void); // mma.cpp: at the start of a block

[[noreturn]] void emu_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
