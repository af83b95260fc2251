/* Wanted runs and their results, for tables. */
#ifndef PROMPTGRID_TESTS_TABLE_FIXTURE_H
#define PROMPTGRID_TESTS_TABLE_FIXTURE_H

#include "store_fixture.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "results/table.h"

struct wanted {
    struct store *store;
    char *path;
    struct table_run *runs;
    size_t n, capacity;
    const char *protocol, *backbone;
};

static inline void wanted_open(struct wanted *w, const char *folder, const char *backbone)
{
    struct err e = {0};
    memset(w, 0, sizeof *w);
    w->path = fs_join(folder, "promptgrid.sqlite");
    w->protocol = "base-to-new";
    w->backbone = backbone;
    assert_ok(store_open(&w->store, w->path, STORE_WRITE, &e), &e);
    fixture_origin(w->store);
}

static inline void wanted_close(struct wanted *w)
{
    for (size_t i = 0; i < w->n; i++)
        free((char *)w->runs[i].run);
    free(w->runs);
    free(w->path);
    store_close(w->store);
}

/* A wanted run, done with these values; NAN: not tried. Labels are borrowed. */
static inline void want(struct wanted *w, const char *row, const char *method,
                        const char *published, const char *dataset, int shots, int seed,
                        double base, double new_)
{
    struct err e = {0};
    bool two = strcmp(w->protocol, "base-to-new") == 0;
    int number = (int)w->n + 1;
    MEM_PUSH(w->runs, w->n, w->capacity) = (struct table_run){
        .run = mem_strdup(fixture_run(number)),
        .row = row,
        .column = dataset,
        .method = method,
        .published = published,
        .dataset = dataset,
        .protocol = w->protocol,
        .backbone = w->backbone,
        .shots = shots,
        .seed = seed,
        .parameters = -1,
    };
    if (!isnan(base))
        assert_ok(fixture_done(w->store, w->runs[w->n - 1].run,
                               fixture_spec(dataset, method, shots, seed), two ? "base" : "test",
                               base, two ? "new" : NULL, new_, &e),
                  &e);
}

static inline struct table *wanted_table(struct wanted *w, const char *const *metrics, bool against)
{
    struct err e = {0};
    struct table *t;
    const struct table_options options = {.name = "main",
                                          .title = "the main table",
                                          .metrics = metrics,
                                          .against_published = against,
                                          .published_folder = "results/published"};
    assert_ok(table_build(&t, w->store, w->runs, w->n, &options, &e), &e);
    return t;
}

/* The row of table_json with these keys, borrowed. */
static inline json_t *json_row(json_t *rows, const char *row, const char *dataset,
                               const char *metric)
{
    size_t i;
    json_t *item;
    json_array_foreach(rows, i, item)
    {
        if (!strcmp(json_string_value(json_object_get(item, "row")), row) &&
            !strcmp(json_string_value(json_object_get(item, "dataset")), dataset) &&
            !strcmp(json_string_value(json_object_get(item, "metric")), metric))
            return item;
    }
    fail_msg("no row '%s', '%s', '%s'", row, dataset, metric);
    return NULL;
}

static inline double json_real_at(json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

#endif
