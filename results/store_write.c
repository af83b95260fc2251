/*
 * What the scheduler records: code, machine, runs, attempts and their results. Each function is one
 * transaction, so what it returned 0 for is on disk.
 */
#include "results/store.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "core/proto/spec.h"
#include "results/store_internal.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { ORPHAN_TRIES = 200 }; // 10 ms each

/* ---- hashes ---- */

void store__family(const json_t *spec, char out[HASH_HEX])
{
    json_t *copy = json_copy((json_t *)spec);
    json_object_del(copy, "seed");
    json_object_del(copy, "train");
    spec_id(copy, out);
    json_decref(copy);
}

void store__seal_line(struct str *lines, const char *split, const char *name, double value)
{
    char number[32];
    int size = snprintf(number, sizeof number, "\t%.17g\n", value);
    str_add(lines, split);
    str_addc(lines, '\t');
    str_add(lines, name);
    str_addn(lines, number, (size_t)size);
}

void store__seal(const char *run, const struct str *lines, char out[HASH_HEX])
{
    struct hash *h = hash_new();
    hash_add(h, "run\t", 4);
    hash_add(h, run, strlen(run));
    hash_add(h, "\n", 1);
    hash_add(h, lines->data, lines->size);
    hash_end(h, out);
}

/* ---- labels ---- */

int store__pack(const json_t *labels, unsigned char **out, size_t *size, struct err *e)
{
    size_t n = json_array_size(labels);
    unsigned char *raw = mem_alloc(n, 4);
    uLongf packed = compressBound((uLong)(4 * n));
    *out = mem_alloc(packed, 1);
    for (size_t i = 0; i < n; i++) {
        uint32_t label = (uint32_t)json_integer_value(json_array_get(labels, i));
        for (int b = 0; b < 4; b++)
            raw[4 * i + (size_t)b] = (unsigned char)(label >> 8 * b);
    }
    int rc = compress(*out, &packed, raw, (uLong)(4 * n));
    free(raw);
    *size = packed;
    return rc == Z_OK ? 0 : err_set(e, ERR_MEMORY, "cannot compress %zu predictions", n);
}

json_t *store__unpack(const void *data, size_t size, size_t count)
{
    uLongf got = (uLongf)(4 * count);
    unsigned char *raw = mem_alloc(count, 4);
    json_t *labels = NULL;
    if (uncompress(raw, &got, data, (uLong)size) == Z_OK && got == 4 * count) {
        labels = json_array();
        for (size_t i = 0; i < count; i++) {
            uint32_t label = 0;
            for (int b = 0; b < 4; b++)
                label |= (uint32_t)raw[4 * i + (size_t)b] << 8 * b;
            json_array_append_new(labels, json_integer(label));
        }
    }
    free(raw);
    return labels;
}

/* ---- long text ---- */

int store__squeeze(const char *text, unsigned char **out, size_t *size, struct err *e)
{
    size_t length = strlen(text);
    uLongf packed = compressBound((uLong)length);
    *out = mem_alloc(4 + packed, 1);
    for (int b = 0; b < 4; b++)
        (*out)[b] = (unsigned char)(length >> 8 * b);
    if (compress2(*out + 4, &packed, (const unsigned char *)text, (uLong)length, 9) != Z_OK)
        return err_set(e, ERR_MEMORY, "cannot compress %zu bytes of text", length);
    *size = 4 + packed;
    return 0;
}

char *store__prose(struct sqlite3_stmt *statement, int column)
{
    enum { LIMIT = 64 << 20 }; // a damaged size must not take all memory
    size_t size, length = 0;
    if (!store__is_blob(statement, column))
        return mem_strdup(store__text(statement, column));
    const unsigned char *data = store__blob(statement, column, &size);
    for (size_t b = 0; size > 4 && b < 4; b++)
        length |= (size_t)data[b] << 8 * b;
    if (length == 0 || length > LIMIT)
        return mem_strdup("");
    uLongf got = (uLongf)length;
    char *text = mem_zero(length + 1, 1);
    if (uncompress((unsigned char *)text, &got, data + 4, (uLong)(size - 4)) != Z_OK ||
        got != length)
        *text = 0;
    return text;
}

/* ---- code and machine ---- */

/* The id of the row with this hash, or 0. */
static long row_of(struct store *s, const char *sql, const char *hash, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e, sql, "t", hash);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc != 1)
        return rc;
    long id = store__int(q, 0);
    store__end(q);
    return id;
}

long store_revision(struct store *s, const struct store_revision *r, struct err *e)
{
    static const char find[] = "SELECT id FROM revision WHERE hash = ?1";
    char hash[HASH_HEX];
    struct hash *h = hash_new();
    const char *parts[] = {r->commit, r->dirty ? "dirty" : "clean", r->diff, r->runner_sha256,
                           r->build};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        hash_add(h, parts[i],
                 strlen(parts[i]) + 1); // with the 0, so that parts cannot run together
    hash_end(h, hash);

    long id = row_of(s, find, hash, e);
    if (id)
        return id;
    unsigned char *packed = NULL;
    size_t size = 0;
    int rc = store__squeeze(r->diff, &packed, &size, e);
    if (rc == 0)
        rc = store__exec(s, e,
                         "INSERT INTO revision (hash, git_commit, dirty, diff, runner_sha256, "
                         "build) VALUES (?1, ?2, ?3, CASE WHEN ?7 THEN ?4 ELSE '' END, ?5, ?6)",
                         "ttibtti", hash, r->commit, (long)r->dirty, (const void *)packed, size,
                         r->runner_sha256, r->build, (long)(*r->diff != 0));
    free(packed);
    return rc < 0 ? rc : row_of(s, find, hash, e);
}

long store_machine(struct store *s, const json_t *facts, struct err *e)
{
    static const char find[] = "SELECT id FROM machine WHERE hash = ?1";
    char hash[HASH_HEX];
    char *text = spec_text(facts);
    hash_bytes(hash, text, strlen(text));
    long id = row_of(s, find, hash, e);
    if (id == 0) {
        int rc = store__exec(s, e, "INSERT INTO machine (hash, facts) VALUES (?1, ?2)", "tt", hash,
                             text);
        id = rc < 0 ? rc : row_of(s, find, hash, e);
    }
    free(text);
    return id;
}

/* ---- runs and attempts ---- */

int store_together(struct store *s, struct err *e)
{
    return store__begin_write(s, e);
}

int store_together_end(struct store *s, int rc, struct err *e)
{
    return store__finish(s, rc, e);
}

int store_run(struct store *s, const char *run, const json_t *spec, struct err *e)
{
    return store__columns_insert(s, run, spec, e);
}

int store_begin_as(struct store *s, const char *run, const json_t *spec, long revision,
                   long machine, const char *command, const char *log,
                   const struct sys_process *who, int *n, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__begin_write(s, e);
    if (rc < 0)
        return rc;
    if (spec)
        rc = store_run(s, run, spec, e);
    if (rc == 0)
        rc = store__query(s, &q, e, "SELECT coalesce(max(n), 0) + 1 FROM attempt WHERE run = ?1",
                          "t", run);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc == 1) {
        *n = (int)store__int(q, 0);
        store__end(q);
        rc = store__exec(s, e,
                         "INSERT INTO attempt (run, n, state, started, revision, machine, command, "
                         "log, boot, pid, born) VALUES (?1, ?2, 'running', "
                         "strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                         "tiiitttii", run, (long)*n, revision, machine, command, log,
                         who ? who->boot : NULL, who ? who->pid : 0L, who ? (long)who->start : 0L);
    }
    return store__finish(s, rc, e);
}

int store_begin(struct store *s, const char *run, long revision, long machine, const char *command,
                const char *log, int *n, struct err *e)
{
    return store_begin_as(s, run, NULL, revision, machine, command, log, NULL, n, e);
}

/* The end of an attempt that is running: anything else is a confused caller. */
static int end_attempt(struct store *s, const char *run, int n, const char *state,
                       const char *class_, const char *reason, const char *seal,
                       const char *details, struct err *e)
{
    int rc = store__exec(s, e,
                         "UPDATE attempt SET state = ?3, class = ?4, reason = ?5, seal = ?6, "
                         "details = ?7, "
                         "finished = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') "
                         "WHERE run = ?1 AND n = ?2 AND state = 'running'",
                         "tittttt", run, (long)n, state, class_, reason, seal, details);
    if (rc == 0 && store__changes(s) != 1)
        return err_set(e, ERR_CORRUPT, "attempt %d of run '%.12s' is not running in '%s'", n, run,
                       store_path(s));
    return rc;
}

/* ---- the results of a run, event by event ---- */

struct recording {
    struct store *s;
    const char *run;
    long n;
    size_t metrics;
};

static int record_start(struct recording *r, const json_t *event, struct err *e)
{
    char *text = spec_text(event);
    int rc = store__exec(r->s, e, "UPDATE attempt SET runner = ?3 WHERE run = ?1 AND n = ?2", "tit",
                         r->run, r->n, text);
    free(text);
    return rc;
}

static int record_epoch(struct recording *r, const json_t *event, struct err *e)
{
#define FIELD(key) json_object_get(event, key)
    return store__exec(
        r->s, e,
        "INSERT INTO curve (run, n, epoch, loss, lr, accuracy, singular, effective_rank, nuclear, "
        "energy, singular_change, effective_rank_change, nuclear_change, energy_change, base, new, "
        "test) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        "tijjjjjjjjjjjjjjj", r->run, r->n, FIELD("epoch"), FIELD("loss"), FIELD("lr"),
        FIELD("accuracy"), FIELD("singular"), FIELD("effective_rank"), FIELD("nuclear"),
        FIELD("energy"), FIELD("singular_change"), FIELD("effective_rank_change"),
        FIELD("nuclear_change"), FIELD("energy_change"), FIELD("base"), FIELD("new"),
        FIELD("test"));
#undef FIELD
}

static int record_metric(struct recording *r, const json_t *event, struct err *e)
{
    double value = json_number_value(json_object_get(event, "value"));
    if (!isfinite(value))
        return err_set(e, ERR_NUMERIC, "a metric of run '%.12s' is not finite", r->run);
    r->metrics++;
    return store__exec(r->s, e,
                       "INSERT INTO metric (run, n, split, name, value) "
                       "VALUES (?1, ?2, ?3, ?4, ?5)",
                       "tijjr", r->run, r->n, json_object_get(event, "split"),
                       json_object_get(event, "name"), value);
}

static int record_prediction(struct recording *r, const json_t *event, struct err *e)
{
    const json_t *labels = json_object_get(event, "labels");
    unsigned char *packed;
    size_t size;
    int rc = store__pack(labels, &packed, &size, e);
    if (rc == 0)
        rc = store__exec(r->s, e,
                         "INSERT INTO prediction (run, n, split, count, labels) "
                         "VALUES (?1, ?2, ?3, ?4, ?5)",
                         "tijib", r->run, r->n, json_object_get(event, "split"),
                         (long)json_array_size(labels), (const void *)packed, size);
    free(packed);
    return rc;
}

static int record_artifact(struct recording *r, const json_t *event, struct err *e)
{
    return store__exec(r->s, e,
                       "INSERT INTO artifact (run, n, kind, path, sha256) "
                       "VALUES (?1, ?2, ?3, ?4, ?5)",
                       "tijjj", r->run, r->n, json_object_get(event, "kind"),
                       json_object_get(event, "path"), json_object_get(event, "sha256"));
}

static int record_usage(struct recording *r, const json_t *event, struct err *e)
{
    return store__exec(
        r->s, e,
        "UPDATE attempt SET seconds = ?3, memory = ?4, bytes = ?5 WHERE run = ?1 AND n = ?2",
        "tijjj", r->run, r->n, json_object_get(event, "seconds"), json_object_get(event, "memory"),
        json_object_get(event, "bytes"));
}

static const struct {
    const char *name;
    int (*record)(struct recording *r, const json_t *event, struct err *e);
} recorders[] = {
    {"start", record_start},           {"epoch", record_epoch},       {"metric", record_metric},
    {"prediction", record_prediction}, {"artifact", record_artifact}, {"usage", record_usage},
};

static int record(struct recording *r, const json_t *event, struct err *e)
{
    const char *name = json_string_value(json_object_get(event, "event"));
    for (size_t i = 0; i < sizeof recorders / sizeof recorders[0]; i++)
        if (str_eq(name, recorders[i].name))
            return recorders[i].record(r, event, e);
    return 0; // progress, done: nothing to keep
}

/* The seal over what the table holds now, in its own order. */
static int seal_rows(struct store *s, const char *run, int n, char seal[HASH_HEX], struct err *e)
{
    struct str lines = STR_INIT;
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e,
                          "SELECT split, name, value FROM metric WHERE run = ?1 AND n = ?2 "
                          "ORDER BY split, name",
                          "ti", run, (long)n);
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1)
            store__seal_line(&lines, store__text(q, 0), store__text(q, 1), store__real(q, 2));
    store__seal(run, &lines, seal);
    str_release(&lines);
    return rc;
}

int store_done(struct store *s, const char *run, int n, const json_t *events, struct err *e)
{
    struct recording r = {s, run, n, 0};
    char seal[HASH_HEX], details[HASH_HEX];
    size_t i;
    const json_t *event;
    int rc = store__begin_write(s, e);
    if (rc < 0)
        return rc;
    json_array_foreach((json_t *)events, i, event)
    {
        rc = record(&r, event, e);
        if (rc < 0)
            goto out;
    }
    if (r.metrics == 0 && (rc = store__needs_metrics(s, run, e)) != 0) {
        if (rc == 1)
            rc = err_set(e, ERR_CORRUPT, "run '%.12s' ended well but reported no metric", run);
        goto out;
    }
    rc = seal_rows(s, run, n, seal, e);
    if (rc == 0)
        rc = store__details(s, run, n, details, e);
    if (rc == 0)
        rc = end_attempt(s, run, n, "done", NULL, NULL, seal, details, e);
out:
    return store__finish(s, rc, e);
}

int store_failed(struct store *s, const char *run, int n, const char *state, const char *class_,
                 const char *reason, struct err *e)
{
    return end_attempt(s, run, n, state, class_, reason, NULL, NULL, e);
}

/* End the runners of a dead scheduler that are still there, though the kernel should have: their
 * runs are about to be started anew. */
static int end_orphans(struct store *s, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e,
                          "SELECT boot, pid, born FROM attempt "
                          "WHERE state = 'running' AND boot IS NOT NULL",
                          "");
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1) {
            struct sys_process p = {.pid = store__int(q, 1), .start = store__int(q, 2)};
            snprintf(p.boot, sizeof p.boot, "%s", store__text(q, 0));
            for (int i = 0; i < ORPHAN_TRIES && sys_process_lives(&p); i++) {
                kill((pid_t)p.pid, SIGKILL);
                usleep(10000);
            }
        }
    return rc;
}

int store_recover(struct store *s, int *n, struct err *e)
{
    *n = 0;
    int rc = end_orphans(s, e);
    if (rc == 0)
        rc = store__exec(s, e,
                         "UPDATE attempt SET state = 'lost', class = 'lost', reason = "
                         "'the scheduler ended before the run did', "
                         "finished = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') "
                         "WHERE state = 'running'",
                         "");
    if (rc == 0)
        *n = (int)store__changes(s);
    return rc;
}
