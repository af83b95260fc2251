/*
 * CLIP's byte-level BPE tokenizer (spec/tokenizer.md).
 *
 * The vocabulary is: 256 bytes in CLIP's order, the same with "</w>", the merges, start, end.
 * CLIP's own file holds more lines than are used: only `vocab` - 514 merges are read, where `vocab`
 * is the number of rows of the model's token embedding. Text is cleaned first; clean.h says how
 * far.
 */
#ifndef PROMPTGRID_CLIP_BPE_H
#define PROMPTGRID_CLIP_BPE_H

#include "core/base/err.h"
#include "core/base/hash.h"

#include <stddef.h>

struct bpe;

/* A merges file, plain or gzip; vocab = rows of the model's token embedding, 0 = all its merges. */
int bpe_open(struct bpe **out, const char *path, int vocab, struct err *e);
void bpe_free(struct bpe *b);

int bpe_start(const struct bpe *b);        // <|startoftext|>
int bpe_end(const struct bpe *b);          // <|endoftext|>
const char *bpe_hash(const struct bpe *b); // SHA-256 of the unpacked file

/* Ids without start and end; *ids is yours to free(). Invalid UTF-8 is an error. */
int bpe_encode(struct bpe *b, const char *text, int **ids, size_t *n, struct err *e);

/* Start, ids, end; an error when that is more than `context` ids. */
int bpe_tokenize(struct bpe *b, const char *text, int context, int **ids, size_t *n, struct err *e);

/* The token's text, borrowed; "</w>" is left in place. NULL when out of range. */
const char *bpe_token(const struct bpe *b, int id);

#endif
