/*
 * Many runs at once. Within a snapshot of which much is to be asked, the attempts are read in one
 * pass over their table, and so are the metrics when the first result is asked for: a hundred
 * thousand searches for hashes in files of this size take many times as long.
 */
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 16 }; // a snapshot is worth a pass when every MANYth attempt may be asked for

struct metric {
    size_t next; // of the same run, from 1; 0: none
    const char *split, *name;
    double value;
};

struct scan {
    struct map runs, words, revisions; // words: what the rows of many runs say alike
    const char **commits;              // by number of revision
    struct map runners;                // what they said about themselves
    const char **devices;              // by number of that
    size_t n_devices, devices_capacity;
    struct store__attempt *attempts; // by number of run
    size_t n, capacity;
    struct metric *metrics;
    size_t n_metrics, metrics_capacity;
    bool whole; // the metrics were read
};

static const char *word(struct scan *c, struct sqlite3_stmt *q, int column)
{
    return store__null(q, column) ? NULL : map_keep(&c->words, store__text(q, column));
}

/* Most runners say the same about themselves. */
static const char *device_of(struct scan *c, const char *words)
{
    bool is_new;
    size_t at = map_add_text(&c->runners, words, &is_new);
    if (is_new) {
        char device[STORE_DEVICE];
        store__device(words, device);
        MEM_PUSH(c->devices, c->n_devices, c->devices_capacity) = map_keep(&c->words, device);
    }
    return c->devices[at];
}

static int read_commits(struct store *s, struct scan *c, struct err *e)
{
    struct sqlite3_stmt *q;
    size_t capacity = 0;
    int rc = store__query(s, &q, e, "SELECT id, git_commit FROM revision", "");
    if (rc < 0)
        return rc;
    while ((rc = store__step(s, q, e)) == 1) {
        long id = store__int(q, 0);
        size_t n = map_add(&c->revisions, &id, sizeof id, NULL);
        MEM_PUSH(c->commits, n, capacity) = word(c, q, 1);
    }
    return rc;
}

static int read_attempts(struct store *s, struct scan *c, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e,
                          "SELECT run, n, state, class, reason, revision, seal, " STORE_SECONDS
                          ", runner FROM attempt a",
                          "");
    if (rc < 0)
        return rc;
    while ((rc = store__step(s, q, e)) == 1) {
        bool is_new;
        size_t at = map_add_text(&c->runs, store__text(q, 0), &is_new);
        if (is_new)
            MEM_PUSH(c->attempts, c->n, c->capacity) = (struct store__attempt){0};
        struct store__attempt *a = &c->attempts[at];
        a->count++;
        bool done = str_eq(store__text(q, 2), "done");
        if (a->n && (a->done != done ? a->done : a->n > store__int(q, 1)))
            continue;
        a->done = done;
        a->n = store__int(q, 1);
        a->state = word(c, q, 2);
        a->class_ = word(c, q, 3);
        a->reason = word(c, q, 4);
        a->revision = store__int(q, 5);
        a->commit =
            map_find(&c->revisions, &a->revision, sizeof a->revision, &at) ? c->commits[at] : "";
        snprintf(a->seal, sizeof a->seal, "%s", store__text(q, 6));
        a->seconds = store__real(q, 7);
        a->device = device_of(c, store__text(q, 8));
    }
    return rc;
}

static int read_metrics(struct store *s, struct scan *c, struct err *e)
{
    struct sqlite3_stmt *q;
    char last[HASH_HEX] = "";
    size_t at = 0;
    int rc = store__query(s, &q, e, "SELECT run, n, split, name, value FROM metric", "");
    if (rc < 0)
        return rc;
    while ((rc = store__step(s, q, e)) == 1) {
        const char *run = store__text(q, 0);
        if (!str_eq(run, last) && !map_find_text(&c->runs, run, &at))
            continue; // of no attempt: 'check' finds it
        snprintf(last, sizeof last, "%s", run);
        struct store__attempt *a = &c->attempts[at];
        if (!a->done || a->n != store__int(q, 1))
            continue;
        MEM_PUSH(c->metrics, c->n_metrics, c->metrics_capacity) =
            (struct metric){a->metrics, word(c, q, 2), word(c, q, 3), store__real(q, 4)};
        a->metrics = c->n_metrics;
    }
    c->whole = rc == 0;
    return rc;
}

static void scan_free(struct scan *c)
{
    if (!c)
        return;
    map_release(&c->runs);
    map_release(&c->words);
    map_release(&c->revisions);
    map_release(&c->runners);
    free(c->commits);
    free(c->devices);
    free(c->attempts);
    free(c->metrics);
    free(c);
}

/* Rows of the table of attempts, at most: numbers of rows are not used again. */
static int count_attempts(struct store *s, long *n, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e, "SELECT max(rowid) FROM attempt", "");
    if (rc == 0)
        rc = store__step(s, q, e);
    *n = rc == 1 ? store__int(q, 0) : 0;
    if (rc == 1)
        store__end(q);
    return rc < 0 ? rc : 0;
}

int store_snapshot(struct store *s, size_t n, struct err *e)
{
    long attempts = 0;
    if (!s)
        return 0;
    int rc = s->snapshots == 0 ? store__exec(s, e, "BEGIN", "") : 0;
    if (rc < 0)
        return rc;
    s->snapshots++;
    if (n && !s->scan)
        rc = count_attempts(s, &attempts, e);
    if (rc == 0 && n && !s->scan && (long)n >= attempts / MANY) {
        s->scan = mem_zero(1, sizeof *s->scan);
        rc = read_commits(s, s->scan, e);
        rc = rc == 0 ? read_attempts(s, s->scan, e) : rc;
    }
    if (rc < 0)
        store_snapshot_end(s);
    return rc;
}

void store_snapshot_end(struct store *s)
{
    struct err unused;
    if (!s || --s->snapshots)
        return;
    scan_free(s->scan);
    s->scan = NULL;
    store__exec(s, &unused, "COMMIT", ""); // nothing was written that could be lost
}

void store__scan_close(struct store *s)
{
    scan_free(s->scan);
    s->scan = NULL;
}

bool store__scanned(struct store *s, const char *run, const struct store__attempt **out)
{
    size_t at;
    if (!s->scan)
        return false;
    *out = map_find_text(&s->scan->runs, run, &at) ? &s->scan->attempts[at] : NULL;
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct store__metric *x = a, *y = b;
    int order = strcmp(x->split, y->split);
    return order ? order : strcmp(x->name, y->name);
}

int store__scanned_metrics(struct store *s, const struct store__attempt *a,
                           struct store__metric out[STORE_METRICS], size_t *n, struct err *e)
{
    struct scan *c = s->scan;
    int rc = c->whole ? 0 : read_metrics(s, c, e);
    *n = 0;
    if (rc < 0)
        return rc;
    for (size_t i = a->metrics; i; i = c->metrics[i - 1].next, ++*n)
        if (*n < STORE_METRICS) {
            const struct metric *m = &c->metrics[i - 1];
            out[*n] = (struct store__metric){m->split, m->name, m->value};
        }
    qsort(out, *n < STORE_METRICS ? *n : STORE_METRICS, sizeof *out, by_name);
    return 0;
}
