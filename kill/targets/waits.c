/* Waiting in system calls which a stop and a resume interrupt, each in its own way. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "targets.h"

static int wait_ms;
static struct timespec wait_time;
static int empty_epoll, silent_sockets[2];
static aio_context_t no_requests;
static __thread int alarm_file = -1;

static void must(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(3);
    }
}

static int result_of(int failed, int when_time_is_up)
{
    if (!failed)
        return 0;
    return errno == when_time_is_up ? 0 : errno;
}

static struct timespec soon(clockid_t clock)
{
    struct timespec until;

    clock_gettime(clock, &until);
    until.tv_sec += wait_time.tv_sec;
    until.tv_nsec += wait_time.tv_nsec;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return until;
}

/* Restarted by the kernel, whoever interrupts: EINTR would be somebody's mistake. */

static int wait_nanosleep(void)
{
    return result_of(nanosleep(&wait_time, NULL), 0);
}

static int wait_until(void)
{
    const struct timespec until = soon(CLOCK_MONOTONIC);

    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static int wait_futex(void)
{
    const struct timespec until = soon(CLOCK_MONOTONIC);
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never_signalled;
    pthread_condattr_t attributes;
    int error;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&never_signalled, &attributes);
    pthread_mutex_lock(&mutex);
    error = pthread_cond_timedwait(&never_signalled, &mutex, &until);
    pthread_mutex_unlock(&mutex);
    return error == ETIMEDOUT ? 0 : error;
}

static int wait_poll(void)
{
    struct pollfd silent = {.fd = silent_sockets[0], .events = POLLIN};

    return result_of(poll(&silent, 1, wait_ms) < 0, 0);
}

static int wait_ppoll(void)
{
    struct pollfd silent = {.fd = silent_sockets[0], .events = POLLIN};
    sigset_t mask;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return result_of(ppoll(&silent, 1, &wait_time, &mask) < 0, 0);
}

static int wait_select(void)
{
    struct timeval left = {.tv_usec = wait_ms * 1000};
    fd_set silent;

    FD_ZERO(&silent);
    FD_SET(silent_sockets[0], &silent);
    return result_of(select(silent_sockets[0] + 1, &silent, NULL, NULL, &left) < 0, 0);
}

/* A timer that nobody else reads, so that the read blocks without a timeout of its own. */
static int wait_read(void)
{
    const struct itimerspec once = {.it_value = wait_time};
    uint64_t expirations = 0;

    if (alarm_file < 0)
        must(alarm_file = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), "timerfd_create");
    must(timerfd_settime(alarm_file, 0, &once, NULL), "timerfd_settime");
    if (read(alarm_file, &expirations, sizeof expirations) < 0)
        return errno;
    return expirations == 1 ? 0 : ERANGE;
}

/* Not restarted: they end with EINTR when the one who stopped them did not see to it. */

static int wait_epoll(void)
{
    struct epoll_event event;

    return result_of(epoll_wait(empty_epoll, &event, 1, wait_ms) < 0, 0);
}

static int wait_recv(void)
{
    char byte;

    return result_of(recv(silent_sockets[0], &byte, 1, 0) < 0, EAGAIN);
}

static int wait_sigtimedwait(void)
{
    sigset_t never_sent;

    sigemptyset(&never_sent);
    sigaddset(&never_sent, SIGUSR2);
    return result_of(sigtimedwait(&never_sent, NULL, &wait_time) < 0, EAGAIN);
}

static int wait_events(void)
{
    struct io_event event;
    struct timespec left = wait_time;

    return result_of(syscall(SYS_io_getevents, no_requests, 1L, 1L, &event, &left) < 0, 0);
}

/* Milliseconds that a wait may be too short by. The kernel counts the timeouts of sockets in ticks: a
   thread that was woken to be stopped, and is let go before it stops, may find the last tick begun. */
enum { FINE = 1, COARSE = 9 };

static const struct {
    int (*wait)(void);
    int is_restarted;
    int slack_ms;
} kinds[] = {
    {wait_nanosleep, 1, FINE}, {wait_epoll, 0, FINE}, {wait_until, 1, FINE}, {wait_recv, 0, COARSE},
    {wait_futex, 1, FINE},     {wait_poll, 1, FINE},  {wait_events, 0, FINE}, {wait_ppoll, 1, FINE},
    {wait_select, 1, FINE},    {wait_read, 1, FINE},  {wait_sigtimedwait, 0, FINE},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

void prepare_waits(int milliseconds)
{
    const struct timeval timeout = {.tv_usec = milliseconds * 1000};

    wait_ms = milliseconds;
    wait_time = (struct timespec){.tv_nsec = milliseconds * 1000000L};
    must(empty_epoll = epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, silent_sockets), "socketpair");
    must(setsockopt(silent_sockets[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout),
         "SO_RCVTIMEO");
    must((int)syscall(SYS_io_setup, 1, &no_requests), "io_setup");
}

static int64_t now_micros(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

void wait_once(int64_t turn, struct slot *slot)
{
    const int kind = (int)(turn % KINDS);
    const int64_t start = now_micros();
    const int error = kinds[kind].wait();
    const int64_t waited = now_micros() - start;

    if (error == EINTR && !kinds[kind].is_restarted) {
        slot->interrupted++;
    } else if (error != 0 || waited < (wait_ms - kinds[kind].slack_ms) * INT64_C(1000)) {
        slot->last_error = error;
        slot->last_micros = waited;
        slot->last_kind = kind;
        slot->broken++;
    }
}
