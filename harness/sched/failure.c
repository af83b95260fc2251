/* Classes of failures: see failure.h. */
#include "harness/sched/failure.h"

#include "harness/system/cgroup.h"

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

long failure_oom_kills(void)
{
    return (long)cgroup_number("memory", "memory.events", "memory.oom_control", "oom_kill");
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
