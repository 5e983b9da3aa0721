/*
 * The program under test: RUNNING threads compute in vector registers, the others wait in system
 * calls, of every kind in turn. Each checks itself and notes what it saw in FILE.
 *
 *   main FILE THREADS RUNNING WAIT_MS
 *
 * Each thread has a rounding mode and a signal mask of its own. It ends by SIGKILL only, or with
 * its parent unless HCR_KILL_STAYS is set: the signal that triggers `hcr run` is its own when hcr is
 * killed before it took it, and would end it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "targets.h"

static struct slot *slots;
static int64_t running;

static void block_own_signals(int64_t index)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigaddset(&mask, SIGRTMIN + (int)(index % 16));
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static void *live(void *argument)
{
    const int64_t index = (int64_t)(intptr_t)argument;
    struct slot *slot = &slots[index];
    double first[2][NUMBERS], again[NUMBERS];

    block_own_signals(index);
    fesetround(index % 2 ? FE_UPWARD : FE_TONEAREST);
    run_parts(0, first[0]);
    run_parts(1, first[1]);
    __atomic_store_n(&slot->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
    for (int64_t turn = 0;; turn++) {
        const int64_t versions = run_parts(turn, again);

        if (memcmp(first[turn % 2], again, sizeof again) != 0)
            slot->wrong++;
        slot->versions = versions;
        if (index < running)
            sched_yield();
        else
            wait_once(index + turn, slot);
        __atomic_store_n(&slot->turns, turn + 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const size_t bytes = MAX_THREADS * sizeof *slots;
    int threads, file;

    if (argc != 5)
        return 2;
    if (getenv("HCR_KILL_STAYS") == NULL)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGUSR1, SIG_IGN);
    threads = atoi(argv[2]);
    running = atoi(argv[3]);
    prepare_waits(atoi(argv[4]));
    file = open(argv[1], O_RDWR | O_CLOEXEC);
    if (file < 0 || threads < 1 || threads > MAX_THREADS) {
        perror(argv[1]);
        return 2;
    }
    slots = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (slots == MAP_FAILED)
        return 2;
    for (int i = 1; i < threads; i++) {
        pthread_attr_t attributes;
        pthread_t thread;

        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, 128 * 1024);
        if (pthread_create(&thread, &attributes, live, (void *)(intptr_t)i) != 0)
            return 2;
    }
    live(NULL);
}
