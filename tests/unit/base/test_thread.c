/* The pool: every chunk exactly once, for any number of threads and chunks, job after job. */
#include "t.h"

#include "core/base/thread.h"

#include <sched.h>
#include <stdbool.h>

enum { MOST_CHUNKS = 40, RUNS = 10000 };

/* Plain counters: two threads on one chunk, or a chunk after thread_run's return, are a data race
 * that TSan reports and a count that is not 1. */
struct job {
    int count[MOST_CHUNKS];
    size_t chunks;
    bool slow;
};

static void count(void *arg, size_t chunk)
{
    struct job *job = arg;
    if (chunk >= job->chunks)
        abort();
    job->count[chunk]++;
    if (job->slow) // long enough for the sleepers to wake and take their share
        for (int i = 0; i < 4; i++)
            sched_yield();
}

static void every_chunk_runs_exactly_once_over_many_small_jobs(void **state)
{
    (void)state;
    for (int n = 1; n <= 4; n++) {
        struct thread_pool *p = thread_pool_new(n);
        assert_int_equal(thread_pool_size(p), n);
        for (int run = 0; run < RUNS; run++) {
            struct job job = {.chunks = (size_t)(run * 7 % (MOST_CHUNKS + 1)),
                              .slow = run % 4 == 0};
            thread_run(p, job.chunks, count, &job);
            for (size_t c = 0; c < MOST_CHUNKS; c++)
                if (job.count[c] != (c < job.chunks))
                    fail_msg("%d threads, run %d: chunk %zu of %zu ran %d times", n, run, c,
                             job.chunks, job.count[c]);
        }
        thread_pool_free(p);
    }
}

static void add_own_part(void *arg, size_t chunk)
{
    double *part = arg;
    part[chunk] = 0;
    for (int i = 0; i < 1000; i++)
        part[chunk] += 1.0 / (double)(1 + i + 1000 * (int)chunk);
}

static void sums_in_chunk_order_have_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    double part[64], want = 0;
    for (int n = 1; n <= 5; n++) {
        struct thread_pool *p = thread_pool_new(n);
        thread_run(p, 64, add_own_part, part);
        double sum = 0;
        for (int c = 0; c < 64; c++)
            sum += part[c];
        if (n == 1)
            want = sum;
        assert_memory_equal(&sum, &want, sizeof sum);
        thread_pool_free(p);
    }
}

static void two_pools_may_take_turns(void **state)
{
    (void)state;
    struct thread_pool *outer = thread_pool_new(3), *inner = thread_pool_new(2);
    for (int run = 0; run < 200; run++) {
        struct job a = {.chunks = 5}, b = {.chunks = 9};
        thread_run(outer, a.chunks, count, &a);
        thread_run(inner, b.chunks, count, &b);
        for (size_t c = 0; c < MOST_CHUNKS; c++)
            assert_true(a.count[c] == (c < 5) && b.count[c] == (c < 9));
    }
    thread_pool_free(inner);
    thread_pool_free(outer);
}

static void a_pool_may_be_freed_unused_or_not_exist(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++)
        thread_pool_free(thread_pool_new(4));
    thread_pool_free(NULL);
    assert_true(thread_cores() >= 1);
}

static void run_inner(void *arg)
{
    double *sum = arg;
    struct thread_pool *p = thread_pool_new(3);
    double part[64];
    thread_run(p, 64, add_own_part, part);
    for (int i = 0; i < 64; i++)
        *sum += part[i];
    thread_pool_free(p);
}

/* A task may have a pool to itself while the caller uses another. */
static void a_task_runs_beside_its_caller(void **state)
{
    (void)state;
    double beside = 0, here = 0;
    struct thread_task *t = thread_start(run_inner, &beside);
    run_inner(&here);
    thread_finish(t);
    thread_finish(NULL);
    assert_true(here > 0 && here == beside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chunk_runs_exactly_once_over_many_small_jobs),
        cmocka_unit_test(sums_in_chunk_order_have_the_same_bits_for_any_number_of_threads),
        cmocka_unit_test(two_pools_may_take_turns),
        cmocka_unit_test(a_task_runs_beside_its_caller),
        cmocka_unit_test(a_pool_may_be_freed_unused_or_not_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
