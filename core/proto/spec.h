/*
 * The spec of a run: what is asked, completely, and nothing about where or when.
 *
 * A spec is a flat JSON object with one nested object, "params". Its canonical text (sorted keys,
 * no spaces, reals with up to 15 significant digits) is hashed to the run's id. Harness and runner
 * agree on it here and nowhere else.
 *
 * Keys of every spec
 *   version    SPEC_VERSION: raised when the meaning of any key or of the trainer's arithmetic
 *              changes
 *   job        "encode" (images -> feature bank), "train" (bank -> prompt -> metrics) or "eval"
 *              (prompt of another run, bank of another dataset -> metrics)
 *   backbone   catalogue name or folder name, for people; identity comes from `weights`
 *   weights    SHA-256 of model.safetensors
 *   dataset    catalogue name
 *   split      SHA-256 of the split file (or of the list built from the dataset's own files)
 *   precision  "fp32"; "tf32": every product rounds its inputs to it, on a GPU;
 *              "bf16": the image tower's products take bf16, the rest stays fp32;
 *              "fp16-storage": train and eval jobs round to fp16 what the reference stores in it
 *   views      "none" (test transform), "fresh" (a new augmentation every epoch) or "N": N
 *              augmented views used in turn
 *
 * Keys of an encode spec
 *   part       "train", "val" or "test"
 *   cover      "all": every image of the part; "picks": the few-shot selection of (shots, seed)
 *   shots, seed  only with cover "picks"
 *   classes    only with cover "picks": "all" or "base"
 *   epochs     views held: 1 for "none", N for "N", the run's passes and epochs for "fresh"
 *   sampler    only with cover "picks", and only where they are not CoOp's: "numpy"
 *   crop-scale only where it is not 0.08: the smallest share of the image that a view may show
 *
 * Keys of a train spec
 *   bpe        SHA-256 of the merges file's text
 *   protocol   "few-shot", "base-to-new" or "zero-shot"
 *   method     method name
 *   params     the method's keys, every one, with its resolved value (see method_keys.h); of
 *              "checkpoint": `file`, the SHA-256 of what is tested, and `trainer`, `words`,
 *              `name-position`, those that were given
 *   shots, seed  0 for a method that does not train; those of its path for "checkpoint"
 *
 * Keys of an eval spec
 *   train      id of the training run whose prompt is evaluated
 *   source     dataset it was trained on, for people
 *   protocol   "cross-dataset" or "domain-generalization"
 *   views      "none"
 *   bpe, method, params, shots, seed  as in the training run's spec, but for params.template, which
 *              is the target's unless the recipe gives one
 */
#ifndef PROMPTGRID_PROTO_SPEC_H
#define PROMPTGRID_PROTO_SPEC_H

#include "core/base/err.h"
#include "core/base/hash.h"

#include <jansson.h>

enum { SPEC_VERSION = 1 };

/* Canonical text of any JSON value, yours to free(). */
char *spec_text(const json_t *spec);

/* SHA-256 of the canonical text: the id of the run. */
void spec_id(const json_t *spec, char out[HASH_HEX]);

/* Typed look-ups; a missing or mistyped key is a BUG in a spec that spec_check accepted. */
const char *spec_get_text(const json_t *spec, const char *key);
long spec_get_int(const json_t *spec, const char *key);
double spec_get_real(const json_t *spec, const char *key); // integers count as reals

/* Every key known, present where its job needs it, of the right type: the runner's first act. */
int spec_check(const json_t *spec, struct err *e);

/*
 * The spec of the bank that holds `part` for a train spec ("test": for an eval spec too); a new
 * reference. `images`: how many the part has. The rule: without fresh augmentation a bank covers a
 * whole split, so that every seed, shot number and method of the grid shares it; a train or
 * validation split of more than SPEC_WHOLE_SPLIT images, and fresh augmentation, cover only the
 * picks, unless the method asks for all.
 */
enum { SPEC_WHOLE_SPLIT = 10000 };
#define SPEC_CROP_SCALE 0.08 // of a bank without "crop-scale"
json_t *spec_bank(const json_t *train, const char *part, size_t images);

/* The smallest share of an image that a view of this bank may show. */
double spec_crop_scale(const json_t *bank);

#endif
