/* The functions that are patched, in C++: exceptions pass through some, others handle them. VERSION
   tells their bodies apart; what they compute is the same. */
#include "parts.hpp"

#ifndef VERSION
#define VERSION 1
#endif

namespace {

/* Has a destructor that has to run when an exception passes. */
struct Added {
    double &number;
    explicit Added(double &n) : number(n) { number += 1; }
    ~Added() { number *= 2; }
};

} // namespace

/* Each in a page of its own: hcr writes those of one page at once. */
#define PART __attribute__((aligned(4096)))

#define PASSES(name, index)                                                                        \
    PART int name(int64_t turn, double *numbers)                                                   \
    {                                                                                              \
        Added added(numbers[index]);                                                               \
                                                                                                   \
        refuse_odd(turn, VERSION);                                                                 \
        numbers[index] += 0.5;                                                                     \
        return VERSION;                                                                            \
    }

#define HANDLES(name, index)                                                                       \
    PART int name(int64_t turn, double *numbers)                                                   \
    {                                                                                              \
        try {                                                                                      \
            Added added(numbers[index]);                                                           \
                                                                                                   \
            refuse_odd(turn, VERSION);                                                             \
            numbers[index] += 0.25;                                                                \
        } catch (const Odd &odd) {                                                                 \
            numbers[index] -= 0.125;                                                               \
            return odd.version;                                                                    \
        }                                                                                          \
        return VERSION;                                                                            \
    }

PASSES(part_a, 0)
HANDLES(part_b, 1)
PASSES(part_c, 2)
HANDLES(part_d, 3)
PASSES(part_e, 4)
HANDLES(part_f, 5)
