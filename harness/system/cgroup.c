/* Control groups, both versions of the interface: see cgroup.h. */
#include "harness/system/cgroup.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_LIMIT 9e18 // version 1 says the largest multiple of a page

static char *read_text(const char *path)
{
    char text[4096];
    FILE *f = fopen(path, "re");
    size_t size = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    return size ? mem_strndup(text, size) : NULL;
}

/* The group's file: below the mount point by its name, or, in a container that sees only its own
 * group, right there. */
static char *group_text(const char *mount, const char *group, const char *file)
{
    char *path = str_format("%s%s/%s", mount, group, file), *text = read_text(path);
    free(path);
    if (!text) {
        path = str_format("%s/%s", mount, file);
        text = read_text(path);
        free(path);
    }
    return text;
}

char *cgroup_read(const char *controller, const char *file_2, const char *file_1)
{
    char line[4096], *text = NULL;
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && !text && fgets(line, sizeof line, f)) { // ID:CONTROLLERS:GROUP
        char *controllers = strchr(line, ':'),
             *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = 0;
        group[strcspn(group, "\n")] = 0;
        if (!controllers[1]) {
            text = group_text("/sys/fs/cgroup", group, file_2);
        } else if (strstr(controllers + 1, controller)) {
            char *mount = str_format("/sys/fs/cgroup/%s", controller);
            text = group_text(mount, group, file_1);
            free(mount);
        }
    }
    if (f)
        fclose(f);
    return text;
}

double cgroup_number(const char *controller, const char *file_2, const char *file_1,
                     const char *key)
{
    char *text = cgroup_read(controller, file_2, file_1), *end;
    double number = -1;
    for (const char *line = text; line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : "") {
        if (key && !(str_starts(line, key) && line[strlen(key)] == ' '))
            continue;
        const char *from = key ? line + strlen(key) + 1 : line;
        number = strtod(from, &end);
        if (end == from || number >= NO_LIMIT)
            number = -1;
        break;
    }
    free(text);
    return number;
}
