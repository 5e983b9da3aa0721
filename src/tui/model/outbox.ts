/** What is to be done outside of the model, in order. */
import type { Cockpit, Task } from './state.js';

export function request(cockpit: Cockpit, task: Task): Cockpit {
  const { nextRequest: number, outbox } = cockpit;
  return { ...cockpit, nextRequest: number + 1, outbox: [...outbox, { number, task }] };
}
