/*
 * Runs a command and writes to file descriptor 3 how long it took and how long it kept a processor
 * busy, in nanoseconds, and the most memory it held, in KiB. Small itself: a process starts with the
 * memory of the one that forks it, so that a large one would measure its own.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REPORT = 3, CANNOT_RUN = 127 };

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int64_t nanoseconds(struct timeval time)
{
    return time.tv_sec * INT64_C(1000000000) + time.tv_usec * INT64_C(1000);
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;
    int64_t start;
    pid_t child;

    if (argc < 2)
        return CANNOT_RUN;
    fcntl(REPORT, F_SETFD, FD_CLOEXEC);
    start = now();
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(CANNOT_RUN);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) < 0)
        return CANNOT_RUN;
    dprintf(REPORT, "%lld %lld %ld\n", (long long)(now() - start),
            (long long)(nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime)), usage.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
