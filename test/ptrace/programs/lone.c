/* usage: lone spin|nanosleep SECONDS|read. One thread with something to lose. Says
   "ready WHERE DONE ARRIVED", goes there, and prints what has changed when it comes back. "spin"
   sets the byte at ARRIVED and jumps to where the pointer at WHERE leads, again and again, until
   that is DONE; "nanosleep" sleeps again and again until then. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define ALT 0x5000
static char alternate[ALT] __attribute__((aligned(64)));

#include "state.h"
struct state in, out;
long saved_sp, saved_rax, red_zone[2];
void enter(void), again(void), done(void);
void *volatile where = (void *)again;
volatile char arrived;

/* clang-format off */
asm("spin: movq $0x1111,-8(%rsp)\n movq $0x2222,-128(%rsp)\n"
    "movb $1,arrived\n"
    "again: jmp *where\n" /* leaves flags alone */
    "done: mov %rax,saved_rax\n"
    "mov -8(%rsp),%rax\n mov %rax,red_zone\n mov -128(%rsp),%rax\n mov %rax,red_zone+8\n"
    "mov saved_rax,%rax\n ret\n");
#include "enter.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  const char *what = argv[1];
  stack_t stack = {.ss_sp = alternate, .ss_size = ALT}, altstack;
  sigset_t set, mask;
  char byte = 0;
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  sigaltstack(&stack, 0);
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN + 3);
  sigprocmask(SIG_SETMASK, &set, 0);
  printf("ready %p %p %p\n", (void *)&where, (void *)done, (void *)&arrived);
  fflush(stdout);
  if (!strcmp(what, "spin")) {
    unsigned char *p = (void *)&in;
    for (unsigned long i = 0; i < sizeof in; i++) p[i] = i * 7 + (i >> 6) + 1;
    in.flags = 0x202 | 0x8d5;
    enter();
    for (int i = 0; i < 16; i++)
      if (i != 4 && in.general[i] != out.general[i]) printf("general %d\n", i);
    if (memcmp(in.vector, out.vector, VECTOR_BYTES)) puts("vectors");
    if (MASKS && memcmp(in.mask, out.mask, sizeof in.mask)) puts("masks");
    if ((in.flags & 0x8d5) != (out.flags & 0x8d5)) puts("flags");
    if (red_zone[0] != 0x1111 || red_zone[1] != 0x2222) puts("red zone");
  } else if (!strcmp(what, "nanosleep")) {
    int seconds = atoi(argv[argc - 1]);
    do {
      double start = now();
      if (nanosleep(&(struct timespec){.tv_sec = seconds}, 0)) printf("errno %d\n", errno);
      if (now() - start < seconds) puts("woke up too early");
    } while (where != (void *)done);
  } else if (!strcmp(what, "read")) {
    if (read(0, &byte, 1) != 1) printf("errno %d\n", errno);
    if (byte != 'x') puts("wrong byte");
  }
  sigaltstack(0, &altstack);
  if (altstack.ss_sp != alternate || altstack.ss_size != ALT || altstack.ss_flags)
    puts("alternate stack");
  sigprocmask(SIG_SETMASK, 0, &mask);
  for (int s = 1; s < 65; s++)
    if (s != 32 && s != 33 && sigismember(&mask, s) != sigismember(&set, s)) printf("mask %d\n", s);
  puts("end");
  fflush(stdout);
}
