/* What every unit test includes: cmocka in its required order, and helpers for numbers and files.
 */
#ifndef PROMPTGRID_TESTS_T_H
#define PROMPTGRID_TESTS_T_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/err.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fail with the error's text unless rc is 0. */
#define assert_ok(rc, e)                                                                           \
    do {                                                                                           \
        if ((rc) < 0)                                                                              \
            fail_msg("%s", (e)->text);                                                             \
    } while (0)

#define assert_text(e, want) assert_string_equal((e)->text, want)

/* |got - want| <= tolerance * |want| + floor, for every element. */
static inline void assert_close(const float *got, const float *want, size_t n, double tolerance,
                                double floor_)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - want[i]) <= tolerance * fabs((double)want[i]) + floor_))
            fail_msg("element %zu: got %.9g, want %.9g", i, got[i], want[i]);
}

/* |got - want|_2 <= tolerance * |want|_2 */
static inline void assert_near(const float *got, const float *want, size_t n, double tolerance)
{
    double error = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        error += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        size += (double)want[i] * want[i];
    }
    if (!(sqrt(error) <= tolerance * sqrt(size)))
        fail_msg("relative L2 error %.3g, want at most %.3g", sqrt(error / size), tolerance);
}

/* A new empty folder under /tmp; yours to free(). */
static inline char *t_folder(void)
{
    char *path = strdup("/tmp/promptgrid-test-XXXXXX");
    if (!mkdtemp(path))
        abort();
    return path;
}

#endif
