/* Limits: cores and memory, and what the system and our control group allow. */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/thread.h"
#include "harness/system/cgroup.h"
#include "harness/doctor/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* What a run takes, generously. */
#define RUN_BYTES 2e9 // of a full-sized CLIP
enum {
    RUN_FILES = 8,      // descriptors of the scheduler
    OWN_FILES = 32,     // of the store and the log
    RUN_PROCESSES = 16, // threads count too
};

/* The number behind `key` in /proc/meminfo, in bytes; -1 when it is not there. */
static double meminfo(const char *key)
{
    char line[256];
    double kb = -1;
    FILE *f = fopen("/proc/meminfo", "re");
    while (f && kb < 0 && fgets(line, sizeof line, f))
        if (str_starts(line, key) && line[strlen(key)] == ':')
            kb = strtod(line + strlen(key) + 1, NULL);
    if (f)
        fclose(f);
    return kb < 0 ? -1 : 1024 * kb;
}

static void check_memory(struct doctor *d)
{
    double left = meminfo("MemAvailable");
    double limit = cgroup_number("memory", "memory.max", "memory.limit_in_bytes", NULL);
    double used = cgroup_number("memory", "memory.current", "memory.usage_in_bytes", NULL);
    double inactive = cgroup_number("memory", "memory.stat", "memory.stat", "inactive_file");
    char text[24], bound[24];
    bool grouped = limit > 0 && used >= 0 && limit - used + inactive < left;
    if (grouped) // files in the cache are given back
        left = limit - used + (inactive > 0 ? inactive : 0);
    doctor_size(left, text);
    doctor_size(limit, bound);
    enum doctor_state state = doctor_judge(left, RUN_BYTES);
    doctor_add(d, "memory", state,
               state ? "end other programs, raise the limit, or run fewer at once (--jobs 1)"
                     : NULL,
               "%s free%s%s%s", text, grouped ? " below the control group's limit of " : "",
               grouped ? bound : "", state ? ", less than a run of a full-sized CLIP takes" : "");
}

static double soft_limit(int what)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)what, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return -1;
    return (double)limit.rlim_cur;
}

/* So many of it are needed for runs on all cores. */
static void check_count(struct doctor *d, const char *name, const char *what, double has,
                        double needed, const char *mend)
{
    enum doctor_state state = doctor_judge(has, needed);
    if (state)
        doctor_add(d, name, state, mend, "%.0f %s, about %.0f are needed for %d runs at once", has,
                   what, needed, thread_cores());
    else if (has < 0)
        doctor_add(d, name, state, NULL, "no limit");
    else
        doctor_add(d, name, state, NULL, "%.0f", has);
}

/* Processes and threads that may still be made. */
static double processes_left(void)
{
    double most = cgroup_number("pids", "pids.max", "pids.max", NULL);
    double now = cgroup_number("pids", "pids.current", "pids.current", NULL);
    double user = soft_limit(RLIMIT_NPROC);
    double left = most >= 0 && now >= 0 ? most - now : -1;
    return left < 0 || (user >= 0 && user < left) ? user : left;
}

static void check_size(struct doctor *d, const char *name, int what, const char *mend)
{
    char text[24];
    double limit = soft_limit(what);
    doctor_size(limit, text);
    if (limit >= 0)
        doctor_add(d, name, doctor_judge(limit, 8e9), mend, "limited to %s", text);
}

void doctor_limits(struct doctor *d)
{
    int cores = thread_cores();
    doctor_add(d, "cores", DOCTOR_OK, NULL, "%d", cores);
    check_memory(d);
    check_count(d, "open files", "open files are allowed", soft_limit(RLIMIT_NOFILE),
                OWN_FILES + RUN_FILES * cores, "ulimit -n 1024, or run fewer at once (--jobs 1)");
    check_count(d, "processes", "more processes are allowed", processes_left(),
                RUN_PROCESSES * cores, "ulimit -u, or run fewer at once (--jobs 1)");
    check_size(d, "file size", RLIMIT_FSIZE, "ulimit -f unlimited");
    check_size(d, "addresses", RLIMIT_AS, "ulimit -v unlimited");
}
