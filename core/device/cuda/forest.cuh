/*
 * A forest as the device keeps it: paths, for what goes query by query; and for gradients, which go
 * row by row, the readers of each row, that is, the paths through it.
 *
 * Rows that mostly follow each other on paths, as a trunk's do, form chains: their readers are
 * listed together, and a reader's q and dout are loaded once for the whole chain. Long lists are
 * cut into pieces of a fixed length, whose sums are then added in order.
 */
#ifndef PROMPTGRID_DEVICE_CUDA_FOREST_CUH
#define PROMPTGRID_DEVICE_CUDA_FOREST_CUH

enum {
    CHAIN = 4,  // rows, at most
    PIECE = 32, // readers: one for each lane of a warp
};

/* A path through the first `rows` rows of a chain: they are entries at .. at + rows - 1 of `path`,
 * and so of a head's p. */
struct reader {
    int at, query, rows;
};

/* Readers first .. last - 1 of a chain. slot -1: all that it has; else the sums of row i are part
 * of the whole and go to slot + i stride. */
struct piece {
    int row[CHAIN], rows;
    int first, last;
    int slot, stride;
};

/* A row whose gradient is the sum of slots first .. last - 1. */
struct split {
    int row, first, last;
};

struct forest {
    int queries, paths; // Q, start[Q]
    int pieces, splits, slots;
    /* device */
    int *start;            // (Q + 1)
    int *path;             // (paths)
    struct piece *piece;   // (pieces)
    struct split *split;   // (splits)
    struct reader *reader; // of the chains, one after another; each one's in query order
};

#endif
