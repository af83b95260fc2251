/* See download.h. */
#include "harness/cmd/download.h"

#include "core/base/fs.h"
#include "core/base/log.h"

#include <stdio.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static struct {
    const char *name;
    int percent; // shown last
} meter;         // there is one terminal

static void show_progress(void *arg, long long done, long long total)
{
    const int percent = total ? (int)(100 * done / total) : 0;
    (void)arg;
    if (!isatty(STDERR_FILENO) || (total && percent == meter.percent) || done == 0)
        return;
    meter.percent = percent;
    if (total)
        fprintf(stderr, "\rfetching %s: %d %% (%lld of %lld MiB) ", meter.name, percent, done / MIB,
                total / MIB);
    else
        fprintf(stderr, "\rfetching %s: %lld MiB ", meter.name, done / MIB);
    if (total && done == total)
        fputc('\n', stderr);
}

int download_any(struct fetch *f, const char *const *urls, size_t n, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        meter.name = fs_base(f->path);
        meter.percent = -1;
        f->url = urls[i];
        f->progress = show_progress;
        log_info("fetching '%s'", urls[i]);
        rc = fetch_file(f, e);
        if (rc == 0 || rc == ERR_BUSY)
            break;
        if (i + 1 < n)
            log_warn("%s", e->text);
    }
    return rc;
}
