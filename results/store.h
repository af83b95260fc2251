/*
 * The results store: one SQLite file. sqlite3.h is included only by store*.c.
 *
 * One writer at a time, by a kernel lock on "<file>.lock" that dies with its owner; any number of
 * readers. A run is done when, and only when, its metrics are in the store: they are written in the
 * same transaction as state = 'done' and sealed by hashes over their canonical text.
 */
#ifndef PROMPTGRID_RESULTS_STORE_H
#define PROMPTGRID_RESULTS_STORE_H

#include "core/base/err.h"
#include "core/base/hash.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct store;

enum store_mode {
    STORE_READ,  // ERR_MISSING when there is no store
    STORE_WRITE, // created when missing; ERR_BUSY names the holder of the lock
    STORE_LOOK,  // as STORE_READ, but an older version stays as it is
};

/* A store of a newer version is refused (ERR_RANGE) and left alone; an older one is migrated, after
 * a copy to "<path>.v<N>.bak". A reader that may not migrate it (somebody is writing it, or the
 * file is read-only) gets ERR_RANGE. */
int store_open(struct store **out, const char *path, enum store_mode mode, struct err *e);
void store_close(struct store *s); // NULL is fine
const char *store_path(const struct store *s);

/* ERR_MISSING when the file is no longer where it was opened: nothing may be written beside it
 * then.
 */
int store_in_place(struct store *s, struct err *e);

/* Wait until no other writer holds the store at `path`: 1 it had to wait, 0 nobody did. */
int store_wait(const char *path, struct err *e);

/* ---- writing: the scheduler only ---- */

/* Code and machine of this process's runs; each returns the row's id (> 0), made once per content.
 */
struct store_revision {
    const char *commit; // 40 hex digits, or "" outside a repository
    bool dirty;
    const char *diff; // text of the uncommitted change, "" when clean
    const char *runner_sha256;
    const char *build; // compiler, flags, version
};
long store_revision(struct store *s, const struct store_revision *r, struct err *e);
long store_machine(struct store *s, const json_t *facts,
                   struct err *e); // object of text: cpu, cores, memory, os, libraries

/* What is written between the two is on disk together after store_together_end, or not at all: it
 * keeps it when `rc` is 0, and returns the result. Only for calls that are no transaction of their
 * own: store_run, store_revision, store_machine. */
int store_together(struct store *s, struct err *e);
int store_together_end(struct store *s, int rc, struct err *e);

/* The run's row, made when it is not there. */
int store_run(struct store *s, const char *run, const json_t *spec, struct err *e);

/* A new attempt in state 'running'; *n counts from 1 within the run. */
int store_begin(struct store *s, const char *run, long revision, long machine, const char *command,
                const char *log, int *n, struct err *e);

/* The same with the run's row, for a runner that is born but waits for them before it does
 * anything.
 */
struct sys_process;
int store_begin_as(struct store *s, const char *run, const json_t *spec, long revision,
                   long machine, const char *command, const char *log,
                   const struct sys_process *who, int *n, struct err *e);

/* Its end. `events` is the array of the runner's checked events (core/proto/event.h), from which
 * curve, metric, prediction and artifact rows are made; the scheduler may add what the run took:
 * {"event":"usage","seconds":..,"memory":..,"bytes":..}. All in one transaction. */
int store_done(struct store *s, const char *run, int n, const json_t *events, struct err *e);

/* state 'failed' or 'cancelled'; class as err_name, reason one line. */
int store_failed(struct store *s, const char *run, int n, const char *state, const char *class_,
                 const char *reason, struct err *e);

/* Attempts left 'running' by a scheduler that died become 'lost'; *n = how many. A runner that is
 * still there, the same process since the same start of the machine, is ended first. */
int store_recover(struct store *s, int *n, struct err *e);

/* ---- reading ---- */

/* The attempt that speaks for a run: its last done one, or else its last one. */
struct store_state {
    char state[16];  // "" = never tried; done, failed, cancelled, lost, running
    char class_[16]; // of the last failure
    char *reason;    // yours; NULL if none
    int attempts;
    double seconds;  // of the done attempt, 0 if none
    char commit[41]; // code of that attempt, "" outside a repository
};
int store_state(struct store *s, const char *run, struct store_state *out, struct err *e);
void store_state_release(struct store_state *state);

/* The log of that attempt, yours to free(); NULL if none. */
int store_log(struct store *s, const char *run, char **log, struct err *e);

/* 1 when an attempt of the run with this very command has ended, well or not; lost ones do not
 * count. */
int store_tried(struct store *s, const char *run, const char *command, struct err *e);

/* A metric of a done run whose seal holds: 1 found, 0 not there, ERR_CORRUPT when the rows do not
 * match their seal. */
int store_metric(struct store *s, const char *run, const char *split, const char *name,
                 double *value, struct err *e);

/* What tables and comparisons need of a run, in one read: the attempt that speaks for it, and the
 * metrics of a done one, whose seal holds (ERR_CORRUPT otherwise). */
enum { STORE_METRICS = 16, STORE_DEVICE = 16 };
struct store_result {
    char state[16], class_[16]; // as in struct store_state
    char *reason;               // yours; NULL if none
    double seconds;
    long revision;             // for store_code; 0 = never tried
    char device[STORE_DEVICE]; // kind of what it ran on: "cpu", "cuda"; "" = not known
    struct {
        char split[16], name[24];
        double value;
    } metrics[STORE_METRICS];
    size_t n;
};
int store_result(struct store *s, const char *run, struct store_result *out, struct err *e);
void store_result_release(struct store_result *r);

/* What is read between the two is of one moment, whatever a scheduler writes meanwhile; nothing may
 * be written between them. They may be nested. `n`: of so many runs the state or the result will be
 * asked for; when they are a good part of the store, that is read in one pass. Of a store of NULL,
 * nothing. */
int store_snapshot(struct store *s, size_t n, struct err *e);
void store_snapshot_end(struct store *s);

/* The code of a revision. */
struct store_code {
    char commit[41]; // "" outside a repository
    bool dirty;
    char diff[HASH_HEX];   // hash of the uncommitted change; "" when clean
    char runner[HASH_HEX]; // of the program
};
int store_code(struct store *s, long revision, struct store_code *out, struct err *e);

/* Predicted labels of a done run, one a test image in the order of the split: 1 found (`labels`
 * yours to free()), 0 not there. */
int store_predictions(struct store *s, const char *run, const char *split, int **labels, size_t *n,
                      struct err *e);

/* The run's artifact of `kind`: 1 found (path yours to free()), 0 not there. */
int store_artifact(struct store *s, const char *run, const char *kind, char **path,
                   char sha256[HASH_HEX], struct err *e);

/* Everything about one run as JSON, for `promptgrid show`; `prefix` of the id, at least 4 digits.
 * ERR_MISSING when none matches, ERR_RANGE when several do. */
int store_show(struct store *s, const char *prefix, json_t **out, struct err *e);

/* What done runs have taken, the newest hundred of them: means, of memory the largest; 0 = unknown.
 * Of runs of the same shape of work, that is job, dataset, method, backbone, protocol, shots and
 * part; of those that differ in the seed only. */
struct store_cost {
    size_t runs;
    double seconds, memory, bytes;
};
int store_cost_of_shape(struct store *s, const json_t *spec, struct store_cost *out, struct err *e);
int store_cost_of_family(struct store *s, const json_t *spec, struct store_cost *out,
                         struct err *e);

#endif
