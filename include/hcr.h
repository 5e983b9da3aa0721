/*
 * hcr.h - optional help for hcr inside a program. No library, nothing to link, nothing to call.
 *
 * hcr patches programs that have never heard of it. One that has can say more: what to do around a
 * patch, which variables take a new initial value, which functions are to stay whole.
 *
 * Everything here is empty unless the program is compiled with HCR_ENABLE (-DHCR_ENABLE, or a #define
 * before the #include): no code, no data, no section. With HCR_ENABLE a hook or a mark is one pointer
 * in a section of its own, which nobody reads but hcr. Nothing runs at startup, and a program that
 * never meets hcr behaves as without. C89, C++98 and later; gcc and clang, ELF. Elsewhere it is empty.
 *
 *
 * HCR_BEFORE_RELOAD(fn);      at file scope, behind the declaration of: void fn(unsigned generation);
 * HCR_AFTER_RELOAD(fn);
 *
 *     static void save(unsigned generation) { ... }
 *     HCR_BEFORE_RELOAD(save);
 *
 *   hcr calls the functions whenever the generation that runs is about to change, or has changed: in
 *   a patch and in a roll back. Those before get the number that is about to go live, those after the
 *   number that is live. They come in pairs: when the change does not come about, those after are
 *   called with the old number. There may be several of a kind, also in shared objects; they are
 *   called in the order in which modules were loaded, files were linked and lines were written.
 *
 *   Where: on a thread of the program, on its own stack, while all other threads run. The thread is at
 *   a safe point: it waits in a system call that the program asked for (poll, epoll_wait, nanosleep,
 *   read, pthread_join and their like), or is in the program's own code, outside of the functions being
 *   patched. It is never inside the C library, a memory allocator or a signal handler: a hook may call
 *   malloc and printf. The first thread is preferred. A program that job control has stopped has no safe
 *   point. Locks: one that other threads hold may be taken, they run on and will release it; one that
 *   this thread may hold where it waits or computes may not. Signals are blocked meanwhile, but for
 *   faults. The wait goes on afterwards as if nothing had been; after a hook that sleeps it begins anew.
 *
 *   When: before, once all that could refuse the patch but a thread that is in the way has been
 *   checked; after, when the new code is live. No safe point within --timeout: before, the patch is
 *   refused as `busy`; after, hcr says that the hooks were not called. A hook returns: no exception, no
 *   longjmp. One that takes longer than --timeout, or that a fault hits, is left to itself: before, the
 *   patch is refused as `hook-failed`; after, hcr says so. If hcr is killed while a hook runs, it
 *   finishes and the thread goes back to what it did. If hcr is killed between the two, no hook is
 *   called for what it left undone: one before may be called twice in a row.
 *
 *   Hooks are those that the program was started with (or that a shared object brought). A hook may be
 *   patched like any function; a hook that an edit adds is called from the next start on. A crash guard
 *   that rolls a crashed generation back calls none: all threads stand.
 *
 *
 * HCR_RESET(variable);        behind the definition, in the same scope
 * HCR_KEEP(variable);
 *
 *     static int limit = 10;
 *     HCR_RESET(limit);
 *
 *   Variables keep their values in a patch; an edited initialiser has no effect, and hcr says so. With
 *   HCR_RESET an edited initialiser is given to the variable, once, in the moment in which the new
 *   code goes live, also when nothing else was edited. A roll back does not take it back: values belong
 *   to the program. With HCR_KEEP the variable keeps its value and hcr says nothing. The mark in
 *   the source that is being compiled counts, so that it may come with the edit. Initialisers are
 *   constants, as in C: an object that a C++ constructor fills keeps its value. Not for thread-local
 *   variables; not in inline functions and templates.
 *
 *
 * HCR_RELOADABLE int step(struct world *world);
 *
 *   The function stays whole: it is not inlined, callers count on nothing but the calling convention,
 *   and its entry has room for a jump. Costs a few no-ops in each call.
 *
 *
 * @see README.md, "Help inside the program"
 */
#ifndef HCR_H
#define HCR_H

#if defined(__GNUC__) && defined(__ELF__)
#define HCR_CAT2_(a, b) a##b
#define HCR_CAT_(a, b) HCR_CAT2_(a, b)
#define HCR_NAME_ HCR_CAT_(hcr_mark_, __COUNTER__)
#endif

#if defined(HCR_ENABLE) && defined(HCR_NAME_)

#if defined(__has_attribute)
#define HCR_HAS_(attribute) __has_attribute(attribute)
#else
#define HCR_HAS_(attribute) 0
#endif

/* Nothing refers to a mark: neither compiler nor linker (--gc-sections) may leave it out. */
#if HCR_HAS_(retain)
#define HCR_STAYS_ __used__, __retain__
#else
#define HCR_STAYS_ __used__
#endif

/* gcc emits variables in any order but for these; clang keeps the order. */
#if HCR_HAS_(no_reorder)
#define HCR_IN_ORDER_ , __no_reorder__
#else
#define HCR_IN_ORDER_
#endif

#define HCR_MARK_(section_) \
  __attribute__((__section__(section_), HCR_STAYS_ HCR_IN_ORDER_))

/* What is no constant would be worked out at startup: rather an error, as in C. */
#if !defined(__cplusplus)
#define HCR_CONSTANT_ static
#elif defined(__clang__)
#if HCR_HAS_(require_constant_initialization)
#define HCR_CONSTANT_ __attribute__((__require_constant_initialization__)) static
#else
#define HCR_CONSTANT_ static
#endif
#elif __GNUC__ >= 10
#define HCR_CONSTANT_ static __constinit
#else
#define HCR_CONSTANT_ static
#endif

#define HCR_HOOK_(section_, fn) \
  static void (*const HCR_NAME_)(unsigned) HCR_MARK_(section_) = fn
#define HCR_DATUM_(section_, variable) \
  HCR_CONSTANT_ const volatile void *const HCR_NAME_ HCR_MARK_(section_) = &(variable)

#define HCR_BEFORE_RELOAD(fn) HCR_HOOK_("hcr_before", fn)
#define HCR_AFTER_RELOAD(fn) HCR_HOOK_("hcr_after", fn)
#define HCR_RESET(variable) HCR_DATUM_("hcr_reset", variable)
#define HCR_KEEP(variable) HCR_DATUM_("hcr_keep", variable)

/* Without it a caller knows which registers the function leaves alone, and more. */
#if HCR_HAS_(noipa)
#define HCR_WHOLE_ __noinline__, __noipa__
#elif defined(__clang__)
#define HCR_WHOLE_ __noinline__
#else
#define HCR_WHOLE_ __noinline__, __noclone__
#endif

/* A jump takes 5 bytes on x86-64 and one instruction elsewhere, and must not cross a page. */
#if !HCR_HAS_(patchable_function_entry)
#define HCR_ROOM_
#elif defined(__x86_64__)
#define HCR_ROOM_ , __patchable_function_entry__(5), __aligned__(16)
#else
#define HCR_ROOM_ , __patchable_function_entry__(1)
#endif

#define HCR_RELOADABLE __attribute__((HCR_WHOLE_ HCR_ROOM_))

#else

/* A declaration that says nothing, for the semicolon behind it. */
#define HCR_NOTHING_ struct hcr_nothing_

#ifdef HCR_NAME_
/* Never called nor emitted: keeps the compiler from complaining of a function without a use. */
#define HCR_HOOK_(fn)                                                  \
  static __inline__ __attribute__((__unused__)) void HCR_NAME_(void) { \
    void (*hook)(unsigned) = fn;                                       \
    (void)hook;                                                        \
  }                                                                    \
  HCR_NOTHING_
#else
#define HCR_HOOK_(fn) HCR_NOTHING_
#endif

#define HCR_BEFORE_RELOAD(fn) HCR_HOOK_(fn)
#define HCR_AFTER_RELOAD(fn) HCR_HOOK_(fn)
#define HCR_RESET(variable) HCR_NOTHING_
#define HCR_KEEP(variable) HCR_NOTHING_
#define HCR_RELOADABLE

#endif
#endif
