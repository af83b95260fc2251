/* What runs have taken, to say what others will: see store_cost_of_shape. */
#include "results/store_internal.h"

/* Of the newest hundred done runs that `where` chooses; hundreds more would say the same. The plus
 * keeps SQLite from going through all that is done in search of a run. */
#define COST_OF(where)                                                                             \
    "SELECT count(*), avg(" STORE_SECONDS "), max(a.memory), avg(a.bytes) FROM "                   \
    "(SELECT id FROM run r WHERE " where " AND EXISTS "                                            \
    "(SELECT 1 FROM attempt WHERE run = r.id AND +state = 'done') ORDER BY rowid DESC LIMIT 100) " \
    "r "                                                                                           \
    "JOIN attempt a ON a.run = r.id AND a.n = "                                                    \
    "(SELECT max(n) FROM attempt WHERE run = r.id AND +state = 'done')"

static int read_cost(struct store *s, struct sqlite3_stmt *q, struct store_cost *out, struct err *e)
{
    int rc = store__step(s, q, e);
    *out = (struct store_cost){0};
    if (rc != 1)
        return rc;
    *out = (struct store_cost){.runs = (size_t)store__int(q, 0),
                               .seconds = store__real(q, 1), // NULL reads as 0
                               .memory = store__real(q, 2),
                               .bytes = store__real(q, 3)};
    store__end(q);
    return 0;
}

int store_cost_of_shape(struct store *s, const json_t *spec, struct store_cost *out, struct err *e)
{
    struct sqlite3_stmt *q;
#define OF(key) json_object_get(spec, key)
    int rc = store__query(s, &q, e,
                          COST_OF("job IS ?1 AND dataset IS ?2 AND method IS ?3 AND backbone IS ?4 "
                                  "AND protocol IS ?5 AND shots IS ?6 AND part IS ?7"),
                          "jjjjjjj", OF("job"), OF("dataset"), OF("method"), OF("backbone"),
                          OF("protocol"), OF("shots"), OF("part"));
#undef OF
    return rc < 0 ? rc : read_cost(s, q, out, e);
}

int store_cost_of_family(struct store *s, const json_t *spec, struct store_cost *out, struct err *e)
{
    struct sqlite3_stmt *q;
    char family[HASH_HEX];
    store__family(spec, family);
    int rc = store__query(s, &q, e, COST_OF("family = ?1"), "t", family);
    return rc < 0 ? rc : read_cost(s, q, out, e);
}
