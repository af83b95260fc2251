/* `prompt show`: what is in a prompt's file. */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/method_keys.h"
#include "runner/prompt.h"

#include <stdio.h>
#include <stdlib.h>

static void print_line(const char *key, const char *value)
{
    char *left = str_visible(key), *right = str_visible(value);
    printf("  %-10s %s\n", left, right);
    free(left);
    free(right);
}

static void print_arrays(const struct trained *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct tensor_out *a = &t->arrays[i];
        char *name = str_visible(a->name);
        printf("  %-10s (", name);
        for (int d = 0; d < a->dims; d++)
            printf("%s%zu", d ? ", " : "", a->shape[d]);
        printf(")\n");
        free(name);
    }
}

/* Keys of the header that the lines before say already. */
static bool is_said(const char *key)
{
    static const char *const said[] = {"trainer", "method", "params", "seed"};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        if (str_eq(key, said[i]))
            return true;
    return false;
}

static void print_text(const struct trained *t)
{
    const char *key;
    json_t *value;
    char *path = str_visible(t->path);
    printf("%s\n", path);
    free(path);
    print_arrays(t);
    print_line("trainer", method_find(t->trainer)->label);
    if (t->classes) {
        char *classes = str_format("%d, and no others", t->classes);
        print_line("classes", classes);
        free(classes);
    }
    print_line("sha256", t->sha256);
    json_object_foreach(t->metadata, key, value)
    {
        if (!is_said(key) && !(t->classes && str_eq(key, "classes")))
            print_line(key, json_string_value(value));
    }
}

static json_t *shapes(const struct trained *t)
{
    json_t *arrays = json_object();
    for (size_t i = 0; i < t->n; i++) {
        json_t *shape = json_array();
        for (int d = 0; d < t->arrays[i].dims; d++)
            json_array_append_new(shape, json_integer((json_int_t)t->arrays[i].shape[d]));
        json_object_set_new(arrays, t->arrays[i].name, shape);
    }
    return arrays;
}

int prompt_show(const struct prompt_options *o, const char *word, struct err *e)
{
    struct trained t;
    int rc = prompt_open(&t, o, word, e);
    if (rc < 0)
        return rc;
    if (o->json) {
        json_t *all =
            json_pack("{s:s, s:s, s:s, s:s, s:O, s:o, s:o, s:O?, s:O?}", "path", t.path, "sha256",
                      t.sha256, "trainer", t.trainer, "method", t.method, "params", t.params,
                      "classes", t.classes ? json_integer(t.classes) : json_null(), "arrays",
                      shapes(&t), "metadata", t.metadata, "spec", t.spec);
        json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
        puts("");
        json_decref(all);
    } else {
        print_text(&t);
    }
    if (fflush(stdout))
        rc = err_sys(e, "unable to write to stdout");
    trained_close(&t);
    return rc;
}
