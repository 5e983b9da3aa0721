#pragma once

#include "targets.h"

/* Thrown through the functions that are patched. */
struct Odd {
    int version;
};

void refuse_odd(int64_t turn, int version);

int part_a(int64_t turn, double *numbers);
int part_b(int64_t turn, double *numbers);
int part_c(int64_t turn, double *numbers);
int part_d(int64_t turn, double *numbers);
int part_e(int64_t turn, double *numbers);
int part_f(int64_t turn, double *numbers);
