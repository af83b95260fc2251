/* Singular values as square roots of the Gram matrix's eigenvalues, by Jacobi rotations in double.
 */
#include "core/train/spectrum.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdlib.h>

/* Rotate g (M, M), symmetric, so that g[p][q] = 0. */
static void rotate(double *g, int M, int p, int q)
{
    double apq = g[p * M + q];
    if (apq == 0)
        return;
    double theta = (g[q * M + q] - g[p * M + p]) / (2 * apq);
    double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    for (int k = 0; k < M; k++) {
        double kp = g[k * M + p], kq = g[k * M + q];
        g[k * M + p] = c * kp - s * kq;
        g[k * M + q] = s * kp + c * kq;
    }
    for (int k = 0; k < M; k++) {
        double pk = g[p * M + k], qk = g[q * M + k];
        g[p * M + k] = c * pk - s * qk;
        g[q * M + k] = s * pk + c * qk;
    }
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

void spectrum(const float *x, int M, int C, double *out)
{
    double *g = mem_zero((size_t)M * (size_t)M, sizeof *g);
    for (int i = 0; i < M; i++)
        for (int j = i; j < M; j++) {
            double sum = 0;
            for (int c = 0; c < C; c++)
                sum += (double)x[i * C + c] * x[j * C + c];
            g[i * M + j] = g[j * M + i] = sum;
        }
    for (int sweep = 0; sweep < 30; sweep++)
        for (int p = 0; p < M; p++)
            for (int q = p + 1; q < M; q++)
                rotate(g, M, p, q);
    for (int i = 0; i < M; i++)
        out[i] = sqrt(fmax(g[i * M + i], 0));
    qsort(out, (size_t)M, sizeof *out, descending);
    free(g);
}

double spectrum_nuclear(const double *values, int M)
{
    double sum = 0;
    for (int i = 0; i < M; i++)
        sum += values[i];
    return sum;
}

void spectrum_energy(const double *values, int M, double *out)
{
    double sum = 0, all;
    for (int i = 0; i < M; i++)
        out[i] = sum += values[i] * values[i];
    all = sum;
    for (int i = 0; i < M && all > 0; i++)
        out[i] /= all;
}

double spectrum_effective_rank(const double *values, int M)
{
    double sum = spectrum_nuclear(values, M), entropy = 0;
    for (int i = 0; i < M && sum > 0; i++)
        if (values[i] > 0)
            entropy -= values[i] / sum * log(values[i] / sum);
    return sum > 0 ? exp(entropy) : 0;
}
