/*
 * What the store's files share: the handle, bound statements, transactions.
 *
 * Statements are string literals, prepared once per store and found again by their address.
 * Values are bound from a type string: 't' const char * (NULL = SQL NULL), 'i' long, 'r' double,
 * 'b' const void * and size_t, 'j' json_t * (number, text, or array as canonical text; anything
 * else and NULL bind SQL NULL), 'a' json_t *: the items of an array, a value each, as 'j'.
 */
#ifndef PROMPTGRID_RESULTS_STORE_INTERNAL_H
#define PROMPTGRID_RESULTS_STORE_INTERNAL_H

#include "results/store.h"

#include <stdint.h>

struct scan;
struct sqlite3;
struct sqlite3_stmt;

enum { STORE_VERSION = 5, STORE_APPLICATION = 0x50724764 /* "PrGd" */ };

/* store__migrations[v] takes a store of version v to v + 1; there are STORE_VERSION of them. */
extern const char *const store__migrations[];

struct store {
    struct sqlite3 *db;
    char *path;
    int lock; // descriptor of "<path>.lock"; -1 when reading
    struct {
        const char *sql; // the literal's address is the key
        struct sqlite3_stmt *statement;
    } cache[64];
    size_t n_cached;
    int snapshots;     // open ones, one within the other
    struct scan *scan; // what was read of many runs at once, or NULL: see store_scan.c
};

/* The error of the last SQLite call as a plain message that names the file. */
int store__fail(struct store *s, struct err *e);

/* Prepare and bind; rows come from store__step: 1 row, 0 no more, or an error. A statement that is
 * left before its end is closed with store__end, or it would keep its snapshot of the file. */
int store__query(struct store *s, struct sqlite3_stmt **out, struct err *e, const char *sql,
                 const char *types, ...);
int store__step(struct store *s, struct sqlite3_stmt *statement, struct err *e);
void store__end(struct sqlite3_stmt *statement);

/* Columns of the current row. Text is never NULL ("" for SQL NULL) and valid until the next step.
 */
const char *store__text(struct sqlite3_stmt *statement, int column);
long store__int(struct sqlite3_stmt *statement, int column);
double store__real(struct sqlite3_stmt *statement, int column);
bool store__null(struct sqlite3_stmt *statement, int column);
bool store__is_blob(struct sqlite3_stmt *statement, int column);
const void *store__blob(struct sqlite3_stmt *statement, int column, size_t *size);

/* A statement without rows. */
int store__exec(struct store *s, struct err *e, const char *sql, const char *types, ...);
long store__changes(struct store *s);

/* Statements without values. */
int store__script(struct store *s, const char *sql, struct err *e);

/* Everything between the two is kept, or nothing: store__finish commits when rc is 0, rolls back
 * otherwise, and returns the result. */
int store__begin_write(struct store *s, struct err *e);
int store__finish(struct store *s, int rc, struct err *e);

/* The lock of the store at s->path, in s->lock. */
int store__lock(struct store *s, struct err *e);

/* From `version` to STORE_VERSION in one transaction, after a copy to "<path>.v<version>.bak". */
int store__migrate(struct store *s, long version, struct err *e);

/* Tables, indexes and views that are not as a store of this version has them, by kind and name.
 * What others have added is theirs. */
int store__tables_check(struct store *s, long version, void (*wrong)(void *arg, const char *name),
                        void *arg, struct err *e);

/* The whole store as it is now, in a file of its own that takes its name when it is on disk. */
int store__copy(struct store *s, const char *to, struct err *e);

/* "cuda" where a runner's words about itself, JSON, say the device "cuda: NVIDIA H100, ..."; ""
 * where they say none. */
void store__device(const char *words, char device[STORE_DEVICE]);

/* The attempt that speaks for a run. */
struct store__attempt {
    const char *state, *class_, *reason; // NULL: SQL NULL
    const char *commit;                  // of its revision; not known to store_result
    const char *device;                  // kind of what it ran on; NULL: not known
    bool done;
    long n, count; // its number; how many the run has
    long revision;
    double seconds;
    char seal[HASH_HEX];
    size_t metrics; // of store_scan.c
};
struct store__metric {
    const char *split, *name;
    double value;
};

/* What an attempt `a` took, in SQL. */
#define STORE_SECONDS                                                                              \
    "round(coalesce(a.seconds, max(0, julianday(a.finished) - julianday(a.started)) * 86400), 3)"

/* False: ask the file. True: *out speaks for the run, as a pass over many runs has read it; NULL:
 * it was never tried. */
bool store__scanned(struct store *s, const char *run, const struct store__attempt **out);
/* Its metrics, sorted by (split, name); *n may be more than fit. */
int store__scanned_metrics(struct store *s, const struct store__attempt *a,
                           struct store__metric out[STORE_METRICS], size_t *n, struct err *e);
void store__scan_close(struct store *s);

/* The seal of a run's metrics. `lines` is the text that store__seal_line wrote, in the order of
 * (split, name). */
struct str;
void store__seal_line(struct str *lines, const char *split, const char *name, double value);
void store__seal(const char *run, const struct str *lines, char out[HASH_HEX]);

/* The seal of what an attempt left beside its metrics: curve, predictions, hashes of files. Hold:
 * those of the run's last done attempt match it (ERR_CORRUPT otherwise), or were recorded by a
 * release that did not seal them. */
int store__details(struct store *s, const char *run, long n, char seal[HASH_HEX], struct err *e);
int store__details_hold(struct store *s, const char *run, struct err *e);

/* Long text as stored: its size (4 bytes, little-endian), zlib. `out` is yours to free().
 * store__prose reads a column of text that may be so stored; yours to free(), "" when damaged. */
int store__squeeze(const char *text, unsigned char **out, size_t *size, struct err *e);
char *store__prose(struct sqlite3_stmt *statement, int column);

/* SQLite's own file calls, clock and memory go through core/base/sys.h when a test has set a fault;
 * to be called before the first connection. */
void store__arm(void);

/* Labels as stored: int32 little-endian, zlib. `out` is yours to free(). */
int store__pack(const json_t *labels, unsigned char **out, size_t *size, struct err *e);
json_t *store__unpack(const void *data, size_t size, size_t count); // NULL when damaged

/* ---- results/store_columns.c: what the columns of `run` repeat of the spec ---- */

/* The run's row, unless it is there. */
int store__columns_insert(struct store *s, const char *run, const json_t *spec, struct err *e);

/* Tell each column that is not what `spec`, the row's own, makes of it: 1 some, 0 none. Of any
 * version. */
int store__columns_check(struct store *s, const char *run, const json_t *spec,
                         void (*wrong)(void *arg, const char *run, const char *text), void *arg,
                         struct err *e);

/* Write them again from the row's spec. */
int store__columns_mend(struct store *s, const char *run, struct err *e);

/* 1 when the run is of a job that must not end without a metric, as its spec says. */
int store__needs_metrics(struct store *s, const char *run, struct err *e);

/* Hash of a spec without its seed, and the training run's id, which depends on it: runs that differ
 * only in the seed have the same. */
void store__family(const json_t *spec, char out[HASH_HEX]);

#endif
