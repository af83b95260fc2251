/* Bytes from an address into an open part, through libcurl. For fetch.c only. */
#ifndef PROMPTGRID_FETCH_TRANSFER_H
#define PROMPTGRID_FETCH_TRANSFER_H

#include "core/fetch/fetch.h"

#include "core/base/str.h"

#include <stdbool.h>

struct transfer {
    const struct fetch *f;
    void *curl;
    char *url;         // f->url, or what a page in its place led to
    bool confirmed;    // it was
    char *part, *from; // PATH.part and PATH.part.from
    int fd;
    long long have;   // bytes in the part
    char *version;    // ETag or date of what is being sent; NULL: the server says none
    struct str *page; // what comes is kept here instead; NULL: it goes to the part
    int disk_error;   // errno of a failed write
    bool large;       // more than the limit came
    char text[256];   // libcurl's words for a failure
    struct err *e;
};

void transfer_open(struct transfer *t);
void transfer_close(struct transfer *t);

/* The rest of the part, or all of it where the server gives no rest or has another file now. */
int transfer_run(struct transfer *t);

/* Start again with an empty part. */
int transfer_empty(struct transfer *t);

/* The part is a page that leads on to the file: empty it and take the page's address. */
bool transfer_follow(struct transfer *t);

#endif
