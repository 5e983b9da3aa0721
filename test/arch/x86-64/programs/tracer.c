/* Waits until a thread rests, stops it, says what it holds, installs what it is told, and dies at a
   chosen moment.
   usage: tracer TID S|R now|entry|exit|live: rest is to sleep or to run */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t tid;
static unsigned char bytes[1 << 16];
static char text[1 << 17];

static void die(const char *what) { perror(what); exit(1); }

static size_t get(int kind) {
  struct iovec iov = {bytes, sizeof bytes};
  if (ptrace(PTRACE_GETREGSET, tid, kind, &iov)) die("getregset");
  return iov.iov_len;
}

static void say(const char *name, size_t n) {
  printf("%s ", name);
  for (size_t i = 0; i < n; i++) printf("%02x", bytes[i]);
  puts("");
  fflush(stdout);
}

static size_t hear(void) {
  if (!fgets(text, sizeof text, stdin)) exit(1);
  size_t n = 0;
  for (; sscanf(text + 2 * n, "%2hhx", bytes + n) == 1; n++) continue;
  return n;
}

static void set_registers(size_t n) {
  struct iovec iov = {bytes, n};
  if (ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &iov)) die("setregset");
}

static void wait_stop(void) {
  int status;
  if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status)) die("wait");
}

/* Whether it has said that it goes there, and is. */
static int rests(char state) {
  char path[64], line[512];
  sprintf(path, "/proc/%d/stat", tid);
  FILE *file = fopen(path, "r");
  if (!file || !fgets(line, sizeof line, file)) die("stat");
  fclose(file);
  return strstr(line, "(resting)") && strrchr(line, ')')[2] == state;
}

int main(int argc, char **argv) {
  tid = atoi(argv[1]);
  const char *when = argv[3];
  if (ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD)) die("seize");
  /* Only now the thread goes where it will rest. */
  do usleep(20000);
  while (!rests(argv[2][0]));
  if (ptrace(PTRACE_INTERRUPT, tid, 0, 0)) die("interrupt");
  wait_stop();
  say("registers", get(NT_PRSTATUS));
  say("extended", get(NT_X86_XSTATE));
  unsigned long mask, all = ~0ul;
  if (ptrace(PTRACE_GETSIGMASK, tid, 8, &mask)) die("getsigmask");
  memcpy(bytes, &mask, 8);
  say("mask", 8);

  unsigned long start;
  if (scanf("%lx ", &start) != 1) exit(1);
  size_t n = hear();
  char path[64];
  sprintf(path, "/proc/%d/mem", tid);
  int mem = open(path, O_RDWR);
  if (pwrite(mem, bytes, n, start) != (ssize_t)n) die("mem");
  set_registers(hear());
  if (ptrace(PTRACE_SETSIGMASK, tid, 8, &all)) die("setsigmask");
  if (!strcmp(when, "now")) _exit(0);
  ptrace(PTRACE_SYSCALL, tid, 0, 0);
  wait_stop();
  if (!strcmp(when, "entry")) _exit(0);
  ptrace(PTRACE_SYSCALL, tid, 0, 0);
  wait_stop();
  if (!strcmp(when, "exit")) _exit(0);
  say("registers", get(NT_PRSTATUS));
  if (ptrace(PTRACE_SETSIGMASK, tid, 8, &mask)) die("setsigmask");
  set_registers(hear());
  /* Back through the place where the kernel restarts calls. */
  ptrace(PTRACE_INTERRUPT, tid, 0, 0);
  ptrace(PTRACE_CONT, tid, 0, 0);
  wait_stop();
  ptrace(PTRACE_DETACH, tid, 0, 0);
  return 0;
}
