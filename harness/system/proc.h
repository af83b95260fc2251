/*
 * The only place that creates processes: argv arrays, never a shell.
 *
 * A child has its own process group (Ctrl-C on the terminal reaches only us), stdin from /dev/null,
 * stdout and stderr together through a pipe into a log of bounded size, and, if asked, pipes on
 * descriptors 3 and 4. Every other descriptor is closed. The kernel kills the child when we die.
 *
 * One loop serves all children: proc_watch says what to poll for, proc_serve reads what is there
 * without ever blocking, proc_reap takes the exit status.
 */
#ifndef PROMPTGRID_HARNESS_PROC_H
#define PROMPTGRID_HARNESS_PROC_H

#include "core/base/err.h"
#include "core/base/str.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    PROC_LOG_HEAD = 8 << 20,  // bytes of output kept from the start
    PROC_LOG_TAIL = 64 << 10, // and from the end, when there is more
    PROC_FDS = 3,
};

struct proc_options {
    const char *const *argv; // NULL-terminated; argv[0] is looked up in PATH unless it has a '/'
    const char *folder;      // to run in; NULL = here
    const char *log;         // file for stdout and stderr, see proc_log; NULL = keep only the tail
    /* What arrives on descriptor 3, in pieces; NULL = no descriptor 3. */
    void (*events)(void *arg, const char *data, size_t size);
    void *arg;
    /* It gets descriptor 4, and does nothing before it reads a byte there: see proc_go. */
    bool gated;
    bool confined; // it may start no process and open no socket, and has little environment
};

struct proc {
    pid_t pid;          // 0 = none
    int exit_fd;        // pidfd, readable once the child has ended
    int output, events; // read ends, -1 = closed
    int gate;           // write end; -1 = none, or it was opened
    int log;            // -1 = none, or it could not be written
    size_t written;     // bytes in the log
    size_t total;       // bytes of output
    long long memory;   // largest resident size in bytes, after proc_reap
    char *tail;         // ring of the last PROC_LOG_TAIL bytes: byte i is at i % PROC_LOG_TAIL
    struct proc_options options;
};

/* ERR_MISSING when there is no such program, ERR_BUSY when the system has no room for a process now
 * (processes, memory, descriptors). */
int proc_start(struct proc *p, const struct proc_options *options, struct err *e);

/* Keep its output in a new file from now on; what comes before is kept with what comes next. */
int proc_log(struct proc *p, const char *path, struct err *e);

/* Let a gated child begin. One that has died meanwhile ends as any other does. */
void proc_go(struct proc *p);

/* End a child whose work nobody wants, nor what it has said. */
void proc_drop(struct proc *p);

/* Fill in descriptors to poll for (-1 where there is nothing more to come). */
void proc_watch(const struct proc *p, struct pollfd fds[PROC_FDS]);

/* Read what is there. True once the child has ended; then call proc_reap. */
bool proc_serve(struct proc *p);

void proc_signal(const struct proc *p, int signal); // to the whole group

/* Read the rest, end whatever the child left running, close everything. Returns the status as of
 * waitpid; *last, if not NULL, gets the last `lines` lines of output, one '\n' each, made visible.
 */
int proc_reap(struct proc *p, size_t lines, struct str *last);

/* Children that ran away from their parent's group come to us instead of to init, and are ended by
 * proc_end_strays: every child of ours but `known`. */
void proc_adopt(void);
void proc_end_strays(const pid_t *known, size_t n);

/* "" for status 0, else "exited with status 70" or "killed by signal 9". */
void proc_status_text(int status, struct str *out);

/* A shell would run exactly this: words quoted where they need it. Yours to free(). */
char *proc_command_text(const char *const *argv);

/* Run in `folder` (NULL = here) and wait; anything but exit status 0 is an error with the last
 * lines of output. */
int proc_run(const char *const *argv, const char *folder, struct err *e);

/* As proc_run, for a program that only reads and writes files. */
int proc_run_confined(const char *const *argv, const char *folder, struct err *e);

/* What a program prints, stdout and stderr together, its last PROC_LOG_TAIL bytes. Returns its
 * status as of waitpid, whatever it is; after `seconds` it is ended (ERR_SYS). */
int proc_capture(const char *const *argv, double seconds, struct str *out, struct err *e);

/* Become argv[0]: returns only on failure. */
int proc_become(char *const *argv, struct err *e);

/* The runner's path: $PROMPTGRID_RUNNER, else promptgrid-runner beside this program. Yours. */
char *proc_runner(void);

#endif
