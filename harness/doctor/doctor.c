/* Lines of the doctor: see doctor.h. */
#include "harness/doctor/doctor.h"

#include "core/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *const doctor_state_names[] = {
    [DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "fail"};

void doctor_add(struct doctor *d, const char *name, enum doctor_state state, const char *mend,
                const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    MEM_PUSH(d->lines, d->n, d->capacity) = (struct doctor_line){
        name, state, str_visible(text), mend && *mend ? str_visible(mend) : NULL};
    d->count[state]++;
}

void doctor_release(struct doctor *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->lines[i].text);
        free(d->lines[i].mend);
    }
    free(d->lines);
    gpus_release(&d->gpus);
    d->lines = NULL;
    d->n = 0;
}

void doctor_size(double bytes, char out[24])
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    size_t unit = 0;
    for (bytes /= 1000; bytes >= 1000 && unit < 3; unit++)
        bytes /= 1000;
    snprintf(out, 24, "%.*f %s", bytes < 100, bytes, units[unit]);
}

enum doctor_state doctor_judge(double has, double needed)
{
    if (has < 0 || has >= needed)
        return DOCTOR_OK;
    return has >= needed / 4 ? DOCTOR_WARN : DOCTOR_FAIL;
}
