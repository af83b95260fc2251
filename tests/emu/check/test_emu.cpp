/*
 * The emulated GPU itself: that threads, warps, memory and graphs do what CUDA's do, and that what
 * a GPU leaves undefined ends the program with the reason.
 */
#include "block.h"
#include "core/device/cuda/mma.cuh"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include <cmocka.h>
}

static cudaStream_t stream;

static float *floats(size_t n)
{
    void *block;
    assert_int_equal(cudaMalloc(&block, n * sizeof(float)), cudaSuccess);
    return (float *)block;
}

template <class... P, class... A>
static cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared, A... args)
{
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    return cudaLaunchKernelEx(&config, kernel, args...);
}

static void read_back(float *to, const float *from, size_t n)
{
    assert_int_equal(cudaMemcpyAsync(to, from, n * sizeof(float), cudaMemcpyDeviceToHost, stream),
                     cudaSuccess);
}

/* The act must end the program; its stderr has `text`, if that is given. */
static void dies(void (*act)(void), const char *text)
{
#ifdef __SANITIZE_THREAD__
    (void)act; // a child of fork hangs on a signal there
    (void)text;
    return;
#endif
    int pipes[2], status;
    char said[8192];
    size_t n = 0;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(pipes[1], 2);
        for (int i : {SIGSEGV, SIGBUS, SIGABRT})
            signal(i, SIG_DFL); // cmocka would go on
        act();
        cudaStreamSynchronize(stream);
        _exit(0);
    }
    close(pipes[1]);
    for (ssize_t got; (got = read(pipes[0], said + n, sizeof said - 1 - n)) > 0;)
        n += (size_t)got;
    said[n] = 0;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_not_equal(status, 0);
    if (text && !strstr(said, text))
        fail_msg("said '%s', not '%s'", said, text);
}

/* ---- threads ---- */

__global__ static void turn_k(float *y, int barrier, float base)
{
    __shared__ float place[96];
    place[threadIdx.x] = base + (float)threadIdx.x;
    if (barrier)
        __syncthreads();
    y[threadIdx.x] = place[(threadIdx.x + 1) % blockDim.x] - base;
}

static void turn(float got[96], int barrier, bool falling)
{
    float *y = floats(96);
    emu_order(falling);
    launch(turn_k, 1, 96, 0, y, barrier, falling ? 1000.0f : 0.0f);
    read_back(got, y, 96);
    emu_order(false);
    cudaFree(y);
}

static void threads_meet_at_barriers(void **)
{
    float got[96];
    for (int falling = 0; falling < 2; falling++) {
        turn(got, 1, falling);
        for (int i = 0; i < 96; i++)
            assert_true(got[i] == (float)((i + 1) % 96));
    }
}

static void a_missing_barrier_shows(void **)
{
    float rising[96], falling[96];
    turn(rising, 0, false);
    turn(falling, 0, true);
    assert_memory_not_equal(rising, falling, sizeof rising);
}

__global__ static void part_k(void)
{
    if (threadIdx.x < 32)
        __syncthreads();
    else
        __syncthreads();
}

__global__ static void stuck_k(void)
{
    if (threadIdx.x % 2)
        __syncthreads();
    else
        __syncwarp();
}

__global__ static void gone_k(float *y)
{
    if (threadIdx.x == 3)
        return;
    y[threadIdx.x] = warp_sum(1.0f);
}

__global__ static void returned_k(float *y)
{
    if (threadIdx.x >= 32)
        return;
    __syncthreads(); // threads that returned are not waited for
    y[threadIdx.x] = 1;
}

static void threads_that_never_meet_end_the_program(void **)
{
    dies([] { launch(part_k, 1, 64, 0); }, "while others wait at");
    dies([] { launch(stuck_k, 1, 32, 0); }, "deadlock");
    dies([] { launch(gone_k, 1, 32, 0, floats(32)); }, "lane");
    float got[32], *y = floats(32);
    launch(returned_k, 1, 64, 0, y);
    read_back(got, y, 32);
    assert_true(got[31] == 1);
    cudaFree(y);
}

__global__ static void warp_k(float *y)
{
    int lane = (int)threadIdx.x % 32, *out = (int *)y + 8 * threadIdx.x;
    out[0] = __shfl_sync(ALL_LANES, lane, 5);
    out[1] = __shfl_xor_sync(ALL_LANES, lane, 3);
    out[2] = __shfl_down_sync(ALL_LANES, lane, 4);
    out[3] = __shfl_up_sync(ALL_LANES, lane, 4);
    out[4] = (int)__ballot_sync(ALL_LANES, lane % 3 == 0);
    out[5] = __shfl_down_sync(ALL_LANES, lane, 4, 8);
    out[6] = __shfl_sync(ALL_LANES, lane, 1, 8);
    out[7] = __syncthreads_or(threadIdx.x == 40);
}

static void lanes_exchange_what_cuda_says(void **)
{
    static int got[64][8];
    float *y = floats(512);
    launch(warp_k, 1, 64, 0, y);
    read_back((float *)got, y, 512);
    unsigned thirds = 0;
    for (int lane = 0; lane < 32; lane += 3)
        thirds |= 1u << lane;
    for (int i = 0; i < 64; i++) {
        int lane = i % 32;
        assert_int_equal(got[i][0], 5);
        assert_int_equal(got[i][1], lane ^ 3);
        assert_int_equal(got[i][2], lane + 4 < 32 ? lane + 4 : lane);
        assert_int_equal(got[i][3], lane >= 4 ? lane - 4 : lane);
        assert_int_equal(got[i][4], (int)thirds);
        assert_int_equal(got[i][5], lane % 8 < 4 ? lane + 4 : lane);
        assert_int_equal(got[i][6], lane / 8 * 8 + 1);
        assert_int_equal(got[i][7], 1);
    }
    cudaFree(y);
}

/* ---- tensor cores ---- */

/* d (16, 8) = a (16, 16) b (16, 8) with a by ldmatrix and b by its transposing form. */
__global__ static void product_k(float *d, const float *a, const float *b)
{
    __shared__ __align__(16) uint16_t sa[16][16], sb[16][8];
    int lane = (int)threadIdx.x;
    for (int i = lane; i < 256; i += 32)
        sa[i / 16][i % 16] = (uint16_t)pack_half(a[i], 0);
    for (int i = lane; i < 128; i += 32)
        sb[i / 8][i % 8] = (uint16_t)pack_half(b[i], 0);
    __syncthreads();
    uint32_t fa[4], fb[4];
    load_matrix_x4(fa, &sa[lane % 16][lane / 16 * 8]);
    load_matrix_x4_trans(fb, &sb[lane % 16][0]);
    float sum[4] = {};
    mma_16816_half(sum, fa, fb);
    for (int i = 0; i < 4; i++)
        d[(lane / 4 + i / 2 * 8) * 8 + 2 * (lane % 4) + i % 2] = sum[i];
}

static void fragments_lie_as_the_ptx_manual_says(void **)
{
    float a[256], b[128], got[128];
    for (int i = 0; i < 256; i++)
        a[i] = (float)(i * 7 % 31 - 15);
    for (int i = 0; i < 128; i++)
        b[i] = (float)(i * 5 % 17 - 8);
    float *da = floats(256), *db = floats(128), *d = floats(128);
    cudaMemcpyAsync(da, a, sizeof a, cudaMemcpyHostToDevice, stream);
    cudaMemcpyAsync(db, b, sizeof b, cudaMemcpyHostToDevice, stream);
    launch(product_k, 1, 32, 0, d, da, db);
    read_back(got, d, 128);
    for (int m = 0; m < 16; m++)
        for (int n = 0; n < 8; n++) {
            float want = 0;
            for (int k = 0; k < 16; k++)
                want += a[m * 16 + k] * b[k * 8 + n];
            assert_true(got[m * 8 + n] == want);
        }
    cudaFree(da);
    cudaFree(db);
    cudaFree(d);
}

__global__ static void copy_k(float *y, const float *x)
{
    __shared__ __align__(16) float place[2][4];
    for (int i = 0; i < 4; i++)
        place[0][i] = place[1][i] = -1;
    copy_async(place[0], x, 16);
    copy_async_commit();
    copy_async(place[1], x + 4, 8);
    copy_async_commit();
    y[0] = place[0][0];
    copy_async_wait(1);
    y[1] = place[0][1];
    y[2] = place[1][1];
    copy_async_wait(0);
    y[3] = place[1][1];
    y[4] = place[1][2];
}

static void copies_arrive_when_they_are_waited_for(void **)
{
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, got[5];
    float *from = floats(8), *y = floats(5);
    cudaMemcpyAsync(from, x, sizeof x, cudaMemcpyHostToDevice, stream);
    launch(copy_k, 1, 1, 0, y, from);
    read_back(got, y, 5);
    const float want[5] = {-1, 2, -1, 6, 0};
    assert_memory_equal(got, want, sizeof want);
    cudaFree(from);
    cudaFree(y);
}

/* ---- memory ---- */

__global__ static void write_k(float *y, int at, float value)
{
    y[at] = value;
}

__global__ static void shared_k(float *y)
{
    DYNAMIC_SHARED(float, place);
    y[0] = place[threadIdx.x];
}

static struct {
    size_t n;
    int at;
} outside;

static void memory_is_checked(void **)
{
    float got[2], *y = floats(2);
    read_back(got, y, 2);
    assert_true(got[0] != got[0]); // fresh memory is not a number
    launch(shared_k, 1, 1, 16, y);
    read_back(got, y, 1);
    assert_true(got[0] != got[0]); // and so is shared memory
    cudaFree(y);
    for (int n : {3, 64})
        for (int at : {-1, n}) {
            outside.n = (size_t)n;
            outside.at = at;
            dies(
                [] {
                    float *block = floats(outside.n);
                    launch(write_k, 1, 1, 0, block, outside.at, 1.0f);
                    cudaStreamSynchronize(stream);
                    cudaFree(block);
                },
                NULL);
        }
    dies(
        [] {
            float host = 0;
            launch(write_k, 1, 1, 0, &host, 0, 1.0f);
        },
        "not device memory");
    dies([] { *floats(4) = 1; }, NULL); // the host follows a device pointer
    dies(
        [] {
            float *freed = floats(4);
            cudaFree(freed);
            launch(write_k, 1, 1, 0, freed, 0, 1.0f);
        },
        "not device memory");
}

static void launches_have_limits(void **)
{
    float *y = floats(1);
    assert_int_equal(launch(shared_k, 1, 1, 49 << 10, y), cudaErrorInvalidValue);
    assert_int_equal(
        cudaFuncSetAttribute(shared_k, cudaFuncAttributeMaxDynamicSharedMemorySize, 228 << 10),
        cudaErrorInvalidValue);
    assert_int_equal(
        cudaFuncSetAttribute(shared_k, cudaFuncAttributeMaxDynamicSharedMemorySize, 64 << 10),
        cudaSuccess);
    assert_int_equal(launch(shared_k, 1, 1, 64 << 10, y), cudaSuccess);
    assert_int_equal(launch(write_k, 0, 1, 0, y, 0, 1.0f), cudaErrorInvalidConfiguration);
    assert_int_equal(launch(write_k, 1, 1025, 0, y, 0, 1.0f), cudaErrorInvalidConfiguration);
    assert_int_equal(launch(write_k, dim3(1, 65536), 1, 0, y, 0, 1.0f),
                     cudaErrorInvalidConfiguration);
    cudaStreamSynchronize(stream);
    cudaFree(y);
    cudaGetLastError();
}

/* ---- streams and graphs ---- */

static void work_waits_and_keeps_its_arguments(void **)
{
    float got, *y = floats(1), value = 1;
    void *room;
    assert_int_equal(cudaMallocHost(&room, sizeof(float)), cudaSuccess);
    float *pinned = (float *)room;
    launch(write_k, 1, 1, 0, y, 0, value);
    value = 2; // the kernel has its own copy
    read_back(&got, y, 1);
    assert_true(got == 1);
    *pinned = 3;
    cudaMemcpyAsync(y, pinned, sizeof *pinned, cudaMemcpyHostToDevice, stream);
    *pinned = 4; // too early: pinned memory is read when the copy runs
    read_back(&got, y, 1);
    assert_true(got == 4);
    cudaFreeHost(room);
    cudaFree(y);
}

static void a_graph_runs_its_work_again(void **)
{
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    float got, *y = floats(2);
    assert_int_equal(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
    cudaMemcpyAsync(y + 1, y, sizeof *y, cudaMemcpyDeviceToDevice, stream);
    launch(write_k, 1, 1, 0, y, 0, 7.0f);
    assert_int_equal(cudaStreamEndCapture(stream, &graph), cudaSuccess);
    assert_int_equal(cudaGraphInstantiate(&exec, graph), cudaSuccess);
    cudaGraphDestroy(graph);
    launch(write_k, 1, 1, 0, y, 0, 5.0f); // nothing of the capture has run
    for (int i = 0; i < 2; i++) {
        cudaGraphLaunch(exec, stream);
        read_back(&got, y + 1, 1);
        assert_true(got == (i ? 7 : 5));
    }
    cudaGraphExecDestroy(exec);
    cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    assert_int_equal(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
    assert_int_equal(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
    cudaGetLastError();
    cudaFree(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_meet_at_barriers),
        cmocka_unit_test(a_missing_barrier_shows),
        cmocka_unit_test(threads_that_never_meet_end_the_program),
        cmocka_unit_test(lanes_exchange_what_cuda_says),
        cmocka_unit_test(fragments_lie_as_the_ptx_manual_says),
        cmocka_unit_test(copies_arrive_when_they_are_waited_for),
        cmocka_unit_test(memory_is_checked),
        cmocka_unit_test(launches_have_limits),
        cmocka_unit_test(work_waits_and_keeps_its_arguments),
        cmocka_unit_test(a_graph_runs_its_work_again),
    };
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    cudaStreamDestroy(stream);
    return rc;
}
