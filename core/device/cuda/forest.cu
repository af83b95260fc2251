/*
 * Making a forest: see forest.cuh. What comes out depends on the tree only.
 */
#include "core/device/cuda/forest.cuh"
#include "core/device/cuda/cuda.cuh"

#include <stdlib.h>
#include <string.h>

extern "C" {
#include "core/base/mem.h"
}

struct chain {
    int row[CHAIN], rows;
    int first, last; // readers
};

enum { NONE = -1, UNSEEN = -2, MANY = -3 };

template <class T> static T *array(int n)
{
    return (T *)mem_zero((size_t)n, sizeof(T));
}

/* count[r] = paths through row r; next[r] = the row that comes after it on most of them, at least
 * on half, and on no path after another; or NONE. */
static void link_rows(int *count, int *next, const struct device_tree *t)
{
    int *before = array<int>(t->rows);
    for (int r = 0; r < t->rows; r++) {
        before[r] = UNSEEN;
        next[r] = NONE;
    }
    for (int i = 0; i < t->queries; i++)
        for (int at = t->start[i], last = NONE; at < t->start[i + 1]; at++) {
            const int r = t->path[at];
            before[r] = before[r] == UNSEEN || before[r] == last ? last : MANY;
            count[r]++;
            last = r;
        }
    for (int r = 0; r < t->rows; r++) {
        const int from = before[r];
        if (from >= 0 && 2 * count[r] >= count[from] &&
            (next[from] == NONE || count[r] > count[next[from]]))
            next[from] = r;
    }
    free(before);
}

/* Every row in one chain: their number. first[r] = the chain that begins with row r, or NONE. */
static int make_chains(struct chain *chain, int *first, const int *count, int *next, int rows)
{
    int n = 0, readers = 0;
    bool *taken = array<bool>(rows);
    for (int r = 0; r < rows; r++) {
        first[r] = NONE;
        if (taken[r])
            continue;
        struct chain *c = &chain[n];
        for (int at = r; at != NONE && !taken[at] && c->rows < CHAIN; at = next[at]) {
            c->row[c->rows++] = at;
            taken[at] = true;
        }
        c->first = readers;
        readers += count[r];
        c->last = readers;
        first[r] = n++;
    }
    free(taken);
    return n;
}

static void list_readers(struct reader *reader, const struct chain *chain, int chains,
                         const int *first, const struct device_tree *t)
{
    int *next = array<int>(chains);
    for (int i = 0; i < chains; i++)
        next[i] = chain[i].first;
    for (int i = 0; i < t->queries; i++)
        for (int at = t->start[i]; at < t->start[i + 1]; at++) {
            if (first[t->path[at]] == NONE)
                continue;
            const struct chain *c = &chain[first[t->path[at]]];
            int rows = 1;
            while (rows < c->rows && at + rows < t->start[i + 1] &&
                   t->path[at + rows] == c->row[rows])
                rows++;
            reader[next[c - chain]++] = {at, i, rows};
        }
    free(next);
}

/* Cut the chains' lists; counts go to f. */
static void cut(struct forest *f, struct piece *piece, struct split *split,
                const struct chain *chain, int chains)
{
    for (const struct chain *c = chain; c < chain + chains; c++) {
        const int n = c->last - c->first, pieces = n > PIECE ? (n + PIECE - 1) / PIECE : 1;
        for (int i = 0; i < pieces; i++) {
            struct piece *p = &piece[f->pieces++];
            memcpy(p->row, c->row, sizeof p->row);
            p->rows = c->rows;
            p->first = c->first + i * PIECE;
            p->last = i == pieces - 1 ? c->last : p->first + PIECE;
            p->slot = pieces > 1 ? f->slots + i : NONE;
            p->stride = pieces;
        }
        for (int i = 0; i < c->rows && pieces > 1; i++) {
            split[f->splits++] = {c->row[i], f->slots, f->slots + pieces};
            f->slots += pieces;
        }
    }
}

template <class T> static T *put(struct device *d, const T *host, int n)
{
    return (T *)device_put_ints(d, (const int *)host, (size_t)n * (sizeof(T) / sizeof(int)));
}

struct forest *cuda_forest_new(struct device *d, const struct device_tree *t)
{
    struct forest *f = (struct forest *)mem_zero(1, sizeof *f);
    f->queries = t->queries;
    f->paths = t->start[t->queries];
    int *count = array<int>(t->rows), *next = array<int>(t->rows), *first = array<int>(t->rows);
    struct chain *chain = array<struct chain>(t->rows);
    struct reader *reader = array<struct reader>(f->paths);
    struct piece *piece = array<struct piece>(t->rows + f->paths / PIECE);
    struct split *split = array<struct split>(t->rows);
    link_rows(count, next, t);
    const int chains = make_chains(chain, first, count, next, t->rows);
    list_readers(reader, chain, chains, first, t);
    cut(f, piece, split, chain, chains);
    f->start = put(d, t->start, t->queries + 1);
    f->path = put(d, t->path, f->paths);
    f->piece = put(d, piece, f->pieces);
    f->split = put(d, split, f->splits);
    f->reader = put(d, reader, chains ? chain[chains - 1].last : 0);
    void *made[] = {count, next, first, chain, reader, piece, split};
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        free(made[i]);
    return f;
}

void cuda_forest_free(struct device *d, struct forest *f)
{
    if (!f)
        return;
    void *blocks[] = {f->start, f->path, f->piece, f->split, f->reader};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        cuda_release(d, blocks[i]);
    free(f);
}
