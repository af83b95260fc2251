/*
 * The thin layer under everything that may fail outside the program: files, memory, processes, the
 * clock. Each call is the system's own until PROMPTGRID_FAULT tells one to fail, so that a test can
 * take every one in turn:
 *
 *   PROMPTGRID_FAULT=[PROGRAM/]CALL:N[+]:WHAT[,...]
 *
 *   PROGRAM  only in the program of that name (that of its file); else in each of ours, each
 *            counting for itself
 *   CALL     open (to write), read, write, fsync, rename, unlink, lock, alloc, fork, gpu
 *            (any call of the CUDA device: ENOMEM, its memory is full; EIO, it has an
 *            uncorrectable error; ENODEV, it is lost; FLIP, no error, but in the first result that
 *            it computes from there on one bit is wrong)
 *   N        the N-th call; N+: that one and all after it
 *   WHAT     an errno by name (ENOSPC, EIO, EINTR, ...); kill: SIGKILL to itself before the call;
 *            short: a write that stops in the middle
 *   clock:N:+S or clock:N:-S   the wall clock jumps by S seconds at its N-th reading
 *   place:N:NAME   the N-th file that is asked for it lies on a network file system of that name
 *
 * A fault that fires says "fault: CALL N: WHAT" on stderr. Unset, the cost is one test of a flag.
 */
#ifndef PROMPTGRID_BASE_SYS_H
#define PROMPTGRID_BASE_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

enum sys_call {
    CALL_OPEN,
    CALL_READ,
    CALL_WRITE,
    CALL_FSYNC,
    CALL_RENAME,
    CALL_UNLINK,
    CALL_LOCK,
    CALL_ALLOC,
    CALL_FORK,
    CALL_CLOCK,
    CALL_PLACE,
    CALL_GPU,
};

bool sys_armed(void); // PROMPTGRID_FAULT is set

/* As if PROMPTGRID_FAULT had been set to the text: once, before there are threads. For a program of
 * the tests whose children are ours without being started anew. */
void sys_arm(const char *text);

/* Count a call; true: it is to fail, errno says how (0: by a wrong result, FLIP). */
bool sys_fails(enum sys_call call);

/* As the system calls of the same name. */
int sys_open(const char *path, int flags, mode_t mode); // CALL_OPEN counts only if it may write
ssize_t sys_read(int fd, void *data, size_t size);
ssize_t sys_pread(int fd, void *data, size_t size, off_t offset);
ssize_t sys_write(int fd, const void *data, size_t size);
ssize_t sys_pwrite(int fd, const void *data, size_t size, off_t offset);
int sys_fsync(int fd);
int sys_rename(const char *from, const char *to);
int sys_unlink(const char *path);
int sys_flock(int fd, int operation);
void *sys_malloc(size_t size); // NULL: no memory
void *sys_realloc(void *block, size_t size);

/* Which network file system the file or folder lies on ("NFS", "SMB", "FUSE", ...); NULL: none. */
const char *sys_place(const char *path);

/* The time of day may jump; durations and deadlines are taken from sys_now, which never goes back.
 */
time_t sys_time(void);
double sys_now(void); // seconds since some start

/* Who a process is, also after its number went to another or the machine was started anew. */
struct sys_process {
    char boot[40]; // the kernel's name of this start of the machine
    long pid;
    long long start; // clock ticks from there to the start of the process
};
bool sys_process(long pid, struct sys_process *out); // false: there is none
bool sys_process_lives(const struct sys_process *p); // the same one; a zombie does not

#endif
