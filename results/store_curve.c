/* See store_curve.h. */
#include "results/store_curve.h"

#include "results/store_internal.h"

int store_curve(struct store *s, const char *run, json_t **out, struct err *e)
{
    struct sqlite3_stmt *q;
    *out = NULL;
    int rc = store__details_hold(s, run, e);
    if (rc == 0)
        rc = store__query(
            s, &q, e,
            "SELECT json_group_array(json_object('epoch', epoch, 'loss', loss, 'lr', lr, "
            "'accuracy', accuracy, 'effective_rank', effective_rank, 'nuclear', nuclear, "
            "'energy', json(energy), 'effective_rank_change', effective_rank_change, "
            "'nuclear_change', nuclear_change, 'energy_change', json(energy_change), "
            "'base', base, 'new', new, 'test', test)) FROM "
            "(SELECT c.* FROM curve c JOIN attempt a ON a.run = c.run AND a.n = c.n "
            "WHERE c.run = ?1 AND a.n = (SELECT max(n) FROM attempt "
            "WHERE run = ?1 AND state = 'done') ORDER BY epoch)",
            "t", run);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc == 1) {
        *out = json_loads(store__text(q, 0), 0, NULL);
        store__end(q);
        if (!*out)
            return err_set(e, ERR_CORRUPT, "the curve of run '%.12s' in '%s' is damaged", run,
                           s->path);
    }
    return rc < 0 ? rc : 0;
}
