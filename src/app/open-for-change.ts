/**
 * How every verb that changes a process begins: let its dynamic linker finish, keep other hcrs out,
 * observe it, and finish what a killed hcr left.
 */
import { pid as toPid } from '../core/address.js';
import type { KnownModules } from '../ptrace/known-modules.js';
import { untilLoaded } from '../ptrace/program-loading.js';
import { TargetLock } from '../ptrace/target-lock.js';
import type { Tracing } from '../ptrace/tracing.js';
import { ProcessImage } from './observe.js';
import { completeInterrupted } from './recover.js';
import type { ReportProgress } from './report.js';
import type { Stopwatch } from './stopwatch.js';

export interface ChangeOptions {
  readonly dryRun: boolean;
  readonly timeoutMs: number;
}

/** The image, which the caller disposes of, and what is to be said of the recovery. No other hcr
 *  changes the process before the image is disposed of.
 *  @throws HcrError `already-traced`, `busy`, and those of observing and of recovering */
export async function openForChange(
  pid: number,
  { dryRun, timeoutMs }: ChangeOptions,
  watch: Stopwatch,
  onProgress: ReportProgress,
  tracing?: Tracing,
  known?: KnownModules,
): Promise<{ readonly image: ProcessImage; readonly notes: readonly string[] }> {
  onProgress({ stage: 'observe' });
  await watch.time('observe', () => untilLoaded(pid, timeoutMs, tracing));
  const lock = dryRun ? undefined : await TargetLock.take(toPid(pid), timeoutMs);
  const image = await watch.time('observe', () => observeLocked(pid, tracing, known, lock));
  try {
    image.target.assertPatchable();
    return { image, notes: dryRun ? [] : await completeInterrupted(image, timeoutMs) };
  } catch (error) {
    image[Symbol.dispose]();
    throw error;
  }
}

function observeLocked(
  pid: number,
  tracing: Tracing | undefined,
  known: KnownModules | undefined,
  lock: TargetLock | undefined,
): ProcessImage {
  try {
    return ProcessImage.of(pid, tracing, known, lock);
  } catch (error) {
    lock?.[Symbol.dispose]();
    throw error;
  }
}
