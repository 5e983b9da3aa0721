/* What the parts of the program under test have in common. */
#ifndef TARGETS_H
#define TARGETS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PARTS = 6, NUMBERS = 8, MAX_THREADS = 256 };

/* What one thread saw: read by the harness through the mapped file, 64 bytes each. */
struct slot {
    int64_t tid;
    /* How often it came round; a round ends a wait, or a stretch of arithmetic. */
    int64_t turns;
    /* Results that were not what they were at first. */
    int64_t wrong;
    /* Waits that ended too early, or with an error that the kernel never gives them. */
    int64_t broken;
    /* Waits that ended with EINTR, of the kinds which the kernel does not restart. */
    int64_t interrupted;
    /* Versions of the parts in the last round, a byte each, the first part lowest. */
    int64_t versions;
    /* errno, the number of the kind and the length of the wait that was broken last. */
    int32_t last_error, last_kind;
    int64_t last_micros;
};

/* Runs all the parts once. Returns their versions; results go to `numbers`. */
int64_t run_parts(int64_t turn, double numbers[NUMBERS]);

/* waits.c */
void prepare_waits(int wait_ms);
void wait_once(int64_t turn, struct slot *slot);

#ifdef __cplusplus
}
#endif

#endif
