/*
 * Runs that failed for a reason of the moment and wait for their next try: each time twice as long,
 * and a limited number of times.
 */
#ifndef PROMPTGRID_HARNESS_RETRY_H
#define PROMPTGRID_HARNESS_RETRY_H

#include <stdbool.h>
#include <stddef.h>

struct retry_one {
    size_t run;
    double at;                // time of the next try
    bool alone;               // with nothing beside it
    int gpu;                  // alone on this place of struct places; -1: anywhere
    bool environment;         // it failed for what is around it, as a full disk
    const char *reason, *log; // of the last failure
};

struct retry {
    struct retry_one *waiting; // (n)
    size_t n, capacity;
    unsigned char *tries; // (runs) tries of each run after its first
};

void retry_init(struct retry *r, size_t runs);
void retry_release(struct retry *r);

/* The run may be tried `limit` times more than once: true and it waits, `first` seconds the first
 * time; false: it has had them. Texts are copied. */
bool retry_add(struct retry *r, const struct retry_one *one, int limit, double first, double now);

/* Take the first that is due and fits (NULL: all do) out of the list, without its texts; false:
 * none is. */
typedef bool retry_fits(void *arg, const struct retry_one *one);
bool retry_take(struct retry *r, double now, retry_fits *fits, void *arg, struct retry_one *out);

double retry_next(const struct retry *r); // time of the next try, -1 = none waits

#endif
