/** Does what the cockpit wants done, each request once. */
import { useEffect } from 'react';
import type { Request } from '../model/state.js';
import { type Outside, perform } from '../perform.js';

export function useOutbox(outbox: readonly Request[], outside: Outside): void {
  useEffect(() => {
    const last = outbox.at(-1);
    if (last === undefined) return;
    outside.dispatch({ type: 'taken', through: last.number });
    for (const { task } of outbox) perform(task, outside);
  }, [outbox, outside]);
}
