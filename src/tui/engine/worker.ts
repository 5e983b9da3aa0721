/** The engine's thread: takes calls one message at a time and answers them. */
import { parentPort, workerData } from 'node:worker_threads';
import { failureOf } from '../../core/failure.js';
import type { CallMessage, EngineData, EngineMessage, NudgeMessage } from './protocol.js';
import { Workshop } from './workshop.js';

const port = parentPort;
if (port === null) throw new Error('this is a thread of hcr, not a program');

const send = (message: EngineMessage): void => {
  port.postMessage(message);
};

const workshop = new Workshop(workerData as EngineData, (event) => {
  send({ type: 'event', event });
});

port.on('message', (message: CallMessage | NudgeMessage) => {
  if (message.type === 'nudge') {
    // Whoever traces waits for it, as in the first thread.
    process.emit('SIGCHLD', 'SIGCHLD');
    return;
  }
  const { number, call, args } = message;
  const answer = workshop.calls[call] as (...args: readonly unknown[]) => Promise<unknown>;
  Promise.resolve()
    .then(() => answer(...args))
    .then(
      (value) => {
        send({ type: 'answer', number, value });
      },
      (error: unknown) => {
        send({ type: 'failure', number, error: { failure: failureOf(error) } });
      },
    );
});
