/** The engine as the interface sees it: calls that answer later, and events. */
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { PatchOptions } from '../../app/report.js';
import { HcrError } from '../../core/failure.js';
import type {
  CallMessage,
  CallName,
  Calls,
  EngineData,
  EngineEvent,
  EngineMessage,
  NudgeMessage,
} from './protocol.js';

export interface Engine extends AsyncDisposable {
  /** @throws HcrError what the call was refused with */
  call<C extends CallName>(call: C, ...args: Parameters<Calls[C]>): Promise<ReturnType<Calls[C]>>;
  onEvent(listener: (event: EngineEvent) => void): void;
}

/** How long the end waits for what is under way. */
const REST_MS = 5000;
const UNREF = { ref: false };

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** Starts the engine of one process.
 *  @param script of the thread; beside the command's own in an installed hcr */
export function startEngine(
  pid: number,
  options: PatchOptions,
  script = new URL('./engine.js', import.meta.url),
): Engine {
  const workerData: EngineData = { pid, options };
  const worker = new Worker(script, { workerData });
  const waiting = new Map<number, Waiting>();
  const listeners: ((event: EngineEvent) => void)[] = [];
  let last = 0;
  let fault: string | undefined;
  const tell = (event: EngineEvent): void => {
    for (const listener of listeners) listener(event);
  };
  worker.on('message', (message: EngineMessage) => {
    if (message.type === 'event') {
      tell(message.event);
      return;
    }
    const call = waiting.get(message.number);
    waiting.delete(message.number);
    if (message.type === 'answer') call?.resolve(message.value as never);
    else call?.reject(new HcrError(message.error.failure));
  });
  const fail = (detail: string): void => {
    if (fault !== undefined) return;
    fault = detail;
    for (const { reject } of waiting.values()) reject(new HcrError({ code: 'unexpected', detail }));
    waiting.clear();
    tell({ kind: 'failed', detail });
  };
  worker.on('error', (error) => {
    fail(String(error));
  });
  worker.on('exit', () => {
    fail('the engine has ended');
  });
  const nudge = (): void => {
    worker.postMessage({ type: 'nudge' } satisfies NudgeMessage);
  };
  process.on('SIGCHLD', nudge);
  const call: Engine['call'] = (name, ...args) =>
    new Promise((resolve, reject) => {
      if (fault !== undefined) {
        reject(new HcrError({ code: 'unexpected', detail: fault }));
        return;
      }
      last += 1;
      waiting.set(last, { resolve, reject });
      const message: CallMessage = { type: 'call', number: last, call: name, args };
      worker.postMessage(message);
    });
  return {
    call,
    onEvent: (listener) => void listeners.push(listener),
    [Symbol.asyncDispose]: async () => {
      listeners.length = 0;
      // The program survives that it is cut off; that it is not is better.
      await Promise.race([call('rest').catch(() => undefined), delay(REST_MS, undefined, UNREF)]);
      process.off('SIGCHLD', nudge);
      await worker.terminate();
    },
  };
}
