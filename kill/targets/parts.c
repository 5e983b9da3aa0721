/* The functions that are patched, all of them at once. VERSION tells their bodies apart; what they
   compute is the same, in vector registers all along. */
#include "targets.h"

#ifndef VERSION
#define VERSION 1
#endif

typedef double vector __attribute__((vector_size(32)));

/* Each in a page of its own: hcr writes those of one page at once. */
#ifdef __x86_64__
#define PART __attribute__((noinline, aligned(4096), target("avx")))
#else
#define PART __attribute__((noinline, aligned(4096)))
#endif

#define DEFINE_PART(name, factor)                                                                  \
    PART int name(double numbers[NUMBERS])                                                         \
    {                                                                                              \
        vector a = {numbers[0], numbers[1], numbers[2], numbers[3]};                               \
        vector b = {numbers[4], numbers[5], numbers[6], numbers[7]};                               \
                                                                                                   \
        for (int round = 0; round < 200; round++) {                                                \
            a = a * (factor) + b * 0.001;                                                          \
            b = b / 1.01 + a * 0.125;                                                              \
        }                                                                                          \
        for (int i = 0; i < 4; i++) {                                                              \
            numbers[i] = a[i];                                                                     \
            numbers[i + 4] = b[i];                                                                 \
        }                                                                                          \
        return VERSION;                                                                            \
    }

DEFINE_PART(part_a, 0.999)
DEFINE_PART(part_b, 0.998)
DEFINE_PART(part_c, 0.997)
DEFINE_PART(part_d, 0.996)
DEFINE_PART(part_e, 0.995)
DEFINE_PART(part_f, 0.994)
