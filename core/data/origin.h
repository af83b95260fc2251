/*
 * Where a dataset comes from: who made it, on what terms, and the files that it is made of.
 *
 * A file is what is downloaded (or got by hand) into <folder>/downloads, and what it gives: the
 * folder or file below the dataset's folder that is there once it has been taken in. Two files that
 * give the same are two ways to it. docs/sources.md lists them all.
 */
#ifndef PROMPTGRID_DATA_ORIGIN_H
#define PROMPTGRID_DATA_ORIGIN_H

#include "core/data/catalogue.h"

#include <jansson.h>
#include <stdbool.h>

enum { ORIGIN_URLS = 3 };

struct origin_file {
    const char *file;              // "dtd-r1.0.1.tar.gz"
    const char *gives;             // "images"
    const char *from;              // of an archive: the folder whose items are wanted; NULL = all
    const char *into;              // of an archive: below this folder of the dataset's; NULL
    const char *inner;             // of an archive: the archive within that is meant; NULL
    const char *sha256, *md5;      // of the file; NULL = not known
    long long bytes;               // its size; 0 = not known
    const char *urls[ORIGIN_URLS]; // to be tried in this order, up to the first NULL
    const char *drive;             // id at Google Drive, tried after them; NULL
    const char *by_hand;           // how to get it where there is neither; NULL
    const char *verified;          // when somebody last saw it come, "2026-01-31"; NULL = never
};

struct origin {
    const char *dataset; // of the catalogue
    const char *homepage;
    const char *citation;
    const char *terms;               // what its user agrees to
    const char *by_hand;             // what no download does, a step a line; NULL = nothing is left
    const struct origin_file *files; // ends with a NULL file
};

extern const struct origin origins[]; // of built-in datasets; ends with a NULL dataset

/* Of any dataset; NULL: nothing is known. */
const struct origin *origin_of(const struct dataset_row *row);

bool origin_is_archive(const struct origin_file *f); // by its name

/* The addresses of a file in the order in which they are tried, Google Drive's last; each yours to
 * free(). Returns how many. */
enum { ORIGIN_ADDRESSES = ORIGIN_URLS + 1 };
size_t origin_addresses(const struct origin_file *f, char *urls[ORIGIN_ADDRESSES]);

/* What a description says under "homepage", "citation", "terms" and "sources", a list of objects
 * with the keys of struct origin_file; a hash must be among them. *out is NULL when it says
 * nothing, and lives as long as the program. `path` is for messages. */
int origin_read(const struct origin **out, const json_t *description, const char *path,
                struct err *e);

#endif
