/*
 * Measures what a call costs. For each line of input it does one thing 100,000,000 times and prints
 * how many nanoseconds the fastest 1,000,000 in a row took, and the last result: what else the
 * machine does only ever makes it slower.
 *
 *   answer | answer_by_hand | cycle
 *
 * A cycle is an addition that needs the result of the one before: the length of a processor cycle,
 * whatever the machine.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

enum { CHUNKS = 100, CHUNK = 1000 * 1000 };

int answer(void);
int answer_by_hand(void);

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* The loops stand at like places in their cache lines. */
#define MEASURE(name, action)                                                                      \
    __attribute__((noinline, aligned(64))) static int repeat_##name(void)                          \
    {                                                                                              \
        int last = 0;                                                                              \
                                                                                                   \
        for (int i = 0; i < CHUNK; i++) {                                                          \
            action;                                                                                \
        }                                                                                          \
        return last;                                                                               \
    }

MEASURE(answer, last = answer())
MEASURE(answer_by_hand, last = answer_by_hand())
MEASURE(cycle, last += 1; __asm__ volatile("" : "+r"(last)))

static void measure(int (*repeat)(void))
{
    int64_t fastest = INT64_MAX;
    int last = 0;

    for (int i = 0; i < CHUNKS; i++) {
        const int64_t start = now();
        int64_t taken;

        last = repeat();
        taken = now() - start;
        if (taken < fastest)
            fastest = taken;
    }
    printf("%lld %d\n", (long long)fastest, last);
    fflush(stdout);
}

int main(void)
{
    char line[64];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "answer\n") == 0)
            measure(repeat_answer);
        else if (strcmp(line, "cycle\n") == 0)
            measure(repeat_cycle);
        else
            measure(repeat_answer_by_hand);
    }
    return 0;
}
