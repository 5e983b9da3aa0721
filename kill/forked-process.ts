/**
 * Forks this process, so that an hcr can be killed which need not be started first: the copy has
 * everything loaded and compiled. Starting Node takes a fifth of a second, a fork a millisecond.
 *
 * Node does not mean to be forked, and three things stand in the way:
 * - V8 keeps its heap out of forks (MADV_DONTFORK); it is let in again before each.
 * - V8's and Node's other threads are not there in the copy. Run with `--single-threaded
 *   --v8-pool-size=0`, so that nothing waits for them: a collection of garbage in the copy would, for
 *   ever; and the copy must leave by {@link leave}, which tears nothing down.
 * - The event loop would share its epoll instance with the original: libuv can put that right.
 *
 * The copy goes on with whatever the original was about to do. Fork where that is nothing else:
 * with no timer, no read and no other promise under way.
 *
 * @see fork(2), madvise(2); uv_loop_fork in libuv's documentation
 */
import { readFileSync } from 'node:fs';
import type { ForeignFunction } from '../src/ptrace/ffi/foreign.js';
import { openForeignLibrary } from '../src/ptrace/ffi/open-library.js';

const MADV_DOFORK = 11;
/** Ends the copy when it hangs. */
const MAX_SECONDS = 60;

interface Calls {
  readonly fork: ForeignFunction;
  readonly madvise: ForeignFunction;
  readonly alarm: ForeignFunction;
  readonly getpid: ForeignFunction;
  readonly exit: ForeignFunction;
  readonly defaultLoop: ForeignFunction;
  readonly loopFork: ForeignFunction;
}

let calls: Calls | undefined;

function bindCalls(): Calls {
  const library = openForeignLibrary();
  return {
    fork: library.bind('fork', 'int', []),
    madvise: library.bind('madvise', 'int', ['address', 'long', 'int']),
    alarm: library.bind('alarm', 'int', ['int']),
    getpid: library.bind('getpid', 'int', []),
    exit: library.bind('_exit', 'int', ['int']),
    defaultLoop: library.bind('uv_default_loop', 'address', []),
    loopFork: library.bind('uv_loop_fork', 'int', ['address']),
  };
}

/** @returns the copy's process id in the original, 0 in the copy */
export function forkProcess(): number {
  calls ??= bindCalls();
  letHeapBeForked(calls);
  const child = calls.fork();
  if (child < 0) throw new Error(`fork failed with errno ${-child}`);
  if (child > 0) return child;
  Object.defineProperty(process, 'pid', { value: calls.getpid() });
  calls.alarm(MAX_SECONDS);
  calls.loopFork(calls.defaultLoop());
  // An event loop with nothing left to do would wait for the threads that are not there.
  setInterval(() => undefined, MAX_SECONDS * 1000);
  return 0;
}

/** Ends a copy, without a word to anything that it shares with the original. */
export function leave(code: number): void {
  calls?.exit(code);
}

function letHeapBeForked({ madvise }: Calls): void {
  for (const line of readFileSync('/proc/self/maps', 'latin1').split('\n')) {
    const [, start = '', end = ''] = /^([0-9a-f]+)-([0-9a-f]+) ...p 0+ 00:00 0 *$/.exec(line) ?? [];
    if (start === '') continue;
    const from = Number(`0x${start}`);
    madvise(from, Number(`0x${end}`) - from, MADV_DOFORK);
  }
}
