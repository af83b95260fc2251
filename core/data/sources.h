/*
 * The published files that backbones come from: what each is called, its SHA-256, where it is.
 * OpenAI's addresses hold the SHA-256 of the file (spec/clip-model.md section 9).
 */
#ifndef PROMPTGRID_DATA_SOURCES_H
#define PROMPTGRID_DATA_SOURCES_H

#include <stddef.h>

struct source {
    const char *name;     // of the backbone it becomes: "vit-b16"; "bpe" for the merges file
    const char *label;    // "ViT-B/16"; NULL for the merges file
    const char *file;     // "ViT-B-16.pt"
    const char *sha256;   // of the whole file
    const char *url;      // NULL: OpenAI's, made of hash and file
    const char *verified; // when somebody last saw it come, "2026-01-31"; NULL = never
};

extern const struct source sources[]; // ends with a NULL name
extern const char source_merges[];    // the merges file's name, "bpe"

const struct source *source_find(const char *name);      // NULL if unknown
const struct source *source_of_hash(const char *sha256); // NULL if unknown
const char *source_nearest(const char *name);            // for "did you mean", or NULL
char *source_url(const struct source *s);                // yours to free()

#endif
