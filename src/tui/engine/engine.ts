/** The engine as the interface sees it: calls that answer later, and events. */
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
} from './protocol.js';

export interface Engine extends AsyncDisposable {
  /** @throws HcrError what the call was refused with */
  call<C extends CallName>(call: C, ...args: Parameters<Calls[C]>): Promise<ReturnType<Calls[C]>>;
  onEvent(listener: (event: EngineEvent) => void): void;
}

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
  worker.on('message', (message: EngineMessage) => {
    if (message.type === 'event') {
      for (const listener of listeners) listener(message.event);
      return;
    }
    const call = waiting.get(message.number);
    waiting.delete(message.number);
    if (message.type === 'answer') call?.resolve(message.value as never);
    else call?.reject(new HcrError(message.error.failure));
  });
  const failAll = (detail: string): void => {
    for (const { reject } of waiting.values()) reject(new HcrError({ code: 'unexpected', detail }));
    waiting.clear();
  };
  worker.on('error', (error) => {
    failAll(String(error));
  });
  worker.on('exit', () => {
    failAll('the engine has ended');
  });
  return {
    call: (call, ...args) =>
      new Promise((resolve, reject) => {
        last += 1;
        waiting.set(last, { resolve, reject });
        const message: CallMessage = { number: last, call, args };
        worker.postMessage(message);
      }),
    onEvent: (listener) => void listeners.push(listener),
    [Symbol.asyncDispose]: async () => {
      waiting.clear();
      await worker.terminate();
    },
  };
}
