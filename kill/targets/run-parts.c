#include "targets.h"

int part_a(double *), part_b(double *), part_c(double *), part_d(double *), part_e(double *),
    part_f(double *);

static int (*const parts[PARTS])(double *) = {part_a, part_b, part_c, part_d, part_e, part_f};

int64_t run_parts(int64_t turn, double numbers[NUMBERS])
{
    int64_t versions = 0;

    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = i + turn % 2;
    for (int i = 0; i < PARTS; i++)
        versions |= (int64_t)parts[i](numbers) << 8 * i;
    return versions;
}
