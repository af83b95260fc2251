/*
 * What a recipe may say about each method: names, keys, types, bounds, defaults, help. The harness
 * checks recipes against these rows and `promptgrid methods` prints them; the trainer's side of a
 * method is one file in core/method/.
 */
#ifndef PROMPTGRID_PROTO_METHOD_KEYS_H
#define PROMPTGRID_PROTO_METHOD_KEYS_H

#include "core/proto/method_size.h"

#include <stdbool.h>
#include <stddef.h>

enum key_type { KEY_INT, KEY_REAL, KEY_TEXT, KEY_CHOICE };

struct method_key {
    const char *name;
    enum key_type type;
    double min, max;     // KEY_INT, KEY_REAL: inclusive bounds
    const char *choices; // KEY_CHOICE: words separated by '|'
    const char *preset;  // default value as text; NULL = must be given (or filled by the harness)
    const char *help;    // one line
};

/* What a method asks of the frame beside training. */
enum {
    METHOD_VAL_PICKS = 1, // features of few-shot validation images: min(shots, 4) a class
    METHOD_VAL_ALL = 2,   // features of the whole validation split
    METHOD_PLAIN = 4,     // features of the test transform, whatever the recipe's `views`
    METHOD_CLOSED = 8,    // its result knows the trained classes only: no base-to-new
    METHOD_NUMPY = 16,    // images are picked by numpy's generator, as its reference does
    METHOD_PIXELS = 32,   // images themselves, not banked features: prompts in the image tower
    METHOD_HALF = 64,     // knows where its reference stores fp16: precision fp16-storage
    METHOD_PROMPT = 128,  // its result is a prompt, which a file of it alone can be tested by
    METHOD_FILE = 256,    // tests a prompt from the file that its key "path" names
};

struct method_row {
    const char *name;              // in recipes
    const char *label;             // in tables: "CoOp"
    const char *published;         // name in results/published, NULL if it has no rows
    bool trains;                   // false: no seed, no shots, no train bank
    const char *about;             // one line
    const struct method_key *keys; // ends with a NULL name
    int needs;                     // METHOD_* bits
    method_count parameters;       // how many it trains; NULL = none
};

/* Does it read a validation bank? */
bool method_validates(const struct method_row *m);

/* With these parameters: does it look at images themselves? A prompt from a file as the method does
 * that its "trainer" names. */
bool method_pixels(const struct method_row *m, const json_t *params);

/* With these parameters (by name, perhaps among others): does its result serve the trained classes
 * only? And why can they not go together: a text, NULL = they can. */
bool method_closed(const struct method_row *m, const json_t *params);
const char *method_conflict(const struct method_row *m, const json_t *params);

/* Words of a context, "_" counting as a space: the vectors that start from it. */
int method_words(const char *text);

extern const struct method_row method_rows[]; // ends with a NULL name
size_t method_rows_count(void);

const struct method_row *method_find(const char *name); // NULL if unknown
const struct method_key *method_key_find(const struct method_row *m, const char *key);

#endif
