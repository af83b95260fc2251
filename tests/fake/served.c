/*
 * promptgrid without the cost of starting it: the program and its libraries are loaded once, and
 * each command is a forked child that calls promptgrid's own main. For the tests that run it a
 * hundred thousand times, where loading takes nine tenths of a short command (tests/faults/lib.sh,
 * `serve`).
 *
 * One line of stdin is a command: the process whose descriptors 8 and 9 are its stdout and stderr,
 * its PROMPTGRID_FAULT or "-", and its arguments, all separated by spaces. The answer is its exit
 * status as a shell has it (128 and the signal's number, of one that was killed). What else a case
 * needs is answered here:
 *
 *   flip FROM TO AT   copy a file, with bit AT % 8 of byte AT the other way
 *   cut FROM TO AT    copy its first AT bytes; both take away TO-wal and TO-shm; 0: done
 *   tree FOLDER       one hash of the names, sizes and bytes of its files, without the bytes of
 *                     "-wal" and "-shm", which hold random numbers, and without locks
 */
#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "harness/system/revision_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int promptgrid_main(int argc, char **argv);

enum { WORDS = 32 };

static _Noreturn void give_up(const char *what)
{
    perror(what);
    _exit(126);
}

/* `to` is what the shell has as descriptor `from`: a file or a pipe. */
static void take(const char *shell, int from, int to)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/fd/%d", shell, from);
    int fd = open(path, O_WRONLY | O_APPEND);
    if (fd < 0 || dup2(fd, to) < 0)
        give_up(path);
    close(fd);
}

/* As a new process: words are SHELL FAULT ARGUMENT... */
static _Noreturn void be_promptgrid(int n, char **words)
{
    static char name[] = "promptgrid";
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, 0) < 0)
        give_up("/dev/null");
    close(nothing);
    take(words[0], 8, 1);
    take(words[0], 9, 2);
    program_invocation_short_name = name;
    if (strcmp(words[1], "-") != 0) {
        setenv("PROMPTGRID_FAULT", words[1], 1);
        sys_arm(words[1]);
    }
    words[1] = name;
    exit(promptgrid_main(n - 1, words + 1));
}

static int run(int n, char **words)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        be_promptgrid(n, words);
    if (child < 0)
        give_up("fork");
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            give_up("waitpid");
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int damage(bool flip, const char *from, const char *to, long at)
{
    struct err e = {0};
    char *data;
    size_t size;
    if (fs_read(&data, &size, from, 1 << 30, &e) < 0 || at < 0 || (size_t)at >= size)
        return 3;
    if (flip)
        data[at] = (char)(data[at] ^ (1 << at % 8));
    static const char *const companions[] = {"-wal", "-shm"};
    for (int i = 0; i < 2; i++) {
        char *path = str_format("%s%s", to, companions[i]);
        unlink(path);
        free(path);
    }
    FILE *f = fopen(to, "wb");
    size_t bytes = flip ? size : (size_t)at;
    bool well = f && fwrite(data, 1, bytes, f) == bytes;
    well = f && fclose(f) == 0 && well;
    free(data);
    return well ? 0 : 3;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void hash_tree(char hash[HASH_HEX], char *folder)
{
    struct str text = STR_INIT;
    struct err e = {0};
    char *folders[] = {folder, NULL};
    FTS *tree = fts_open(folders, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (!tree)
        give_up(folder);
    for (FTSENT *f; (f = fts_read(tree));) {
        if (f->fts_info != FTS_F || str_ends(f->fts_name, ".lock"))
            continue;
        str_addf(&text, "%s %lld", f->fts_path, (long long)f->fts_statp->st_size);
        if (!str_ends(f->fts_name, "-wal") && !str_ends(f->fts_name, "-shm"))
            str_addf(&text, " %s", hash_file(hash, f->fts_path, &e) < 0 ? e.text : hash);
        str_add(&text, "\n");
    }
    fts_close(tree);
    hash_bytes(hash, text.data, text.size);
    str_release(&text);
}

/* What is to be said of a line. */
static void answer(char *line)
{
    char *words[WORDS + 1], *rest = NULL;
    int n = 0;
    for (char *word = strtok_r(line, " \n", &rest); word && n < WORDS;
         word = strtok_r(NULL, " \n", &rest))
        words[n++] = word;
    words[n] = NULL;
    bool flip = n == 4 && str_eq(words[0], "flip");
    char hash[HASH_HEX];
    int said = 0;
    if (n == 2 && str_eq(words[0], "tree")) {
        hash_tree(hash, words[1]);
        said = dprintf(1, "%s\n", hash);
    } else if (flip || (n == 4 && str_eq(words[0], "cut"))) {
        said = dprintf(1, "%d\n", damage(flip, words[1], words[2], strtol(words[3], NULL, 10)));
    } else {
        said = dprintf(1, "%d\n", n < 3 ? 126 : run(n, words));
    }
    if (said < 0)
        give_up("answer");
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    revision__init();
    while (getline(&line, &capacity, stdin) > 0)
        answer(line);
    free(line);
    return 0;
}
