/* usage: storm PID COUNT: queues real-time signals with the values 0 to COUNT - 1, none left out. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  (void)argc;
  for (int i = 0; i < atoi(argv[2]); i++)
    while (sigqueue(atoi(argv[1]), SIGRTMIN, (union sigval){.sival_int = i}))
      if (errno != EAGAIN) return 1;
      else sched_yield();
}
