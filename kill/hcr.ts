/**
 * The verbs of hcr: run in this process, in a copy of it that is to be killed, or as the command
 * that users run.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { attachFunctions } from '../src/app/attach.js';
import { reloadChanged } from '../src/app/reload.js';
import type { PatchOptions, PatchReport, ReportProgress } from '../src/app/report.js';
import { rollBack } from '../src/app/rollback.js';
import { runProgram } from '../src/app/run.js';
import { WatchSession } from '../src/app/watch.js';
import { libc } from '../src/ptrace/libc.js';
import { WAIT, stopReason } from '../src/ptrace/requests.js';
import { startProgram } from '../src/ptrace/start-program.js';
import { forkProcess, leave } from './forked-process.js';
import { HCR_CLI } from './places.js';
import { PART_NAMES, type Program } from './programs.js';

const TIMEOUT_MS = 20_000;
const FAILED = 40;

/** What an hcr is asked to do. */
export type Order =
  | { readonly verb: 'attach'; readonly version: number }
  | { readonly verb: 'reload'; readonly version: number }
  | { readonly verb: 'rollback'; readonly to: number }
  /** Until the first save is live. */
  | { readonly verb: 'watch'; readonly version: number };

function optionsFor({ objects }: Program, version: number): PatchOptions {
  const object = objects.get(version);
  if (object === undefined) throw new Error(`no object of version ${version}`);
  return { object, dryRun: false, unchecked: false, timeoutMs: TIMEOUT_MS };
}

/** Carries an order out here and now. */
export function obey(
  pid: number,
  program: Program,
  order: Order,
  onProgress: ReportProgress = () => undefined,
): Promise<PatchReport> {
  const { source } = program;
  switch (order.verb) {
    case 'attach':
      return attachFunctions(pid, PART_NAMES, optionsFor(program, order.version), onProgress);
    case 'reload':
      return reloadChanged(pid, [source], optionsFor(program, order.version), onProgress);
    case 'rollback':
      return rollBack(pid, { to: order.to, dryRun: false, timeoutMs: TIMEOUT_MS }, onProgress);
    case 'watch':
      return firstOfWatch(pid, optionsFor(program, order.version));
  }
}

/** A watch makes live what was edited before it began, which is what the source looks like. */
function firstOfWatch(pid: number, patch: PatchOptions): Promise<PatchReport> {
  return new Promise((resolve, reject) => {
    const session = new WatchSession(pid, { patch }, (event) => {
      if (event.kind === 'patched') {
        session[Symbol.dispose]();
        resolve(event.report);
      }
      if (event.kind === 'refused' || event.kind === 'failed') reject(event.error);
    });
  });
}

/** `hcr run` in a copy of this process: it starts the program, and patches it when SIGUSR1 comes.
 *  @returns the copy's process id; in the copy it never returns */
export async function startRun(
  program: Program,
  words: readonly string[],
  version: number,
): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve));
  const copy = forkProcess();
  if (copy > 0) return copy;
  awaitTracer();
  libc().kill(process.pid, constants.signals.SIGSTOP);
  process.env['HCR_KILL_STAYS'] = '1';
  const patch = optionsFor(program, version);
  const options = { on: 'SIGUSR1', functions: PART_NAMES, patch };
  void runProgram([program.path, ...words], options, () => undefined).then(leave);
  return await new Promise<number>(() => undefined);
}

/** The same as words for the command. */
export function wordsFor(pid: number, program: Program, order: Order): string[] {
  const common = ['--timeout', String(TIMEOUT_MS), '--json'];
  const object = (version: number): string[] => ['--object', program.objects.get(version) ?? ''];
  switch (order.verb) {
    case 'attach':
      return [
        ...['attach', String(pid), ...PART_NAMES.flatMap((name) => ['--func', name])],
        ...[...object(order.version), ...common],
      ];
    case 'reload':
      return ['reload', String(pid), program.source, ...object(order.version), ...common];
    case 'rollback':
      return ['rollback', String(pid), '--to', String(order.to), ...common];
    case 'watch':
      return ['watch', String(pid), ...object(order.version), ...common];
  }
}

/**
 * Starts it in a copy of this process, where nobody waits for it.
 * @param outcome file for what it failed with
 * @param begins whether it waits for a tracer, and stops itself with SIGSTOP before it does anything
 *   to its target; from the start means before it looks at it
 * @returns the copy's process id; in the copy it never returns
 */
export async function startCopy(
  pid: number,
  program: Program,
  order: Order,
  outcome: string,
  begins: 'at once' | 'traced' | 'traced from the start',
): Promise<number> {
  // Timers and reads that are over are off the event loop then.
  await new Promise((resolve) => setImmediate(resolve));
  const copy = forkProcess();
  if (copy > 0) return copy;
  if (begins !== 'at once') awaitTracer();
  let isReady = begins === 'at once';
  obey(pid, program, order, ({ stage }) => {
    // What comes before is the same for any target, unless there is something to be put right.
    if (isReady || (begins === 'traced' && stage !== 'publish' && stage !== 'link')) return;
    isReady = true;
    libc().kill(process.pid, constants.signals.SIGSTOP);
  }).then(
    () => leave(0),
    (error: unknown) => {
      writeFileSync(outcome, error instanceof Error ? (error.stack ?? error.message) : 'unknown');
      leave(FAILED);
    },
  );
  return await new Promise<number>(() => undefined);
}

/** The copy begins when it is traced, so that none of its calls goes uncounted. */
function awaitTracer(): void {
  const calls = libc();
  for (;;) {
    calls.sleepMicros(50);
    if (isTraced()) return;
  }
}

function isTraced(): boolean {
  return !/^TracerPid:\t0$/m.test(readFileSync('/proc/self/status', 'latin1'));
}

/** Waits for a copy that nobody traces. @returns its exit code; -1 when a signal ended it */
export function awaitCopy(pid: number): number {
  const report = libc().waitpid(pid, WAIT.ALL);
  const reason = report === undefined ? undefined : stopReason(report.status);
  return reason?.kind === 'exited' ? reason.code : -1;
}

/** Starts the command, its output in a file. @returns its process id */
export function startCommand(words: readonly string[], outcome: string): number {
  const script = `exec "$0" "$@" > ${outcome} 2>&1`;
  const pid = startProgram(
    '/bin/sh',
    ['sh', '-c', script, process.execPath, HCR_CLI, ...words],
    process.env,
  );
  if (pid < 0) throw new Error(`hcr does not start: errno ${-pid}`);
  return pid;
}
