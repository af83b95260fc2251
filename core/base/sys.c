/* Calls that a test can make fail: see sys.h. */
#include "core/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { FAULTS = 8, WORD = 32 };
enum what { FAIL, KILL, SHORT, JUMP, NAME };

static const char *const call_names[] = {"open", "read",  "write", "fsync", "rename", "unlink",
                                         "lock", "alloc", "fork",  "clock", "place",  "gpu"};
enum { CALLS = sizeof call_names / sizeof call_names[0] };

static const struct {
    const char *name;
    int value;
} errnos[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EDQUOT", EDQUOT}, {"EINTR", EINTR},
              {"EMFILE", EMFILE}, {"ENFILE", ENFILE}, {"ENOMEM", ENOMEM}, {"EAGAIN", EAGAIN},
              {"EACCES", EACCES}, {"EROFS", EROFS},   {"EFBIG", EFBIG},   {"ENOLCK", ENOLCK},
              {"ENODEV", ENODEV}};

struct fault {
    enum sys_call call;
    long at;
    bool onwards; // and every call after it
    enum what what;
    int error;      // of FAIL
    long long jump; // seconds, of JUMP
    char text[WORD];
};

/* Written once, before main and hence before there are threads. */
static struct fault faults[FAULTS];
static int n_faults;
static atomic_long counts[CALLS];
static atomic_llong clock_shift; // seconds that the wall clock has jumped

static _Noreturn void refuse(const char *word)
{
    fprintf(stderr, "PROMPTGRID_FAULT: '%s' is not [PROGRAM/]CALL:N[+]:WHAT\n", word);
    _exit(2);
}

static int parse_call(const char *name)
{
    for (int i = 0; i < CALLS; i++)
        if (strcmp(name, call_names[i]) == 0)
            return i;
    return -1;
}

static bool parse_what(struct fault *f, const char *text)
{
    char *end;
    snprintf(f->text, sizeof f->text, "%s", text);
    if (f->call == CALL_CLOCK) {
        f->what = JUMP;
        f->jump = strtoll(text, &end, 10);
        return *text && !*end;
    }
    if (f->call == CALL_PLACE) {
        f->what = NAME;
        return *text != 0;
    }
    f->what = strcmp(text, "kill") == 0 ? KILL : strcmp(text, "short") == 0 ? SHORT : FAIL;
    for (size_t i = 0; i < sizeof errnos / sizeof errnos[0]; i++)
        if (strcmp(text, errnos[i].name) == 0)
            f->error = errnos[i].value;
    return f->what == KILL || (f->what == SHORT && f->call == CALL_WRITE) || f->error ||
           (f->call == CALL_GPU && strcmp(text, "FLIP") == 0);
}

/* `word` is changed. */
static void parse(char *word)
{
    char *slash = strchr(word, '/'), *first = strchr(word, ':'),
         *second = first ? strchr(first + 1, ':') : NULL, *end;
    if (slash && (!first || slash < first)) {
        *slash = 0;
        if (strcmp(word, program_invocation_short_name) != 0)
            return;
        word = slash + 1;
    }
    if (!second || n_faults == FAULTS)
        refuse(word);
    *first = *second = 0;
    struct fault f = {0};
    int call = parse_call(word);
    f.at = strtol(first + 1, &end, 10);
    f.onwards = *end == '+';
    f.call = (enum sys_call)call;
    if (call < 0 || f.at < 1 || end[f.onwards] || !parse_what(&f, second + 1))
        refuse(word);
    faults[n_faults++] = f;
}

void sys_arm(const char *given)
{
    static char text[512];
    char *rest = NULL;
    if (!given || !*given)
        return;
    if ((size_t)snprintf(text, sizeof text, "%s", given) >= sizeof text)
        refuse(text);
    for (char *word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest))
        parse(word);
}

__attribute__((constructor)) static void read_faults(void)
{
    sys_arm(getenv("PROMPTGRID_FAULT"));
}

bool sys_armed(void)
{
    return n_faults > 0;
}

static void tell(const struct fault *f, long n)
{
    char line[96];
    int size = snprintf(line, sizeof line, "fault: %s %ld: %s\n", call_names[f->call], n, f->text);
    if (write(2, line, (size_t)size) < 0)
        _exit(70);
}

/* The fault that this call meets, or NULL. */
static const struct fault *meet(enum sys_call call)
{
    if (!n_faults)
        return NULL;
    long n = atomic_fetch_add(&counts[call], 1) + 1;
    for (int i = 0; i < n_faults; i++) {
        const struct fault *f = &faults[i];
        if (f->call != call || (f->onwards ? n < f->at : n != f->at))
            continue;
        if (n == f->at)
            tell(f, n);
        if (f->what == KILL)
            kill(getpid(), SIGKILL);
        errno = f->error;
        return f;
    }
    return NULL;
}

bool sys_fails(enum sys_call call)
{
    const struct fault *f = meet(call);
    return f && f->what == FAIL;
}

/* ---- files ---- */

int sys_open(const char *path, int flags, mode_t mode)
{
    if ((flags & O_ACCMODE) != O_RDONLY && sys_fails(CALL_OPEN))
        return -1;
    return open(path, flags, mode);
}

ssize_t sys_read(int fd, void *data, size_t size)
{
    return sys_fails(CALL_READ) ? -1 : read(fd, data, size);
}

ssize_t sys_pread(int fd, void *data, size_t size, off_t offset)
{
    return sys_fails(CALL_READ) ? -1 : pread(fd, data, size, offset);
}

/* How much of a write may go through: -1 none of it. */
static ssize_t allow(size_t size)
{
    const struct fault *f = meet(CALL_WRITE);
    if (f && f->what == FAIL)
        return -1;
    return (ssize_t)(f && size > 1 ? size / 2 : size);
}

ssize_t sys_write(int fd, const void *data, size_t size)
{
    ssize_t part = allow(size);
    return part < 0 ? -1 : write(fd, data, (size_t)part);
}

ssize_t sys_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    ssize_t part = allow(size);
    return part < 0 ? -1 : pwrite(fd, data, (size_t)part, offset);
}

int sys_fsync(int fd)
{
    return sys_fails(CALL_FSYNC) ? -1 : fsync(fd);
}

int sys_rename(const char *from, const char *to)
{
    return sys_fails(CALL_RENAME) ? -1 : rename(from, to);
}

int sys_unlink(const char *path)
{
    return sys_fails(CALL_UNLINK) ? -1 : unlink(path);
}

int sys_flock(int fd, int operation)
{
    return sys_fails(CALL_LOCK) ? -1 : flock(fd, operation);
}

const char *sys_place(const char *path)
{
    /* From linux/magic.h and, where that has no name, the file systems' own headers. */
    static const struct {
        unsigned magic;
        const char *name;
    } places[] = {{0x6969, "NFS"},        {0x517b, "SMB"},      {0xff534d42, "SMB"},
                  {0xfe534d42, "SMB"},    {0x65735546, "FUSE"}, {0x5346414f, "AFS"},
                  {0x00c36400, "Ceph"},   {0x47504653, "GPFS"}, {0x0bd00bd0, "Lustre"},
                  {0x19830326, "BeeGFS"}, {0x01021997, "9P"},   {0xaad7aaea, "PanFS"},
                  {0x7461636f, "OCFS2"}};
    struct statfs s;
    const struct fault *f = meet(CALL_PLACE);
    if (f)
        return f->text;
    if (statfs(path, &s) < 0)
        return NULL;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if ((unsigned)s.f_type == places[i].magic)
            return places[i].name;
    return NULL;
}

/* ---- memory ---- */

void *sys_malloc(size_t size)
{
    return sys_fails(CALL_ALLOC) ? NULL : malloc(size);
}

void *sys_realloc(void *block, size_t size)
{
    return sys_fails(CALL_ALLOC) ? NULL : realloc(block, size);
}

/* ---- time ---- */

time_t sys_time(void)
{
    const struct fault *f = meet(CALL_CLOCK);
    if (f)
        atomic_fetch_add(&clock_shift, f->jump);
    return time(NULL) + (time_t)atomic_load(&clock_shift);
}

double sys_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- processes ---- */

/* The first bytes of a file of /proc, terminated; false when it cannot be read. */
static bool read_proc(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);
    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = 0;
    return n > 0;
}

/* State letter and start time of a process: its name, in parentheses, may hold anything. */
static bool read_stat(long pid, char *state, long long *start)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    if (!read_proc(path, text, sizeof text))
        return false;
    char *field = strrchr(text, ')');
    if (!field || strlen(field) < 3)
        return false;
    field += 2;
    *state = *field;
    for (int i = 3; i < 22 && field; i++) // the state is field 3, the start field 22
        field = strchr(field + 1, ' ');
    *start = field ? strtoll(field, NULL, 10) : 0;
    return field != NULL;
}

/* It stays as it is while we live. */
static char boot[40];

static void read_boot(void)
{
    read_proc("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    boot[strcspn(boot, "\n")] = 0;
}

bool sys_process(long pid, struct sys_process *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char state;
    pthread_once(&once, read_boot);
    *out = (struct sys_process){.pid = pid};
    memcpy(out->boot, boot, sizeof out->boot);
    return read_stat(pid, &state, &out->start);
}

bool sys_process_lives(const struct sys_process *p)
{
    struct sys_process now;
    char state;
    long long start;
    return *p->boot && p->pid > 0 && sys_process(p->pid, &now) && strcmp(now.boot, p->boot) == 0 &&
           now.start == p->start && read_stat(p->pid, &state, &start) && state != 'Z' &&
           state != 'X';
}
