/*
 * One published file over HTTPS to disk, checked by its SHA-256 (or MD5, where its publisher stated
 * nothing better; or by its content, where nothing was stated).
 *
 * The file grows as PATH.part, which only one process holds at a time, and takes its name when it
 * is right; what is there of an earlier try is gone on from, if the server says that its file is
 * still the same (PATH.part.from remembers which it was). https stays https over every redirect;
 * plain http is only for an address that was given so, and even then the hash decides. Proxies are
 * those of the environment (https_proxy, no_proxy, ...); CURL_CA_BUNDLE or SSL_CERT_FILE name other
 * certificates to trust. Google Drive's page before large files is answered (confirm.h).
 */
#ifndef PROMPTGRID_FETCH_FETCH_H
#define PROMPTGRID_FETCH_FETCH_H

#include "core/base/err.h"

struct fetch {
    const char *url, *path;
    const char *sha256; // of the whole file; NULL: not known
    const char *md5;    // looked at when there is no sha256; NULL: not known
    long long bytes;    // its exact size; 0: not known
    long long limit;    // bytes; more are refused
    long patience;      // seconds that less than 1 kB/s may arrive
    void (*progress)(void *arg, long long done, long long total); // total 0: unknown; may be NULL
    int (*accept)(void *arg, const char *part, struct err *e);    // where no hash is known: is it
                                                                  // what it should be? may be NULL
    void *arg;
};

/* ERR_BUSY: somebody else fetches it. ERR_CORRUPT: the wrong file. ERR_RANGE: too large. ERR_USAGE:
 * no address. ERR_SYS: network, server, TLS, disk. */
int fetch_file(const struct fetch *f, struct err *e);

/* Is `path` the file, as far as `f` says what it is? ERR_CORRUPT: it is not. */
int fetch_check(const struct fetch *f, const char *path, struct err *e);

#endif
