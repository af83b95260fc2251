/* Fields in paths of prompts: see prompt_path.h. */
#include "harness/recipe/prompt_path.h"

#include "core/base/str.h"
#include "core/proto/method_keys.h"
#include "harness/recipe/recipe.h"

#include <stdio.h>
#include <string.h>

static const char *const fields[] = {"dataset", "source", "shots", "seed"};
enum { FIELDS = sizeof fields / sizeof fields[0] };

/* The field that begins at `text`, "{seed}"; its length, or 0. */
static size_t field_at(const char *text, size_t *which)
{
    for (*which = 0; *which < FIELDS; ++*which) {
        const size_t n = strlen(fields[*which]);
        if (*text == '{' && strncmp(text + 1, fields[*which], n) == 0 && text[n + 1] == '}')
            return n + 2;
    }
    return 0;
}

bool prompt_path_has(const char *path, const char *name)
{
    size_t which;
    for (; *path; path++)
        if (field_at(path, &which) && str_eq(fields[which], name))
            return true;
    return false;
}

const char *prompt_path_unknown(const char *path, char *out, size_t size)
{
    size_t which;
    for (const char *p = strchr(path, '{'); p; p = strchr(p + 1, '{'))
        if (!field_at(p, &which)) {
            snprintf(out, size, "%.*s", (int)strcspn(p, "}/") + 1, p);
            return out;
        }
    return NULL;
}

char *prompt_path(const struct grid_run *r)
{
    const struct method_row *m = method_find(r->method);
    const char *path = json_string_value(json_object_get(r->params, "path"));
    struct str out = STR_INIT;
    size_t which;
    if (!m || !(m->needs & METHOD_FILE))
        return NULL;
    for (const char *p = path ? path : ""; *p;) {
        const size_t n = field_at(p, &which);
        if (!n)
            str_addc(&out, *p);
        else if (which < 2)
            str_add(&out, which ? grid_run_source(r) : r->dataset);
        else
            str_addf(&out, "%d", which == 2 ? r->shots : r->seed);
        p += n ? n : 1;
    }
    return str_detach(&out);
}
