/* See store_origin.h. */
#include "results/store_origin.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows of a table with the number of runs each. */
struct counts {
    struct count {
        long id;
        size_t runs;
    } * items;
    size_t n, capacity;
};

static void count(struct counts *c, long id)
{
    size_t i = 0;
    while (i < c->n && c->items[i].id != id)
        i++;
    if (i == c->n)
        MEM_PUSH(c->items, c->n, c->capacity) = (struct count){id, 0};
    c->items[i].runs++;
}

static int by_runs(const void *a, const void *b)
{
    const struct count *x = a, *y = b;
    if (x->runs != y->runs)
        return x->runs < y->runs ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

static int add_revision(struct store *s, const struct count *c, json_t *to, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e,
                          "SELECT git_commit, dirty, diff, runner_sha256, build FROM revision "
                          "WHERE id = ?1",
                          "i", c->id);
    if (rc == 0 && (rc = store__step(s, q, e)) == 1) {
        json_array_append_new(to,
                              json_pack("{s:s, s:b, s:s, s:s, s:s, s:I}", "commit",
                                        store__text(q, 0), "dirty", (int)store__int(q, 1), "diff",
                                        store__text(q, 2), "runner_sha256", store__text(q, 3),
                                        "build", store__text(q, 4), "runs", (json_int_t)c->runs));
        store__end(q);
    }
    return rc < 0 ? rc : 0;
}

static int add_machine(struct store *s, const struct count *c, json_t *to, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e, "SELECT facts FROM machine WHERE id = ?1", "i", c->id);
    if (rc == 0 && (rc = store__step(s, q, e)) == 1) {
        json_t *facts = json_loads(store__text(q, 0), 0, NULL);
        json_array_append_new(to, json_pack("{s:o, s:I}", "facts", facts ? facts : json_object(),
                                            "runs", (json_int_t)c->runs));
        store__end(q);
    }
    return rc < 0 ? rc : 0;
}

int store_origins(struct store *s, const char *const *runs, size_t n, json_t **out, struct err *e)
{
    struct counts revisions = {0}, machines = {0};
    char first[32] = "", last[32] = "";
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct sqlite3_stmt *q;
        rc = store__query(s, &q, e,
                          "SELECT revision, machine, finished FROM attempt WHERE run = ?1 AND "
                          "state = 'done' ORDER BY n DESC LIMIT 1",
                          "t", runs[i]);
        if (rc < 0 || (rc = store__step(s, q, e)) != 1)
            continue;
        const char *finished = store__text(q, 2);
        count(&revisions, store__int(q, 0));
        count(&machines, store__int(q, 1));
        if (!*first || strcmp(finished, first) < 0)
            snprintf(first, sizeof first, "%s", finished);
        if (strcmp(finished, last) > 0)
            snprintf(last, sizeof last, "%s", finished);
        store__end(q);
        rc = 0;
    }
    *out =
        json_pack("{s:[], s:[], s:s, s:s}", "revisions", "machines", "first", first, "last", last);
    qsort(revisions.items, revisions.n, sizeof *revisions.items, by_runs);
    qsort(machines.items, machines.n, sizeof *machines.items, by_runs);
    for (size_t i = 0; i < revisions.n && rc == 0; i++)
        rc = add_revision(s, &revisions.items[i], json_object_get(*out, "revisions"), e);
    for (size_t i = 0; i < machines.n && rc == 0; i++)
        rc = add_machine(s, &machines.items[i], json_object_get(*out, "machines"), e);
    free(revisions.items);
    free(machines.items);
    if (rc < 0) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}
