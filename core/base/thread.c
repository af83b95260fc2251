/*
 * The pool: see thread.h. Chunks are handed out by an atomic counter that also carries the job's
 * number, so that a thread that wakes late cannot take a chunk of a job it does not know.
 */
#include "core/base/thread.h"

#include "core/base/err.h"
#include "core/base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static _Thread_local int worker_index;

struct thread_pool {
    int n; // threads, the caller included
    pthread_t *threads;
    pthread_mutex_t lock;
    pthread_cond_t work, finished;
    uint32_t job;   // number of the current job, under `lock`
    bool stop;      // under `lock`
    thread_chunk f; // of the current job, set before `next`
    void *arg;
    size_t chunks;
    _Atomic uint64_t next; // job << 32 | next chunk to hand out
    _Atomic size_t done;   // chunks finished
    _Atomic int started;   // threads that have taken a number
};

/* Tell the core that this is a short wait. */
static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Take chunks of `job` until none is left or another job has begun. */
static void take_chunks(struct thread_pool *p, uint32_t job, size_t chunks)
{
    for (;;) {
        uint64_t at = atomic_load(&p->next);
        do {
            if ((uint32_t)(at >> 32) != job || (uint32_t)at >= chunks)
                return;
        } while (!atomic_compare_exchange_weak(&p->next, &at, at + 1));
        p->f(p->arg, (uint32_t)at);
        if (atomic_fetch_add(&p->done, 1) + 1 == chunks) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->finished);
            pthread_mutex_unlock(&p->lock);
        }
    }
}

static void *worker(void *arg)
{
    struct thread_pool *p = arg;
    worker_index = atomic_fetch_add(&p->started, 1) + 1;
    uint32_t seen = 0;
    for (;;) {
        pthread_mutex_lock(&p->lock);
        while (!p->stop && p->job == seen)
            pthread_cond_wait(&p->work, &p->lock);
        seen = p->job;
        size_t chunks = p->chunks;
        bool stop = p->stop;
        pthread_mutex_unlock(&p->lock);
        if (stop)
            return NULL;
        take_chunks(p, seen, chunks);
    }
}

struct thread_pool *thread_pool_new(int n)
{
    BUG_IF(n < 1);
    struct thread_pool *p = mem_zero(1, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->finished, NULL);
    p->threads = mem_alloc((size_t)n, sizeof *p->threads);
    // Fewer threads than asked for are no error: results do not depend on their number.
    for (p->n = 1; p->n < n; p->n++)
        if (pthread_create(&p->threads[p->n], NULL, worker, p))
            break;
    return p;
}

void thread_pool_free(struct thread_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (int i = 1; i < p->n; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->finished);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p);
}

int thread_pool_size(const struct thread_pool *p)
{
    return p->n;
}

void thread_run(struct thread_pool *p, size_t chunks, thread_chunk f, void *arg)
{
    BUG_IF(chunks > UINT32_MAX);
    if (p->n == 1 || chunks <= 1) {
        for (size_t c = 0; c < chunks; c++)
            f(arg, c);
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->f = f;
    p->arg = arg;
    p->chunks = chunks;
    atomic_store(&p->done, 0);
    uint32_t job = ++p->job;
    atomic_store(&p->next, (uint64_t)job << 32);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);

    take_chunks(p, job, chunks);
    // Most waits are for a chunk that is nearly done: look a few times before sleeping.
    for (int i = 0; i < 2000 && atomic_load(&p->done) < chunks; i++)
        relax();
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->done) < chunks)
        pthread_cond_wait(&p->finished, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

int thread_worker(void)
{
    return worker_index;
}

struct thread_task {
    pthread_t thread;
    bool beside; // false: there was no thread to be had, and it ran at once
    void (*f)(void *arg);
    void *arg;
};

static void *run_task(void *arg)
{
    struct thread_task *t = arg;
    t->f(t->arg);
    return NULL;
}

struct thread_task *thread_start(void (*f)(void *arg), void *arg)
{
    struct thread_task *t = mem_zero(1, sizeof *t);
    t->f = f;
    t->arg = arg;
    t->beside = pthread_create(&t->thread, NULL, run_task, t) == 0;
    if (!t->beside)
        f(arg);
    return t;
}

void thread_finish(struct thread_task *t)
{
    if (t && t->beside)
        pthread_join(t->thread, NULL);
    free(t);
}

int thread_cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}
