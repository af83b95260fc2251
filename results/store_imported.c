/* See store_imported.h. */
#include "results/store_imported.h"

#include "core/base/str.h"
#include "results/store_internal.h"

#include <string.h>

/* Unlike those of a recipe, these specs come out of the store, and with them what a number is of:
 * so it is the spec that says what is imported, and its id that it was not changed. */
static int add(struct store *s, const char *run, const char *text, json_t *to, struct err *e)
{
    char id[HASH_HEX];
    hash_bytes(id, text, strlen(text));
    if (!str_eq(id, run))
        return err_set(e, ERR_CORRUPT,
                       "the spec of run '%.12s' in '%s' is not what its id says: it was changed "
                       "after it was recorded; 'promptgrid check' tells all, 'promptgrid repair' "
                       "keeps what verifies",
                       run, s->path);
    json_t *spec = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *job = json_string_value(json_object_get(spec, "job"));
    if (job && str_eq(job, "imported")) // and no other text of the spec
        json_array_append_new(to, json_pack("{s:s, s:O}", "run", run, "spec", spec));
    json_decref(spec);
    return 0;
}

int store_imported(struct store *s, json_t **out, struct err *e)
{
    struct sqlite3_stmt *q;
    *out = json_array();
    int rc = store__query(s, &q, e,
                          "SELECT id, spec FROM run WHERE instr(spec, '\"job\":\"imported\"') "
                          "ORDER BY dataset, method, params, shots, seed, id",
                          "");
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1 &&
               (rc = add(s, store__text(q, 0), store__text(q, 1), *out, e)) == 0)
            ;
    store__end(q);
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
