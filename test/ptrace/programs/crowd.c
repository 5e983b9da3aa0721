/* usage: crowd THREADS. Threads of every kind; the main thread takes the signals. Counts each
   real-time signal that arrives, says "order" when one comes out of turn, prints "got N" for every
   line of input. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static atomic_long count;
static atomic_int next_value, out_of_order;
static volatile long sink;

static void take(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  count++;
  if (info->si_code == SI_QUEUE && info->si_value.sival_int != next_value++) out_of_order = 1;
}

static void *spin(void *unused) {
  for (;;) sink++;
  return unused;
}

static void *nap(void *unused) {
  for (;;) nanosleep(&(struct timespec){.tv_nsec = 1000000}, 0);
  return unused;
}

static void *sleep_long(void *unused) {
  pause();
  return unused;
}

static void *nothing(void *unused) { return unused; }

/* Threads that come and go all the time. */
static void *breed(void *unused) {
  for (;;) {
    pthread_t child;
    if (pthread_create(&child, 0, nothing, 0) == 0) pthread_join(child, 0);
  }
  return unused;
}

int main(int argc, char **argv) {
  static void *(*const kinds[])(void *) = {spin, nap, sleep_long};
  int threads = atoi(argv[1]);
  struct sigaction action = {.sa_sigaction = take, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigset_t all, none;
  char line[64];
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  sigfillset(&all);
  sigemptyset(&none);
  for (int s = SIGRTMIN; s <= SIGRTMAX; s++) sigaction(s, &action, 0);
  pthread_sigmask(SIG_BLOCK, &all, 0);
  for (int i = 0; i < threads; i++) {
    pthread_t thread;
    if (pthread_create(&thread, 0, kinds[i % 3], 0)) return 3;
  }
  if (argc > 2 && !strcmp(argv[2], "breeding")) {
    pthread_t thread;
    if (pthread_create(&thread, 0, breed, 0)) return 3;
  }
  pthread_sigmask(SIG_SETMASK, &none, 0);
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    printf("got %ld%s\n", (long)count, out_of_order ? " out of order" : "");
    fflush(stdout);
  }
}
