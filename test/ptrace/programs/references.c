/* Maps memory, keeps pointers into its pages in every place that a program has, says so, and waits
 * for lines: "move" has a thread move the only pointer to one page about, until the end. */
#include <emmintrin.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { GLOBAL, HEAP, END, PACKED, STACK, REGISTER, VECTOR, COROUTINE, EVENT, TIMER, READ_ONLY, SHARED, MOVING, PLACES };
#define SLOTS 200000

static char *memory;
char *volatile in_global;
static void *in_heap;
static char **slots;
/* Threads that hold their pointers. */
static atomic_int holding;

struct __attribute__((packed)) packed {
    uint32_t before;
    char *pointer;
};

static char *page(int i)
{
    return memory + 8192 * (i + 1);
}

static void *block_with_pointer_on_stack(void *argument)
{
    char *volatile on_stack = page(STACK);

    (void)argument;
    holding++;
    for (;;)
        pause();
    return on_stack;
}

static void *spin_with_register(void *argument)
{
    register char *in_register __asm__("r14") = page(REGISTER);

    (void)argument;
    __asm__ volatile("lock incl %1\n1: pause\n jmp 1b" : "+r"(in_register), "+m"(holding));
    return in_register;
}

static void *spin_with_vector(void *argument)
{
    __m128i vector = _mm_set_epi64x((long long)page(VECTOR), 0);

    (void)argument;
    __asm__ volatile("lock incl %0\n1: pause\n jmp 1b" : "+m"(holding) : "x"(vector));
    return NULL;
}

static ucontext_t outside, coroutine;

static void run_coroutine(void)
{
    char *volatile on_its_stack = page(COROUTINE);

    swapcontext(&coroutine, &outside);
    puts(on_its_stack);
}

static void start(void *(*run)(void *))
{
    pthread_t thread;
    pthread_create(&thread, NULL, run, NULL);
}

static void *move(void *argument)
{
    unsigned at = 0;
    char **all = slots;

    (void)argument;
    for (unsigned seed = 1;;) {
        seed = seed * 1664525 + 1013904223;
        unsigned next = (seed >> 8) % SLOTS;
        char *moving = all[at];
        all[at] = NULL;
        all[next] = moving;
        at = next;
    }
}

int main(void)
{
    memory = mmap(NULL, 8192 * (PLACES + 102), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    slots = calloc(SLOTS, sizeof *slots);
    in_global = page(GLOBAL);
    in_heap = malloc(4096);
    ((char **)in_heap)[100] = page(HEAP) + 17;
    ((char **)in_heap)[102] = page(END) + 64;
    ((struct packed *)in_heap)[1].pointer = page(PACKED);

    start(block_with_pointer_on_stack);
    start(spin_with_register);
    start(spin_with_vector);
    while (holding < 3)
        sched_yield();

    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = malloc(65536);
    coroutine.uc_stack.ss_size = 65536;
    makecontext(&coroutine, run_coroutine, 0);
    swapcontext(&outside, &coroutine);

    int files[2];
    struct epoll_event event = {.events = EPOLLIN};
    if (pipe(files) != 0)
        return 1;
    event.data.ptr = page(EVENT);
    epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, files[0], &event);

    timer_t timer;
    struct sigevent expiry = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    expiry.sigev_value.sival_ptr = page(TIMER);
    timer_create(CLOCK_MONOTONIC, &expiry, &timer);

    char **read_only = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    read_only[7] = page(READ_ONLY);
    mprotect(read_only, 4096, PROT_READ);

    /* Only a child has touched this page of memory that both share. */
    char **shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (fork() == 0) {
        shared[3] = page(SHARED);
        _exit(0);
    }
    wait(NULL);
    memset(&event, 0, sizeof event);
    memset(&expiry, 0, sizeof expiry);

    printf("memory %lu\n", (unsigned long)memory);
    fflush(stdout);
    for (char line[80]; fgets(line, sizeof line, stdin) != NULL;) {
        if (strcmp(line, "move\n") == 0) {
            slots[0] = page(MOVING);
            start(move);
        }
        printf("does %s", line);
        fflush(stdout);
    }
    return 0;
}
