/*
 * An archive from elsewhere (tar or zip; gzip, bzip2, xz, zstd) unpacked below one folder.
 *
 * Nothing of it is trusted. Plain files and folders come in, with our permissions; a link, a
 * device, a name that leaves the folder, a name that comes twice or differs from another only by
 * case, more entries, bytes or compression than allowed, a cut or damaged archive: any of these and
 * nothing comes in at all, also when it stands outside the part that is wanted.
 *
 * Everything is unpacked into FOLDER/.unpacking-NAME and synced; then that becomes
 * FOLDER/.unpacked-NAME, and its items are moved to FOLDER, `last` as the last one. So an item with
 * its final name is whole, and the same call after a crash goes on where it was: what is unpacked
 * is only moved (and needs its archive no longer), what is half unpacked is unpacked again. The
 * caller keeps others out of FOLDER.
 */
#ifndef PROMPTGRID_FETCH_UNPACK_H
#define PROMPTGRID_FETCH_UNPACK_H

#include "core/base/err.h"

#include <stdbool.h>

struct unpack {
    const char *archive, *folder;
    const char *inner;        // file of the archive that is the archive meant; NULL
    const char *from;         // the folder of the archive whose items are wanted; "" = all of it
    const char *into;         // a folder below FOLDER that they go to; NULL = FOLDER itself
    const char *last;         // the item that gets its name last and has to be there; NULL = any
    bool remove;              // the archive, once it is unpacked
    long long entries, bytes; // at most so many, unpacked
    void (*progress)(void *arg, long long files, long long bytes); // may be NULL
    void *arg;
};

/* ERR_CORRUPT: the archive is damaged or hostile. ERR_RANGE: it is too large. ERR_USAGE: something
 * of that name is in FOLDER already. ERR_SYS: disk. The text names the archive and the entry. */
int unpack_archive(const struct unpack *u, struct err *e);

/* Is the archive unpacked, and only has to be moved? Then it need not be there itself. */
bool unpack_is_ready(const char *folder, const char *archive);

/* Remove what is left when a process ended just after the last move. */
void unpack_tidy(const char *folder, const char *archive);

#endif
