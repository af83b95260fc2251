/*
 * `inspect [--workspace DIR] [--fd N] PATH...`: what the plan must know of trained prompts. For
 * each path one line of JSON, on stdout or the descriptor: {path, sha256, trainer, trainers, own,
 * classes}; `trainers` are all that its tensors could be of, `path` the file that was meant. Or
 * {error, class}.
 */
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/memory.h"
#include "core/train/reference.h"
#include "runner/prompt.h"
#include "runner/runner.h"

#include <stdio.h>
#include <stdlib.h>

/* Those whose checkpoints look like this one's. */
static json_t *trainers_of(const struct trained *t)
{
    const struct reference *r = t->own ? NULL : reference_find(t->trainer);
    json_t *all = json_array();
    const char *word = r ? r->trainer : t->trainer;
    json_array_append_new(all, json_string(word));
    for (word = r ? r->alike : NULL; word;) {
        const char *end = word;
        while (*end && *end != '|')
            end++;
        json_array_append_new(all, json_stringn(word, (size_t)(end - word)));
        word = *end ? end + 1 : NULL;
    }
    return all;
}

static json_t *look_at(const struct prompt_options *o, const char *word)
{
    struct err e = {0};
    struct trained t;
    if (prompt_open(&t, o, word, &e) < 0) {
        char *text = str_visible(e.text);
        json_t *failed = json_pack("{s:s, s:s}", "error", text, "class", err_name(e.code));
        free(text);
        return failed;
    }
    char *path = str_visible(t.path); // JSON is UTF-8; a path that is not cannot be named by it
    json_t *one =
        json_pack("{s:s, s:s, s:s, s:o, s:b, s:i}", "path", path, "sha256", t.sha256, "trainer",
                  t.trainer, "trainers", trainers_of(&t), "own", (int)t.own, "classes", t.classes);
    free(path);
    trained_close(&t);
    return one;
}

int runner_inspect(int argc, char **argv)
{
    struct prompt_options o = {0};
    long fd = -1;
    const struct opt options[] = {
        {"workspace", OPT_TEXT, &o.workspace, "DIR", "holds results"},
        {"fd", OPT_COUNT, &fd, "N", "descriptor to write to"},
        {0},
    };
    struct err e = {0};
    int rest, rc = opt_parse(options, argc, argv, &rest, &e);
    FILE *out = fd >= 0 ? fdopen((int)fd, "w") : stdout;
    json_checked_memory();
    if (rc != 0 || rest < 1 || !out) {
        log_error("usage: promptgrid-runner inspect [--workspace DIR] [--fd N] PATH...");
        return 2;
    }
    for (int i = 1; i <= rest; i++) {
        json_t *one = look_at(&o, argv[i]);
        json_dumpf(one, out, JSON_COMPACT);
        putc('\n', out);
        json_decref(one);
    }
    return fflush(out) || ferror(out) ? 3 : 0;
}
