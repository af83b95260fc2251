/* The seal of what stands beside a run's metrics: see store_internal.h. */
#include "results/store_internal.h"

#include "core/base/str.h"

#include <stdio.h>
#include <string.h>

static void add_number(struct str *lines, struct sqlite3_stmt *q, int column)
{
    char number[32] = "\t-"; // none
    if (!store__null(q, column))
        snprintf(number, sizeof number, "\t%.17g", store__real(q, column));
    str_add(lines, number);
}

static int add_curve(struct store *s, const char *run, long n, struct str *lines, struct err *e)
{
    enum { NUMBERS = 11, TEXTS = 4 }; // the columns of each kind, numbers first
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e,
                          "SELECT epoch, loss, lr, accuracy, effective_rank, nuclear, "
                          "effective_rank_change, nuclear_change, base, new, test, "
                          "singular, singular_change, energy, energy_change "
                          "FROM curve WHERE run = ?1 AND n = ?2 ORDER BY epoch",
                          "ti", run, n);
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1) {
            str_add(lines, "epoch");
            for (int i = 0; i < NUMBERS; i++)
                add_number(lines, q, i);
            for (int i = NUMBERS; i < NUMBERS + TEXTS; i++)
                str_addf(lines, "\t%s", store__text(q, i));
            str_addc(lines, '\n');
        }
    return rc;
}

static int add_predictions(struct store *s, const char *run, long n, struct str *lines,
                           struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e,
                          "SELECT split, count, labels FROM prediction "
                          "WHERE run = ?1 AND n = ?2 ORDER BY split",
                          "ti", run, n);
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1) {
            char hash[HASH_HEX];
            size_t size;
            const void *labels = store__blob(q, 2, &size);
            hash_bytes(hash, labels ? labels : "", labels ? size : 0);
            str_addf(lines, "prediction\t%s\t%ld\t%s\n", store__text(q, 0), store__int(q, 1), hash);
        }
    return rc;
}

/* Paths are left out: they change when a workspace is merged into another one. */
static int add_artifacts(struct store *s, const char *run, long n, struct str *lines, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(
        s, &q, e, "SELECT kind, sha256 FROM artifact WHERE run = ?1 AND n = ?2 ORDER BY kind", "ti",
        run, n);
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1)
            str_addf(lines, "artifact\t%s\t%s\n", store__text(q, 0), store__text(q, 1));
    return rc;
}

int store__details(struct store *s, const char *run, long n, char seal[HASH_HEX], struct err *e)
{
    struct str lines = STR_INIT;
    int rc;
    if ((rc = add_curve(s, run, n, &lines, e)) == 0 &&
        (rc = add_predictions(s, run, n, &lines, e)) == 0 &&
        (rc = add_artifacts(s, run, n, &lines, e)) == 0)
        store__seal(run, &lines, seal);
    str_release(&lines);
    return rc;
}

int store__details_hold(struct store *s, const char *run, struct err *e)
{
    struct sqlite3_stmt *q;
    char want[HASH_HEX], seal[HASH_HEX];
    int rc = store__query(s, &q, e,
                          "SELECT n, details FROM attempt WHERE run = ?1 AND state = 'done' "
                          "ORDER BY n DESC LIMIT 1",
                          "t", run);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc != 1)
        return rc;
    long n = store__int(q, 0);
    bool sealed = !store__null(q, 1);
    snprintf(want, sizeof want, "%s", store__text(q, 1));
    store__end(q);
    if (!sealed)
        return 0;
    rc = store__details(s, run, n, seal, e);
    if (rc == 0 && !str_eq(seal, want))
        rc =
            err_set(e, ERR_CORRUPT,
                    "the curve or predictions of run '%.12s' in '%s' do not match their seal: rows "
                    "were changed after they were recorded; 'promptgrid check' tells which runs, "
                    "'promptgrid repair' takes them back",
                    run, s->path);
    return rc;
}
