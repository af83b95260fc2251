/*
 * A small problem whose answer is known, computed by a GPU again and again while it works for a
 * run: one that computes wrongly without an error of its own is noticed. It goes through the units
 * that training uses: products in fp32 (or tf32) and bf16, attention, layer norm, activations,
 * softmax.
 *
 * Products are of small multiples of 1/4 whose sums are exact in any order, so their answer is the
 * CPU's to the last bit. The rest must be near the CPU's at first, and then give those bits again.
 *
 * What it cannot see: a fault that is over by then, and one of a part of the GPU that the problem,
 * which is small, does not reach.
 */
#ifndef PROMPTGRID_DEVICE_KNOWN_H
#define PROMPTGRID_DEVICE_KNOWN_H

#include "core/device/device.h"

struct known;

/* Learn the answers from the CPU, and ask for the first time; 6 MB of the device's memory. *out is
 * NULL, and fine below, where the device is the CPU. */
int known_open(struct known **out, struct device *d, struct err *e);
void known_close(struct known *k); // before its device

/* Ask; ERR_DEVICE for a wrong answer. Waits for what the device has in work, changes none of it. */
int known_ask(struct known *k, struct err *e);

#endif
