/** The cockpit's state between renderings: it outlives the screen while an editor has it. */
import { reduce } from './model/reducer.js';
import type { Action } from './model/actions.js';
import type { Cockpit } from './model/state.js';

export class Store {
  private cockpit: Cockpit;
  private readonly listeners = new Set<() => void>();

  constructor(initial: Cockpit) {
    this.cockpit = initial;
  }

  readonly state = (): Cockpit => this.cockpit;

  readonly dispatch = (action: Action): void => {
    const next = reduce(this.cockpit, action);
    if (next === this.cockpit) return;
    this.cockpit = next;
    for (const listener of this.listeners) listener();
  };

  /** @returns how to end it */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  };
}
