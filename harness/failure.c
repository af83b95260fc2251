/* Classes of failures: see failure.h. */
#include "harness/failure.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static const struct {
    const char *name;
    bool transient, wants_room, environment;
} classes[] = {{"timeout", true, false, false}, {"hang", true, false, false},
               {"killed", true, false, false},  {"memory", true, true, false},
               {"disk", true, false, true},     {"system", true, false, true},
               {"device", false, false, true}};

bool failure_is_transient(const char *class_)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (str_eq(classes[i].name, class_))
            return classes[i].transient;
    return false;
}

bool failure_wants_room(const char *class_)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (str_eq(classes[i].name, class_))
            return classes[i].wants_room;
    return false;
}

bool failure_is_environment(const char *class_)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (str_eq(classes[i].name, class_))
            return classes[i].environment;
    return false;
}

const char *failure_of_status(int status)
{
    static const int from_outside[] = {SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGXCPU, SIGPIPE};
    if (!WIFSIGNALED(status))
        return WEXITSTATUS(status) == 70 ? "bug" : "exit";
    for (size_t i = 0; i < sizeof from_outside / sizeof from_outside[0]; i++)
        if (WTERMSIG(status) == from_outside[i])
            return "killed";
    return "crash";
}

const char *failure_of_event(const char *class_, const char *text)
{
    static const struct {
        int error;
        const char *class_;
    } shorts[] = {{ENOSPC, "disk"}, {EDQUOT, "disk"}, {EFBIG, "disk"}, {ENOMEM, "memory"}};
    if (!str_eq(class_, "system"))
        return class_;
    for (size_t i = 0; i < sizeof shorts / sizeof shorts[0]; i++)
        if (str_ends(text, strerror(shorts[i].error)))
            return shorts[i].class_;
    return class_;
}

void failure_cause(const char *class_, const char *reason, struct str *out)
{
    str_addf(out, "%s: ", class_);
    for (const char *c = reason; *c; c++) {
        const char *end = *c == '\'' ? strchr(c + 1, '\'') : NULL;
        if (end) {
            str_add(out, "''");
            c = end;
        } else if (!isdigit((unsigned char)*c)) {
            str_addc(out, *c);
        }
    }
}

/* ---- the kernel's own killing ---- */

/* The number after "oom_kill " in a file, -1 when it is not there. */
static long read_kills(const char *path)
{
    char line[128];
    long kills = -1;
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (str_starts(line, "oom_kill "))
            kills = strtol(line + strlen("oom_kill "), NULL, 10);
    if (f)
        fclose(f);
    return kills;
}

/* The group's file: below the mount point by its name, or, in a container that sees only its own
 * group, right there. */
static long group_kills(const char *mount, const char *group, const char *file)
{
    char *path = str_format("%s%s/%s", mount, group, file);
    long kills = read_kills(path);
    free(path);
    if (kills < 0) {
        path = str_format("%s/%s", mount, file);
        kills = read_kills(path);
        free(path);
    }
    return kills;
}

long failure_oom_kills(void)
{
    char line[4096];
    long kills = -1;
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && kills < 0 && fgets(line, sizeof line, f)) { // ID:CONTROLLERS:GROUP
        char *controllers = strchr(line, ':'),
             *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = 0;
        group[strcspn(group, "\n")] = 0;
        if (!controllers[1])
            kills = group_kills("/sys/fs/cgroup", group, "memory.events");
        else if (strstr(controllers + 1, "memory"))
            kills = group_kills("/sys/fs/cgroup/memory", group, "memory.oom_control");
    }
    if (f)
        fclose(f);
    return kills;
}

void failure_check_oom(int status, long before, char class_[16], struct str *reason)
{
    long now = before;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && before >= 0)
        now = failure_oom_kills();
    if (now <= before)
        return;
    snprintf(class_, 16, "memory");
    str_clear(reason);
    str_addf(reason, "killed by the kernel for want of memory (cgroup oom_kill=%ld)", now - before);
}
