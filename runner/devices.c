/*
 * `devices`: the GPUs of this machine as JSON lines, for the scheduler and `promptgrid doctor`,
 * which link no CUDA (harness/sched/gpu.h reads them):
 *
 *   {"device":"cuda:0","name":"NVIDIA H100","capability":"9.0","driver":"13.0","toolkit":"12.4",
 *    "memory":bytes,"free":bytes,"problem":null}     problem: why it cannot be used
 *   {"device":"cuda","problem":"no NVIDIA driver"}    there is none
 */
#include "core/base/log.h"
#include "core/base/str.h"
#include "core/device/device.h"
#include "core/proto/memory.h"
#include "runner/runner.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

/* 12040 as "12.4"; NULL for an unknown version. */
static json_t *version(int number)
{
    char text[24];
    snprintf(text, sizeof text, "%d.%d", number / 1000, number % 1000 / 10);
    return number ? json_string(text) : json_null();
}

/* A name from a driver: not known to be UTF-8. */
static json_t *text_of(const char *text)
{
    char *shown = str_visible(text);
    json_t *value = *shown ? json_string(shown) : json_null();
    free(shown);
    return value;
}

static json_t *line_of(const struct device_info *d)
{
    char capability[24];
    snprintf(capability, sizeof capability, "%d.%d", d->major, d->minor);
    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:I, s:I, s:o}", "device", d->kind, "name",
                     text_of(d->name), "capability", capability, "driver", version(d->driver),
                     "toolkit", version(d->toolkit), "memory", (json_int_t)d->memory, "free",
                     (json_int_t)d->free, "problem", text_of(d->problem));
}

static void print(json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);
    BUG_IF(!text);
    puts(text);
    free(text);
    json_decref(line);
}

int runner_devices(int argc, char **argv)
{
    struct device_info info[MOST];
    char why[512] = "";
    json_checked_memory();
    if (argc != 1) {
        log_error("unexpected word '%s'; usage: promptgrid-runner devices", argv[1]);
        return 2;
    }
    int n = device_probe(info, MOST, why, sizeof why);
    for (int i = 0; i < n; i++)
        print(line_of(&info[i]));
    if (n <= 0)
        print(json_pack("{s:s, s:o}", "device", "cuda", "problem", text_of(why)));
    if (fflush(stdout) == 0)
        return 0;
    log_error("unable to write to stdout: %s", strerror(errno));
    return 3;
}
