/*
 * A pool that runs numbered chunks of work, with the same result for any number of threads.
 *
 * The caller cuts work into chunks whose size does not depend on the thread count; each chunk is
 * computed by one thread and writes only its own part. Idle threads sleep (they never spin for
 * long), and the caller works too: a pool of 1 has no thread of its own.
 */
#ifndef PROMPTGRID_BASE_THREAD_H
#define PROMPTGRID_BASE_THREAD_H

#include <stddef.h>

struct thread_pool;

/* `n` threads in all, the caller included; n >= 1. */
struct thread_pool *thread_pool_new(int n);
void thread_pool_free(struct thread_pool *p);
int thread_pool_size(const struct thread_pool *p);

typedef void (*thread_chunk)(void *arg, size_t chunk);

/* Call f(arg, c) for c = 0..chunks-1, in any order, and return when all are done. Not reentrant:
 * a chunk must not call thread_run on the same pool. */
void thread_run(struct thread_pool *p, size_t chunks, thread_chunk f, void *arg);

/* Within a chunk: which of the pool's threads runs it, 0 (the caller) .. size - 1, for scratch
 * memory of its own. 0 outside a chunk. */
int thread_worker(void);

/* f(arg) beside the caller, on a thread of its own; thread_finish waits for it and frees. */
struct thread_task *thread_start(void (*f)(void *arg), void *arg);
void thread_finish(struct thread_task *t); // NULL is fine

int thread_cores(void); // cores this process may use

#endif
