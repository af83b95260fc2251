/*
 * A runner for the scheduler's tests: reads the job file, trains nothing, and behaves as told.
 *
 * `task` is the real runner's, with this one's jobs.
 *
 *   FAKE_MODE=MODE[:TEXT]  what to do; with TEXT only for jobs whose file contains it (others
 *                          succeed)
 *   FAKE_MS=N              milliseconds of work (default 0)
 *   FAKE_STEPS=N           steps of a slow run, a tenth of a second each (default 1000)
 *   FAKE_ONCE=FILE         is made by what fails once, and keeps it from failing again
 *   FAKE_SAY=FILE          what the mode "say" sends as events before it succeeds, and what "shout"
 *                          prints
 *   FAKE_LOG=FILE          "begin RUN" and "end RUN" lines are appended to it, and what is done on
 *                          a GPU as "on cuda:0 train pocket-land RUN" and "off ..."
 *   FAKE_DEVICES=FILE      what `devices` prints (default: there is no GPU)
 *
 * Its accuracies are a function of the run's id, so two grids of the same runs are the same.
 */
#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/str.h"
#include "core/data/bank.h"
#include "core/proto/event.h"
#include "core/proto/job.h"
#include "runner/runner.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(const char *what, const char *run)
{
    const char *path = getenv("FAKE_LOG");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;
    if (fd < 0)
        return;
    char *line = str_format("%s %s %ld\n", what, run, (long)getpid());
    if (write(fd, line, strlen(line)) < 0)
        log_warn("unable to write '%s'", path);
    free(line);
    close(fd);
}

/* On which GPU, and what. */
static void note_device(const char *what, const struct job *job)
{
    if (str_eq(job->device, "cpu"))
        return;
    char *text =
        str_format("%s %s %s %s", job->device, json_string_value(json_object_get(job->spec, "job")),
                   json_string_value(json_object_get(job->spec, "dataset")), job->run);
    note(what, text);
    free(text);
}

static void work(void)
{
    const char *text = getenv("FAKE_MS");
    long ms = 0;
    if (text && str_to_long(text, 0, 60000, &ms))
        usleep((useconds_t)(1000 * ms));
}

static void say(const char *text)
{
    if (write(3, text, strlen(text)) < 0)
        exit(3);
}

/* 0..99.9, from the run's id and `salt` */
static double accuracy(const struct job *job, char salt)
{
    char hex[HASH_HEX], *text = str_format("%s%c", job->run, salt);
    hash_bytes(hex, text, strlen(text));
    free(text);
    hex[6] = 0;
    return (double)(strtol(hex, NULL, 16) % 1000) / 10;
}

static void metric(const struct job *job, const char *split)
{
    event_send(json_pack("{s:s, s:s, s:s, s:f}", "event", "metric", "split", split, "name",
                         "accuracy", "value", accuracy(job, split[0])));
}

/* A whole bank of one image, or a prompt's file that holds the run's id; its hash. */
static int make(const struct job *job, bool bank, char hash[HASH_HEX], struct err *e)
{
    static const size_t index = 0;
    enum { DIM = 4 };
    float features[DIM];
    struct bank_writer *w;
    int rc;
    if (!bank)
        return (rc = fs_write(job->out, job->run, strlen(job->run), e)) < 0
                   ? rc
                   : hash_file(hash, job->out, e);
    for (int i = 0; i < DIM; i++)
        features[i] = (float)accuracy(job, (char)('0' + i));
    rc = bank_create(&w, job->out, job->spec, 1, &index, 1, DIM, e);
    if (rc == 0 && (rc = bank_put(w, 0, 0, features, e)) < 0)
        bank_abandon(w);
    return rc < 0 ? rc : bank_commit(w, hash, e);
}

static int succeed(const struct job *job)
{
    struct err e = {0};
    char hash[HASH_HEX];
    bool gpu = !str_eq(job->device, "cpu");
    event_send(json_pack("{s:s, s:{s:s}, s:s, s:s, s:i}", "event", "start", "runner", "version",
                         "fake", "device", gpu ? "cuda: fake" : "cpu: fake", "determinism",
                         gpu ? "device" : "bitwise", "threads", job->threads));
    event_send(json_pack("{s:s, s:i, s:i, s:s}", "event", "progress", "done", 1, "of", 2, "unit",
                         "epoch"));
    work();
    bool encode = str_eq(json_string_value(json_object_get(job->spec, "job")), "encode");
    const char *protocol = json_string_value(json_object_get(job->spec, "protocol"));
    if (!job->out) { // an evaluation
        metric(job, "test");
        event_send(json_pack("{s:s}", "event", "done"));
        return 0;
    }
    if (make(job, encode, hash, &e) < 0) {
        log_error("%s", e.text);
        return 3;
    }
    if (!encode && !str_eq(protocol, "few-shot")) {
        metric(job, "base");
        metric(job, "new");
    }
    if (!encode && !str_eq(protocol, "base-to-new"))
        metric(job, "test");
    event_send(json_pack("{s:s, s:s, s:s, s:s}", "event", "artifact", "kind",
                         encode ? "bank" : "prompt", "path", job->out, "sha256", hash));
    event_send(json_pack("{s:s}", "event", "done"));
    return 0;
}

static int fail(const struct job *job)
{
    (void)job;
    for (int i = 1; i <= 7; i++)
        printf("line %d\n", i);
    event_send(json_pack("{s:s, s:s, s:s}", "event", "fail", "class", "numeric", "text",
                         "loss is not finite in epoch 3"));
    return 1;
}

static int crash(const struct job *job)
{
    (void)job;
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
    return 0;
}

static int hang(const struct job *job)
{
    (void)job;
    while (pause() < 0)
        ;
    return 0;
}

/* Says that it goes on, but takes its time. */
static int slow(const struct job *job)
{
    const char *text = getenv("FAKE_STEPS");
    long steps = 1000;
    if (text)
        str_to_long(text, 1, 100000, &steps);
    for (long i = 3; i < steps; i++) {
        event_send(json_pack("{s:s, s:I, s:I, s:s}", "event", "progress", "done", (json_int_t)3,
                             "of", (json_int_t)steps, "unit", "epoch"));
        usleep(100000);
    }
    return succeed(job);
}

/* Says where it is, then nothing more. */
static int hang_midway(const struct job *job)
{
    event_send(json_pack("{s:s, s:i, s:i, s:s}", "event", "progress", "done", 1, "of", 2, "unit",
                         "epoch"));
    return hang(job);
}

static int killed(const struct job *job)
{
    (void)job;
    kill(getpid(), SIGKILL);
    return 0;
}

/* FAKE_ONCE is made by the first that asks. */
static bool first_time(void)
{
    const char *path = getenv("FAKE_ONCE");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL, 0666) : -1;
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int killed_once(const struct job *job)
{
    return first_time() ? killed(job) : succeed(job);
}

static int full(const struct job *job)
{
    (void)job;
    event_send(json_pack("{s:s, s:s, s:s}", "event", "fail", "class", "system", "text",
                         "unable to write 'x': No space left on device"));
    return 3;
}

static int no_memory(const struct job *job)
{
    (void)job;
    event_send(json_pack("{s:s, s:s, s:s}", "event", "fail", "class", "memory", "text",
                         "out of memory: 1 x 8 bytes"));
    return 3;
}

/* Its GPU is gone. */
static int lost(const struct job *job)
{
    char *text = str_format("%s: the GPU is lost or another process holds it", job->device);
    work();
    event_send(json_pack("{s:s, s:s, s:s}", "event", "fail", "class", "device", "text", text));
    free(text);
    return 3;
}

/* Its GPU has too little memory. */
static int gpu_memory(const struct job *job)
{
    char *text = str_format("%s: not enough memory: 4096 bytes, 0 of 80 MiB are free", job->device);
    event_send(json_pack("{s:s, s:s, s:s}", "event", "fail", "class", "memory", "text", text));
    free(text);
    return 3;
}

static int gpu_memory_once(const struct job *job)
{
    return first_time() ? gpu_memory(job) : succeed(job);
}

/* Leaves a child behind that left its group. */
static int stray(const struct job *job)
{
    if (fork() == 0) {
        setsid();
        note("stray", job->run);
        for (int fd = 0; fd < 8; fd++)
            close(fd);
        sleep(600);
        _exit(0);
    }
    usleep(100000);
    return succeed(job);
}

/* Takes more memory than a test gives it. */
static int eat(const struct job *job)
{
    enum { BLOCK = 1 << 20, BLOCKS = 1000 };
    work();
    for (int i = 0; i < BLOCKS; i++) {
        char *block = malloc(BLOCK);
        if (block)
            memset(block, i + 1, BLOCK);
    }
    return succeed(job);
}

static int stubborn(const struct job *job)
{
    signal(SIGTERM, SIG_IGN);
    return hang(job);
}

static int flood(const struct job *job)
{
    static char block[1 << 16];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 400; i++)
        if (write(1, block, sizeof block) < 0)
            return 3;
    return succeed(job);
}

static int flood_events(const struct job *job)
{
    static char block[1 << 16];
    memset(block, 'x', sizeof block - 1);
    for (;;)
        say(block);
    return succeed(job);
}

static int garbage(const struct job *job)
{
    say("what?\n");
    return succeed(job);
}

/* What a file holds, to a descriptor. */
static void send_file(int to)
{
    struct err e = {0};
    const char *path = getenv("FAKE_SAY");
    char *text;
    size_t size;
    if (!path || fs_read(&text, &size, path, 16 << 20, &e) < 0)
        exit(9);
    for (size_t at = 0; at < size;) {
        ssize_t n = write(to, text + at, size - at);
        if (n <= 0)
            exit(3);
        at += (size_t)n;
    }
    free(text);
}

static int say_file(const struct job *job)
{
    send_file(3);
    return succeed(job);
}

static int shout(const struct job *job)
{
    (void)job;
    send_file(1);
    event_send(json_pack("{s:s, s:s, s:s}", "event", "fail", "class", "numeric", "text",
                         "loss \x1b[31mis not finite\r\n"));
    return 1;
}

/* A gigabyte without an end of line. */
static int endless_line(const struct job *job)
{
    static char block[1 << 20];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 1024; i++)
        if (write(1 + i % 2, block, sizeof block) < 0)
            return 3;
    return succeed(job);
}

static int stopped(const struct job *job)
{
    raise(SIGSTOP);
    return succeed(job);
}

static int spin(const struct job *job)
{
    for (volatile long i = 0; i >= 0; i++)
        ;
    return succeed(job);
}

static int nan_metric(const struct job *job)
{
    say("{\"event\":\"metric\",\"split\":\"test\",\"name\":\"accuracy\",\"value\":NaN}\n");
    return succeed(job);
}

static int twice(const struct job *job)
{
    metric(job, "test");
    metric(job, "test");
    return succeed(job);
}

static int silent(const struct job *job)
{
    (void)job;
    return 0;
}

static int bug(const struct job *job)
{
    (void)job;
    return 70;
}

static const struct {
    const char *name;
    int (*act)(const struct job *job);
} modes[] = {
    {"succeed", succeed},
    {"fail", fail},
    {"crash", crash},
    {"hang", hang},
    {"stubborn", stubborn},
    {"flood", flood},
    {"garbage", garbage},
    {"nan", nan_metric},
    {"say", say_file},
    {"shout", shout},
    {"endless-line", endless_line},
    {"stop", stopped},
    {"spin", spin},
    {"stray", stray},
    {"eat", eat},
    {"slow", slow},
    {"killed", killed},
    {"killed-once", killed_once},
    {"full", full},
    {"memory", no_memory},
    {"hang-midway", hang_midway},
    {"flood-events", flood_events},
    {"twice", twice},
    {"silent", silent},
    {"lost", lost},
    {"gpu-memory", gpu_memory},
    {"gpu-memory-once", gpu_memory_once},
    {"bug", bug},
};

/* `devices` */
static int devices(struct err *e)
{
    const char *path = getenv("FAKE_DEVICES");
    char *text;
    if (!path) {
        puts("{\"device\":\"cuda\",\"problem\":\"no NVIDIA driver; install one that serves CUDA "
             "12.4, or use device cpu\"}");
        return 0;
    }
    if (fs_read(&text, NULL, path, 1 << 20, e) < 0) {
        log_error("%s", e->text);
        return 3;
    }
    fputs(text, stdout);
    free(text);
    return 0;
}

int runner_job(const char *path)
{
    struct err e = {0};
    struct job job = {0};
    char *text;
    if (job_read(&job, path, &e) < 0 || fs_read(&text, NULL, path, 1 << 20, &e) < 0) {
        log_error("%s", e.text);
        job_release(&job);
        return 3;
    }
    const char *mode = getenv("FAKE_MODE"), *colon = mode ? strchr(mode, ':') : NULL;
    size_t length = colon ? (size_t)(colon - mode) : mode ? strlen(mode) : 0, chosen = 0;
    bool applies = mode && (!colon || strstr(text, colon + 1));
    for (size_t i = 0; applies && i < sizeof modes / sizeof modes[0]; i++)
        if (strlen(modes[i].name) == length && memcmp(modes[i].name, mode, length) == 0)
            chosen = i;
    note("begin", job.run);
    note_device("on", &job);
    int status = modes[chosen].act(&job);
    note_device("off", &job);
    note("end", job.run);
    free(text);
    job_release(&job);
    return status;
}

int main(int argc, char **argv)
{
    struct err e = {0};
    long fd = -1, gate = -1;
    log_name("fake-runner");
    if (argc == 2 && str_eq(argv[1], "devices"))
        return devices(&e);
    if (argc > 1 && str_eq(argv[1], "task"))
        return runner_task(argc - 1, argv + 1);
    if ((argc != 5 && argc != 7) || !str_eq(argv[1], "run") || !str_eq(argv[3], "--events-fd") ||
        !str_to_long(argv[4], 0, 1000, &fd) ||
        (argc == 7 && (!str_eq(argv[5], "--go-fd") || !str_to_long(argv[6], 0, 1000, &gate)))) {
        for (int i = 1; i < argc; i++)
            printf("%s\n", argv[i]);
        return 9; // for the tests of commands that are passed on
    }
    event_open((int)fd);
    return job_wait((int)gate) ? runner_job(argv[2]) : 0;
}
