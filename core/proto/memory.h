/*
 * JSON values from checked memory (core/base/mem.h): an allocation that fails ends the program in
 * words instead of leaving half a value. To be called before the first JSON value is made.
 */
#ifndef PROMPTGRID_PROTO_MEMORY_H
#define PROMPTGRID_PROTO_MEMORY_H

void json_checked_memory(void);

#endif
