/* Threads that are stuck in as many kinds of places as there are kinds of frames. Says "ready" when
 * all are. Built in two halves: this one with unwind tables, plain.c without. */
#include <alloca.h>
#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <ucontext.h>
#include <unistd.h>

extern "C" int plain(int depth, int (*then)(int));

static int never[2];
static std::atomic<int> stuck{0};

/* Each of these is entered once and never left. */
static int block(int x)
{
    char letter;
    stuck++;
    if (read(never[0], &letter, 1) != 1)
        abort();
    return x + letter;
}

static __attribute__((noinline)) int in_a_handler(int x)
{
    return block(x) + 1;
}

static void on_signal(int number)
{
    in_a_handler(number);
}

static __attribute__((noinline)) int interrupted(int depth)
{
    if (depth > 0)
        return interrupted(depth - 1) + 1;
    raise(SIGUSR1);
    return 0;
}

static void on_own_stack()
{
    signal(SIGUSR1, on_signal);
    interrupted(3);
}

static void on_other_stack()
{
    stack_t stack = {};
    stack.ss_size = 1 << 16;
    stack.ss_sp = malloc(stack.ss_size);
    sigaltstack(&stack, nullptr);
    struct sigaction action = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR2, &action, nullptr);
    raise(SIGUSR2);
}

static void from_a_loop()
{
    /* The signal finds it anywhere in here. */
    signal(SIGRTMIN, on_signal);
    timer_t timer;
    struct sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGRTMIN;
    event._sigev_un._tid = gettid();
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    struct itimerspec when = {};
    when.it_value.tv_nsec = 20000000;
    timer_settime(timer, 0, &when, nullptr);
    for (volatile unsigned round = 0;; round = round + 1) {
    }
}

struct Guard {
    ~Guard() { block(7); }
};

static __attribute__((noinline)) int refuse(int x)
{
    if (x > 0)
        throw std::runtime_error("no");
    return x;
}

static void in_a_destructor()
{
    try {
        Guard guard;
        refuse(1);
    } catch (const std::exception &) {
        abort();
    }
}

static int compare(const void *a, const void *b)
{
    return block(*static_cast<const int *>(a) - *static_cast<const int *>(b));
}

static void in_the_library()
{
    int numbers[] = {3, 1, 2};
    qsort(numbers, 3, sizeof(int), compare);
}

static __attribute__((noinline)) int on_a_moved_stack(size_t bytes)
{
    alignas(64) volatile char aligned[64] = {};
    volatile char *room = static_cast<volatile char *>(alloca(bytes));
    room[0] = aligned[0];
    return block(room[0]) + room[bytes - 1];
}

static ucontext_t outside, inside;

static void coroutine()
{
    block(5);
}

static void in_a_coroutine()
{
    getcontext(&inside);
    inside.uc_stack.ss_size = 1 << 16;
    inside.uc_stack.ss_sp = malloc(1 << 16);
    inside.uc_link = &outside;
    makecontext(&inside, coroutine, 0);
    swapcontext(&outside, &inside);
}

int main()
{
    if (pipe(never) != 0)
        return 1;
    std::thread threads[] = {
        std::thread(on_own_stack),
        std::thread(on_other_stack),
        std::thread(from_a_loop),
        std::thread(in_a_destructor),
        std::thread(in_the_library),
        std::thread([] { on_a_moved_stack(333); }),
        std::thread(in_a_coroutine),
        std::thread([] { plain(4, block); }),
    };
    while (stuck < 8)
        usleep(1000);
    puts("ready");
    fflush(stdout);
    threads[0].join();
}
