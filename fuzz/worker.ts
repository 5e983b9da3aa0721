/**
 * Runs one target on input after input, and keeps those that reach code which none has reached
 * before. Each input is put where the other thread sees it before it is run, so that one which hangs
 * or takes all memory is not lost.
 *
 * Coverage is asked for once for a batch. When the batch has reached something new, it is run again
 * by halves until the inputs are found.
 */
import { getHeapStatistics } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { isHcrError } from '../src/core/failure.js';
import { Coverage } from './coverage.js';
import { MAX_INPUT_BYTES } from './mutate-bytes.js';
import { Random } from '../test/support/random.js';
import { ACCEPTED, type Target } from './target.js';
import { type Assignment, CONTROL, type WorkerMessage } from './protocol.js';

const BATCH = 400;
/** Of one input. */
const LONGEST_MS = 200;
const MOST_BYTES = 256 << 20;
/** A loaded machine takes its time now and then; an input that is slow is slow again. */
const REPEATS = 3;
/** Refusals are thrown by the thousand, and to note where each came from takes longer than to read. */
const FRAMES_WANTED = 12;
Error.stackTraceLimit = 0;
const REPORT_MS = 1000;

/** Time that hcr worked, in milliseconds: on a loaded machine it waits for much longer. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const { targetName, seeds, corpus, seed, shared } = workerData as Assignment;
const control = new Int32Array(shared, 0, 2);
const window = new Uint8Array(shared, CONTROL.inputAt, MAX_INPUT_BYTES);

// Before the readers are loaded: what is compiled then is counted.
const coverage = new Coverage();
const { TARGETS } = (await import('./targets.js')) as { TARGETS: readonly Target[] };
const found = TARGETS.find(({ name }) => name === targetName);
if (found === undefined) throw new Error(`no target ${targetName}`);
const target: Target = found;
const random = new Random(seed);
const known = new Set<string>();

function say(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

function place(input: Uint8Array): void {
  window.set(input.subarray(0, MAX_INPUT_BYTES));
  Atomics.store(control, CONTROL.lengthBytes, input.length);
  Atomics.add(control, CONTROL.executions, 1);
}

function allocatedBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

/** What an input does that it may not do; undefined for one that is read or refused in time. */
function faultOf(input: Uint8Array): { signature: string; detail: string } | undefined {
  const bytesBefore = allocatedBytes();
  const start = performance.now();
  const startedMs = processorMs();
  try {
    target.run(input);
  } catch (error) {
    if (!(isHcrError(error) && ACCEPTED.includes(error.failure.code))) {
      const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const frame = /at .*\/src\/(.*?)\)?$/m.exec(stack)?.[1] ?? '';
      const name = error instanceof Error ? error.name : typeof error;
      return { signature: `${name} ${frame}`, detail: stack };
    }
  }
  const took = Math.min(performance.now() - start, processorMs() - startedMs);
  if (took > LONGEST_MS) return { signature: 'slow', detail: `${Math.round(took)} ms` };
  const bytes = allocatedBytes() - bytesBefore;
  if (bytes > MOST_BYTES) return { signature: 'memory', detail: `${bytes >> 20} MiB` };
  return undefined;
}

function execute(input: Uint8Array): void {
  place(input);
  let fault = faultOf(input);
  for (let i = 1; fault?.signature === 'slow' && i < REPEATS; i++) fault = faultOf(input);
  if (fault === undefined) return;
  if (fault.signature !== 'slow' && fault.signature !== 'memory')
    fault = withFrames(input) ?? fault;
  if (known.has(fault.signature)) return;
  known.add(fault.signature);
  say({ kind: 'finding', ...fault, input: input.slice() });
}

function withFrames(input: Uint8Array): ReturnType<typeof faultOf> {
  Error.stackTraceLimit = FRAMES_WANTED;
  try {
    return faultOf(input);
  } finally {
    Error.stackTraceLimit = 0;
  }
}

const inputs: Uint8Array[] = [];

function keep(input: Uint8Array): void {
  inputs.push(input);
  say({ kind: 'kept', input: input.slice() });
}

/** Finds the inputs that reach something new. */
function sift(batch: readonly Uint8Array[]): void {
  for (const input of batch) execute(input);
  if (!coverage.peek()) return;
  const [only] = batch;
  if (batch.length === 1 && only !== undefined) {
    execute(only);
    coverage.take();
    keep(only);
    return;
  }
  const middle = batch.length >> 1;
  sift(batch.slice(0, middle));
  sift(batch.slice(middle));
}

const sound = target.seeds(seeds);
for (const { bytes } of sound) {
  inputs.push(bytes);
  execute(bytes);
}
for (const input of corpus) {
  inputs.push(input);
  execute(input);
}
coverage.take();

let executions = 0;
let reportedAt = performance.now();
for (;;) {
  const batch: Uint8Array[] = [];
  for (let i = 0; i < BATCH; i++) {
    // What was found last leads on.
    const recent = random.below(3) === 0 ? inputs.slice(-20) : inputs;
    const input = target.mutate(random.of(recent) ?? new Uint8Array(0), random, inputs);
    execute(input);
    batch.push(input);
    executions++;
  }
  if (coverage.peek()) sift(batch);
  if (performance.now() - reportedAt < REPORT_MS) continue;
  reportedAt = performance.now();
  say({ kind: 'progress', executions, corpus: inputs.length, coveredBytes: coverage.bytes });
  executions = 0;
}
