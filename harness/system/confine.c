/*
 * A second wall around the program that draws: its scripts hold names only as quoted data, and if
 * one of them got out all the same, system() and popen() fail.
 */
#include "harness/system/confine.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#endif

#ifdef NATIVE
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
/* The next instruction only when the loaded number is `nr`. */
#define WHEN(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1)
#define REFUSE RETURN(SECCOMP_RET_ERRNO | EPERM)

static const struct sock_filter filter[] = {
    LOAD(arch),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
    REFUSE, // another ABI's numbers mean something else
    LOAD(nr),
#ifdef __x86_64__
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), // x32
    REFUSE,
    WHEN(SYS_fork),
    REFUSE,
    WHEN(SYS_vfork),
    REFUSE,
#endif
    WHEN(SYS_clone3), // flags are out of sight: as if the kernel had none, clone comes next
    RETURN(SECCOMP_RET_ERRNO | ENOSYS),
    WHEN(SYS_socket),
    REFUSE,
    WHEN(SYS_ptrace),
    REFUSE,
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
    LOAD(args[0]), // the low half: flags
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
    REFUSE,
    RETURN(SECCOMP_RET_ALLOW),
};

void confine_self(void)
{
    const struct sock_fprog program = {sizeof filter / sizeof filter[0],
                                       (struct sock_filter *)filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
#else
void confine_self(void)
{
}
#endif

char **confine_environment(void)
{
    static const char *const kept[] = {"PATH",
                                       "HOME",
                                       "TMPDIR",
                                       "FONTCONFIG_FILE",
                                       "FONTCONFIG_PATH",
                                       "XDG_CACHE_HOME",
                                       "LD_LIBRARY_PATH",
                                       NULL};
    size_t n = 0;
    char **environment = mem_zero(sizeof kept / sizeof kept[0] + 2, sizeof *environment);
    for (const char *const *name = kept; *name; name++) {
        const char *value = getenv(*name);
        if (value)
            environment[n++] = str_format("%s=%s", *name, value);
    }
#ifdef __SANITIZE_ADDRESS__ // a runner that looks for leaks at its end starts a process for it
    environment[n++] = mem_strdup("ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1");
#endif
    environment[n] = mem_strdup("LC_ALL=C.UTF-8");
    return environment;
}
