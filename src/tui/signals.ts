/**
 * Signals that a terminal or a user sends to the cockpit. Their default is to end or to stop hcr at
 * once, in the middle of a patch and with the terminal as it is; here they wait for the event loop.
 */
import { constants } from 'node:os';

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface SignalListeners {
  /** @param signal its number */
  readonly onEnd: (signal: number) => void;
  readonly onStop: () => void;
  /** SIGINT, where that reloads instead of ending hcr. */
  readonly onTrigger?: () => void;
}

export class Signals implements Disposable {
  private readonly undo: (() => void)[] = [];

  constructor({ onEnd, onStop, onTrigger }: SignalListeners) {
    for (const signal of ENDING)
      this.on(signal, () => {
        if (signal === 'SIGINT' && onTrigger !== undefined) onTrigger();
        else onEnd(constants.signals[signal]);
      });
    this.on('SIGTSTP', onStop);
  }

  private on(signal: NodeJS.Signals, listener: () => void): void {
    process.on(signal, listener);
    this.undo.push(() => process.off(signal, listener));
  }

  [Symbol.dispose](): void {
    for (const undo of this.undo.splice(0)) undo();
  }
}
