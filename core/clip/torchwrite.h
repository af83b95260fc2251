/*
 * Tensors as torch.save writes them: what torch.load gives back is {state_dict, epoch, optimizer,
 * scheduler, val_result}, as CoOp's trainer reads its checkpoints (spec/clip-model.md section 9).
 */
#ifndef PROMPTGRID_CLIP_TORCHWRITE_H
#define PROMPTGRID_CLIP_TORCHWRITE_H

#include "core/clip/safetensors.h"

/* float32 tensors of up to 2 GiB in all. The same arguments give the same bytes. */
int torchwrite_checkpoint(const char *path, const struct tensor_out *tensors, size_t n, int epoch,
                          struct err *e);

#endif
