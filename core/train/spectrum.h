/*
 * Singular values of small matrices: how many directions a context really uses.
 */
#ifndef PROMPTGRID_TRAIN_SPECTRUM_H
#define PROMPTGRID_TRAIN_SPECTRUM_H

/* out (M), descending: singular values of x (M, C), M <= C. */
void spectrum(const float *x, int M, int C, double *out);

/* exp of the entropy of the values' shares (Roy and Vetterli, EUSIPCO 2007); 0 for a zero matrix.
 */
double spectrum_effective_rank(const double *values, int M);

double spectrum_nuclear(const double *values, int M); // nuclear norm: their sum

/* out (M): share of the sum of squares that the k largest have, k = 1 .. M; 0 for a zero matrix. */
void spectrum_energy(const double *values, int M, double *out);

#endif
