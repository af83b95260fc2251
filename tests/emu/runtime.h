/* What the parts of the emulated runtime share: the device's settings, its memory, its stream. */
#ifndef EMU_RUNTIME_H
#define EMU_RUNTIME_H

#include "block.h"

/* The device that a test wants, from the environment; README.md names the variables. */
struct emu_settings {
    int devices;
    size_t memory;
    int major, minor;
    int driver;    // CUDA version; 0: there is none
    bool blocking; // all work runs when it is called
    bool eager;    // so does that of all streams but the first: copies overtake kernels
};
const struct emu_settings *emu_device(void);

/* Device memory is open to kernels and to copies only; see memory.cpp. */
void emu_memory_open(bool open);

/* Where p lies: true if all of `bytes` from there is one block of device memory. */
bool emu_on_device(const void *p, size_t bytes);

/* Run what is queued on every stream. */
void emu_drain(void);

#endif
