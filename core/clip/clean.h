/*
 * What happens to a prompt's text before it is cut into words (spec/tokenizer.md sections 4, 7).
 *
 * HTML unescape, whitespace, lower case, and of ftfy's repairs: curly quotes, ligatures, full-width
 * and half-width forms, terminal escapes, control characters, NFC. Not done: ftfy's repair of
 * mis-decoded text; of HTML's named entities only amp, lt, gt, quot, apos and nbsp are known, the
 * others stay as they are.
 */
#ifndef PROMPTGRID_CLIP_CLEAN_H
#define PROMPTGRID_CLIP_CLEAN_H

#include "core/base/err.h"
#include "core/base/str.h"

/* Replace what `out` holds by the cleaned text: valid UTF-8 whose only whitespace is single spaces,
 * none at the ends. Invalid UTF-8 in `text` is an error. */
int clean_text(struct str *out, const char *text, struct err *e);

#endif
