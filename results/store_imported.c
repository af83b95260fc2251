/* See store_imported.h. */
#include "results/store_imported.h"

#include "results/store_internal.h"

int store_imported(struct store *s, json_t **out, struct err *e)
{
    struct sqlite3_stmt *q;
    *out = json_array();
    int rc = store__query(s, &q, e,
                          "SELECT id, spec FROM run WHERE job = 'imported' ORDER BY dataset, "
                          "method, params, shots, seed, id",
                          "");
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1) {
            json_t *spec = json_loads(store__text(q, 1), JSON_REJECT_DUPLICATES, NULL);
            if (json_is_object(spec)) // otherwise 'check' says so
                json_array_append_new(
                    *out, json_pack("{s:s, s:O}", "run", store__text(q, 0), "spec", spec));
            json_decref(spec);
        }
    if (rc < 0) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}

int store_refused(struct store *s, const char *run, const char *reason, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(
        s, &q, e, "SELECT 1 FROM attempt WHERE run = ?1 AND state = 'failed' AND reason = ?2", "tt",
        run, reason);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc == 1)
        store__end(q);
    return rc;
}
