/**
 * Ends hcr in an orderly way when it is told to. The default action of a signal ends Node at once:
 * in the middle of a patch, leaving the compiler running and its files behind. With a listener the
 * signal waits for the event loop, so that no publish is cut in two, and `exit` listeners clean up.
 */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const listeners = new Map<(typeof SIGNALS)[number], () => void>();

export function exitOnSignals(): void {
  for (const signal of SIGNALS) {
    const exit = (): void => {
      if (process.stderr.isTTY) process.stderr.write('\n');
      process.exit(128 + constants.signals[signal]);
    };
    listeners.set(signal, exit);
    process.once(signal, exit);
  }
}

/** For a command that ends in a way of its own when it is told to. */
export function leaveSignals(): void {
  for (const [signal, exit] of listeners) process.off(signal, exit);
}
