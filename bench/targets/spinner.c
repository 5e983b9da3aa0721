/*
 * Measures how long it stands still. One thread reads the clock without a pause and keeps the
 * longest time between two readings; the others sleep.
 *
 *   spinner THREADS
 *
 * Prints a line when it is ready. Each SIGUSR1 ends a window: it prints of the longest gap of the
 * window in which the thread was stopped how long that was, and how long it was without the time in
 * which the thread could have run but had no processor, which the kernel counts; then what the
 * patched functions return. A gap counts as a stop when the kernel counted a voluntary switch in it:
 * a tracer's stop is one, and losing the processor to another process is not.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { STACK_BYTES = 64 * 1024, SHORT_GAP_NS = 5000 };

int answer(void);
int answer_by_hand(void);

static volatile sig_atomic_t window_ends;

static void end_window(int signal)
{
    (void)signal;
    window_ends = 1;
}

static void *sleep_for_ever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static long stops(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

/* Nanoseconds in which this thread waited for a processor. */
static int64_t waited(void)
{
    static int file = -1;
    char text[64];
    long long waited_ns = 0;
    ssize_t bytes;

    if (file < 0)
        file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    bytes = pread(file, text, sizeof text - 1, 0);
    text[bytes < 0 ? 0 : bytes] = '\0';
    sscanf(text, "%*d %lld", &waited_ns);
    return waited_ns;
}

static void start_sleepers(int count)
{
    sigset_t signals;
    pthread_attr_t attributes;
    pthread_t thread;

    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (int i = 0; i < count; i++) {
        if (pthread_create(&thread, &attributes, sleep_for_ever, NULL) != 0) {
            fprintf(stderr, "spinner: only %d threads can be made\n", i);
            exit(1);
        }
    }
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = end_window};
    int64_t stop = 0, standstill = 0, before, after, known_wait;
    long known_stops;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigaction(SIGUSR1, &action, NULL);
    start_sleepers(argc > 1 ? atoi(argv[1]) - 1 : 0);
    puts("ready");
    fflush(stdout);
    known_stops = stops();
    known_wait = waited();
    for (before = now();; before = after) {
        answer();
        answer_by_hand();
        after = now();
        if (after - before > SHORT_GAP_NS) {
            const int64_t gap = after - before, wait_before = known_wait;
            const long known_before = known_stops;

            known_stops = stops();
            known_wait = waited();
            if (gap > stop && known_stops != known_before) {
                stop = gap;
                standstill = gap - (known_wait - wait_before);
            }
            after = now();
        }
        if (window_ends) {
            window_ends = 0;
            printf("%lld %lld %d %d\n", (long long)stop, (long long)standstill, answer(),
                   answer_by_hand());
            fflush(stdout);
            stop = standstill = 0;
            known_stops = stops();
            known_wait = waited();
            after = now();
        }
    }
}
