#include "parts.hpp"

static int (*const parts[PARTS])(int64_t, double *) = {part_a, part_b, part_c,
                                                       part_d, part_e, part_f};

__attribute__((noinline)) void refuse_odd(int64_t turn, int version)
{
    if (turn % 2 != 0)
        throw Odd{version};
}

static int version_of(int part, int64_t turn, double *numbers)
{
    try {
        return parts[part](turn, numbers);
    } catch (const Odd &odd) {
        return odd.version;
    }
}

extern "C" int64_t run_parts(int64_t turn, double numbers[NUMBERS])
{
    int64_t versions = 0;

    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = i + static_cast<double>(turn % 2);
    for (int i = 0; i < PARTS; i++)
        versions |= static_cast<int64_t>(version_of(i, turn, numbers)) << 8 * i;
    return versions;
}
