/* Lists of tasks and their journals: see tasks.h. */
#include "core/proto/tasks.h"

#include "core/base/fs.h"
#include "core/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_LIMIT = 256 << 20 };

static bool has_texts(const json_t *object, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!json_string_length(json_object_get(object, names[i])))
            return false;
    return true;
}

static bool is_list(const json_t *root)
{
    static const char *const head[] = {"token", "recipe", "stage"};
    static const char *const task[] = {"run", "job", "journal", "log"};
    const json_t *tasks = json_object_get(root, "tasks");
    size_t n = json_array_size(tasks);
    if (!has_texts(root, head, 3) || !json_is_integer(json_object_get(root, "revision")) || !n ||
        n > TASKS_LIMIT)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(tasks, i);
        if (!has_texts(one, task, 4) || !json_is_array(json_object_get(one, "needs")) ||
            !json_is_number(json_object_get(one, "seconds")))
            return false;
    }
    return true;
}

int tasks_read(json_t **out, const char *path, struct err *e)
{
    char *text;
    size_t size;
    if (fs_read(&text, &size, path, LIST_LIMIT, e) < 0)
        return e->code;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    if (!is_list(root)) {
        json_decref(root);
        return err_set(e, ERR_PARSE, "'%s' is no list of tasks", path);
    }
    *out = root;
    return 0;
}

/* ---- journals ---- */

static void take_start(struct journal *j, const json_t *line)
{
    *j = (struct journal){.started = true};
    snprintf(j->host, sizeof j->host, "%s", json_string_value(json_object_get(line, "task")));
    const char *job = json_string_value(json_object_get(line, "job"));
    snprintf(j->job, sizeof j->job, "%s", job ? job : "");
    j->restarts = (long)json_integer_value(json_object_get(line, "restarts"));
    j->began = json_number_value(json_object_get(line, "time"));
}

static void take_exit(struct journal *j, const json_t *line)
{
    j->exited = true;
    j->status = (int)json_integer_value(json_object_get(line, "exit"));
    j->ended = json_number_value(json_object_get(line, "time"));
    const json_t *took = json_object_get(line, "seconds");
    double seconds = took ? json_number_value(took) : j->ended - j->began;
    j->seconds = seconds > 0 ? seconds : 0;
}

/* A start or exit line, and nothing else. */
static json_t *own_line(const char *line, size_t size)
{
    static const char *const starts[] = {"{\"task\":", "{\"exit\":"};
    for (int i = 0; i < 2; i++)
        if (size > strlen(starts[i]) && !memcmp(line, starts[i], strlen(starts[i])))
            return json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    return NULL;
}

void journal_parse(struct journal *j, const char *text, size_t size)
{
    *j = (struct journal){0};
    for (const char *line = text, *stop = text + size; line < stop;) {
        const char *end = memchr(line, '\n', (size_t)(stop - line));
        size_t length = (size_t)((end ? end : stop) - line);
        json_t *own = own_line(line, length);
        const char *next = end ? end + 1 : stop;
        if (json_is_string(json_object_get(own, "task"))) {
            take_start(j, own);
            j->events = next;
        } else if (json_is_integer(json_object_get(own, "exit"))) {
            take_exit(j, own);
        } else if (j->started && !j->exited) {
            j->size = (size_t)(next - j->events);
        }
        json_decref(own);
        line = next;
    }
}

static char *line_of(json_t *object)
{
    BUG_IF(!object);
    char *text = json_dumps(object, JSON_COMPACT), *line = str_format("%s\n", text);
    free(text);
    json_decref(object);
    return line;
}

char *journal_start(const char *host, const char *job, long restarts, double now)
{
    return line_of(json_pack("{s:s, s:s, s:I, s:f}", "task", host, "job", job, "restarts",
                             (json_int_t)restarts, "time", now));
}

char *journal_exit(int status, double now, double seconds)
{
    return line_of(json_pack("{s:i, s:f, s:f}", "exit", status, "time", now, "seconds", seconds));
}
