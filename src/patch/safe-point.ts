/**
 * Where a thread may run a hook of the program: where it holds nothing that the hook may need, as far
 * as anybody but the program knows.
 *
 * The C library and an allocator hold locks while they work, on a stream, on the heap, on the list of
 * modules. A function of the library that only waits for something holds none meanwhile. So a thread
 * is at a safe point when the program itself has called such a function, or when it computes in code
 * of the program's own, outside of the functions that change. Nothing else of the library may be
 * further up on its stack, as of a callback, and no signal handler.
 */
import type { Frame, Trace } from '../dwarf/unwind.js';
import type { WayOut } from './way-out.js';

/**
 * Whose code a frame is in:
 * - `own`: of the program
 * - `changing`: of the program, in a function that is about to change or has changed
 * - `allocator`: of the program, in a file that has a memory allocator in it
 * - `guest`: of a library of which nothing is known but that it is not the C library nor an allocator
 * - `foreign`: of those, or of nobody
 */
export interface FrameOwner {
  readonly kind: 'own' | 'changing' | 'allocator' | 'guest' | 'foreign';
  /** Of the function, as symbol tables have them. */
  readonly names: readonly string[];
}

export type SafePoint =
  /** It waits in a call of the program's. */
  | { readonly kind: 'waits' }
  | { readonly kind: 'computes' }
  | {
      readonly kind: 'none';
      readonly reason: string;
      /** Where it will be at one, when that is known. */
      readonly way?: WayOut;
    };

/** Functions of C libraries that wait and hold nothing meanwhile. Aliases begin with underscores. */
const WAITING: ReadonlySet<string> = new Set([
  ...['nanosleep', 'clock_nanosleep', 'usleep', 'sleep', 'thrd_sleep', 'pause'],
  ...['poll', 'ppoll', 'select', 'pselect', 'epoll_wait', 'epoll_pwait', 'epoll_pwait2'],
  ...['read', 'readv', 'recv', 'recvfrom', 'recvmsg', 'recvmmsg', 'accept', 'accept4', 'connect'],
  ...['write', 'writev', 'send', 'sendto', 'sendmsg', 'sendmmsg', 'io_getevents', 'syscall'],
  ...['sigwait', 'sigwaitinfo', 'sigtimedwait', 'sigsuspend', 'msgrcv', 'msgsnd'],
  ...['mq_receive', 'mq_timedreceive', 'semop', 'semtimedop', 'sem_wait', 'sem_timedwait'],
  ...['wait', 'wait3', 'wait4', 'waitpid', 'waitid', 'pthread_join', 'pthread_timedjoin_np'],
  ...['pthread_cond_wait', 'pthread_cond_timedwait', 'pthread_cond_clockwait', 'thrd_join'],
  ...['cnd_wait', 'cnd_timedwait'],
]);

/** What the program ends in: its own functions that are called from there hold what others need. */
const ENDING: ReadonlySet<string> = new Set(['exit', 'quick_exit', 'pthread_exit']);

/** @param isWaiting whether it stands in a system call that the kernel makes again */
export function safePointOf(
  trace: Trace,
  isWaiting: boolean,
  ownerOf: (frame: Frame) => FrameOwner,
): SafePoint {
  const { frames } = trace;
  if (frames.some(({ kind }) => kind === 'interrupted')) return none('is in a signal handler');
  if (!trace.isCertain) return none('has frames that nothing is known of');
  const owners = frames.map(ownerOf);
  const isProgram = ({ kind }: FrameOwner): boolean => kind !== 'foreign';
  const [innermost, outermost] = [owners.findIndex(isProgram), owners.findLastIndex(isProgram)];
  if (innermost < 0) return none('is in no code of the program');
  if (owners.slice(outermost).some((owner) => isNamed(owner, ENDING))) return none('is ending');
  const isCalledBack = owners.slice(innermost, outermost).some((owner) => !isProgram(owner));
  const caller = innermost > 0 ? owners[innermost - 1] : undefined;
  if (!isCalledBack) {
    if (caller !== undefined && isWaiting && isNamed(caller, WAITING)) return { kind: 'waits' };
    const [own] = owners;
    const mayBeLocked = owners.some(({ kind }) => kind === 'allocator');
    // One that never leaves what changes has no better place.
    const staysInside = owners[outermost]?.kind === 'changing';
    const isOutside = !owners.some(({ kind }) => kind === 'changing');
    const isAtWork = own?.kind === 'own' || own?.kind === 'changing';
    if (isAtWork && !mayBeLocked && (isOutside || staysInside)) return { kind: 'computes' };
  }
  const isInTheWay = ({ kind }: FrameOwner): boolean => kind !== 'own';
  const next = owners.slice(0, outermost).findLastIndex(isInTheWay) + 1;
  const frame = next > outermost || owners[next]?.kind !== 'own' ? undefined : frames[next];
  return {
    kind: 'none',
    reason: innermost > 0 ? 'is in the C library' : 'is in a function that changes',
    ...(frame?.kind === 'caller' ? { way: wayTo(frame) } : {}),
  };
}

function none(reason: string): SafePoint {
  return { kind: 'none', reason };
}

function wayTo({ pc, stackPointer }: Frame): WayOut {
  return { address: pc, stackPointer, isReturn: true };
}

function isNamed({ names }: FrameOwner, wanted: ReadonlySet<string>): boolean {
  return names.some((name) => wanted.has(name.replace(/^_+(libc_|GI_+)?/, '')));
}
