/* A thread with something to lose: every register, its signal mask, its alternate signal stack and
   its red zone, or a system call that it is in.
   usage: target registers|CALL. Says "ready TID SYSCALL_GADGET SIGRETURN_GADGET", goes there once it is
   traced, ends on a line. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define ALT 0x5000
static char alternate[ALT] __attribute__((aligned(64)));
static const char *what;
static int pipes[2];

#include "state.h"
struct state in, out;
void *volatile where;
long saved_sp, saved_rax, red_zone[2];
void enter(void), spin(void), done(void), syscall_gadget(void), sigreturn_gadget(void);

/* clang-format off */
asm("syscall_gadget: syscall\n ret\n"
    "sigreturn_gadget: mov $15,%eax\n syscall\n ud2\n"
    "spin: movq $0x1111,-8(%rsp)\n movq $0x2222,-128(%rsp)\n"
    "again: jmp *where\n" /* leaves flags alone */
    "done: mov %rax,saved_rax\n"
    "mov -8(%rsp),%rax\n mov %rax,red_zone\n mov -128(%rsp),%rax\n mov %rax,red_zone+8\n"
    "mov saved_rax,%rax\n ret\n"
    ".globl again\n");
extern char again[];
#include "enter.h"

/* Then the thread is called "resting". */
static void await_tracer(void) {
  char path[64], line[128];
  sprintf(path, "/proc/self/task/%d/status", gettid());
  for (int tracer = 0; tracer == 0;) {
    FILE *file = fopen(path, "r");
    while (fgets(line, sizeof line, file) && sscanf(line, "TracerPid: %d", &tracer) != 1) continue;
    fclose(file);
  }
  prctl(PR_SET_NAME, "resting");
}

static void *run(void *unused) {
  stack_t stack = {.ss_sp = alternate, .ss_size = ALT};
  sigaltstack(&stack, 0);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN + 3);
  sigprocmask(SIG_SETMASK, &set, 0);
  printf("ready %d %p %p\n", gettid(), (void *)syscall_gadget, (void *)sigreturn_gadget);
  fflush(stdout);
  await_tracer();
  long result = 0;
  struct timespec delay = {2, 0};
  struct sembuf op = {0, -1, 0};
  struct epoll_event event;
  struct timeval timeout = {2, 0};
  sigset_t wanted;
  char byte;
  errno = 0;
  if (!strcmp(what, "registers")) {
    unsigned char *p = (void *)&in;
    for (unsigned long i = 0; i < sizeof in; i++) p[i] = i * 7 + (i >> 6) + 1;
    in.flags = 0x202 | 0x8d5;
    enter();
    for (int i = 0; i < 16; i++) if (i != 4 && in.general[i] != out.general[i]) printf("general %d\n", i);
    if (memcmp(in.vector, out.vector, VECTOR_BYTES)) puts("vectors");
    if (MASKS && memcmp(in.mask, out.mask, sizeof in.mask)) puts("masks");
    if ((in.flags & 0x8d5) != (out.flags & 0x8d5)) puts("flags");
    if (red_zone[0] != 0x1111 || red_zone[1] != 0x2222) puts("red zone");
  } else if (!strcmp(what, "nanosleep")) result = nanosleep(&delay, 0);
  else if (!strcmp(what, "poll")) result = poll(0, 0, 2000);
  else if (!strcmp(what, "select")) result = select(0, 0, 0, 0, &timeout);
  else if (!strcmp(what, "epoll_wait")) result = epoll_wait(epoll_create1(0), &event, 1, 2000);
  else if (!strcmp(what, "read")) result = read(pipes[0], &byte, 1);
  else if (!strcmp(what, "semtimedop")) {
    int sem = semget(IPC_PRIVATE, 1, 0600);
    result = semtimedop(sem, &op, 1, &delay);
    int error = errno;
    semctl(sem, 0, IPC_RMID);
    errno = error;
  } else if (!strcmp(what, "sigtimedwait")) {
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    result = sigtimedwait(&wanted, 0, &delay);
  } else if (!strcmp(what, "recv")) {
    int ends[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    result = recv(ends[0], &byte, 1, 0);
  }
  printf("result %ld %s\n", result, result < 0 ? strerrorname_np(errno) : "ok");
  stack_t now;
  sigaltstack(0, &now);
  if (now.ss_sp != alternate || now.ss_size != ALT || now.ss_flags) puts("alternate stack");
  sigset_t mask;
  sigprocmask(SIG_SETMASK, 0, &mask);
  for (int s = 1; s < 65; s++)
    if (s != 32 && s != 33 && sigismember(&mask, s) != sigismember(&set, s)) printf("mask %d\n", s);
  puts("end");
  fflush(stdout);
  exit(0);
}

int main(int argc, char **argv) {
  what = argv[1];
  where = again;
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  if (pipe(pipes)) return 1;
  pthread_t thread;
  pthread_create(&thread, 0, run, 0);
  getchar();
  where = (void *)done;
  if (write(pipes[1], "x", 1) != 1) return 1;
  pthread_join(thread, 0);
}
