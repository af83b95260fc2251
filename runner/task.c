/*
 * `task LIST INDEX`: one job of a cluster's array. As `run`, but what it says goes into a journal
 * on the shared file system, which outlives the task; see core/proto/tasks.h.
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "core/proto/event.h"
#include "core/proto/memory.h"
#include "core/proto/tasks.h"
#include "runner/runner.h"
#include "runner/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { JOURNAL_LIMIT = 256 << 20 };

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Our output belongs to the run's log. */
static int open_log(const char *path, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        return err_sys(e, "cannot write '%s'", path);
    close(fd);
    return 0;
}

static int put_line(int fd, const char *path, char *line, struct err *e)
{
    size_t size = strlen(line), done = 0;
    int rc = 0;
    while (rc == 0 && done < size) {
        ssize_t n = sys_write(fd, line + done, size - done);
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR)
            rc = err_sys(e, "cannot write '%s'", path);
    }
    if (rc == 0 && sys_fsync(fd) < 0)
        rc = err_sys(e, "cannot write '%s'", path);
    free(line);
    return rc;
}

/* The journal, ours alone, with a new part begun; 1 when there is nothing to do. */
static int open_journal(int *fd, const char *path, struct err *e)
{
    struct journal before;
    char host[256] = "", *text;
    const char *array = getenv("SLURM_ARRAY_JOB_ID"), *restarts = getenv("SLURM_RESTART_COUNT");
    size_t size;
    long count = 0;
    *fd = sys_open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (*fd < 0)
        return err_sys(e, "cannot write '%s'", path);
    // An array may be there twice. Leaving at once would look like success to the tasks that wait
    // for this one, so the second waits for what the first comes to.
    while (flock(*fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return err_sys(e, "cannot lock '%s'", path);
    if (fs_read(&text, &size, path, JOURNAL_LIMIT, e) < 0)
        return e->code;
    journal_parse(&before, text, size);
    bool done = before.exited && before.status == 0, torn = size && text[size - 1] != '\n';
    free(text);
    if (done) {
        log_info("this run is done: '%s' says so", path);
        return 1;
    }
    gethostname(host, sizeof host - 1);
    if (restarts)
        str_to_long(restarts, 0, 1 << 30, &count);
    char *start = journal_start(host, array ? array : "", count, (double)sys_time());
    char *line = str_format("%s%s", torn ? "\n" : "", start);
    free(start);
    return put_line(*fd, path, line, e);
}

static int do_task(const char *list, long index, int *status, struct err *e)
{
    json_t *root = NULL;
    int fd = -1, rc = tasks_read(&root, list, e);
    if (rc < 0)
        return rc;
    const json_t *task = json_array_get(json_object_get(root, "tasks"), (size_t)index);
    if (!task)
        rc = err_set(e, ERR_USAGE, "'%s' has no task %ld", list, index);
    if (rc == 0)
        rc = open_log(text_of(task, "log"), e);
    if (rc == 0)
        rc = open_journal(&fd, text_of(task, "journal"), e);
    if (rc == 0) {
        double begin = sys_now();
        event_open(fd);
        stop_watch();
        *status = runner_job(text_of(task, "job"));
        char *end = journal_exit(*status, (double)sys_time(), sys_now() - begin);
        rc = put_line(fd, text_of(task, "journal"), end, e);
    }
    if (fd >= 0)
        close(fd);
    json_decref(root);
    return rc < 0 ? rc : 0;
}

int runner_task(int argc, char **argv)
{
    struct err e = {0};
    long index;
    int status = 0;
    json_checked_memory();
    if (argc != 3 || !str_to_long(argv[2], 0, TASKS_LIMIT, &index)) {
        log_error("usage: promptgrid-runner task LIST INDEX");
        return 2;
    }
    if (do_task(argv[1], index, &status, &e) < 0) {
        return log_fail(&e);
    }
    return status;
}
