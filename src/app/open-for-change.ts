/** How every verb that changes a process begins: observe it, and finish what a killed hcr left. */
import type { KnownModules } from '../ptrace/known-modules.js';
import type { Tracing } from '../ptrace/tracing.js';
import { ProcessImage } from './observe.js';
import { completeInterrupted } from './recover.js';
import type { ReportProgress } from './report.js';
import type { Stopwatch } from './stopwatch.js';

export interface ChangeOptions {
  readonly dryRun: boolean;
  readonly timeoutMs: number;
}

/** The image, which the caller disposes of, and what is to be said of the recovery.
 *  @throws HcrError `already-traced`, and those of observing and of recovering */
export async function openForChange(
  pid: number,
  { dryRun, timeoutMs }: ChangeOptions,
  watch: Stopwatch,
  onProgress: ReportProgress,
  tracing?: Tracing,
  known?: KnownModules,
): Promise<{ readonly image: ProcessImage; readonly notes: readonly string[] }> {
  onProgress({ stage: 'observe' });
  const image = await watch.time('observe', () => ProcessImage.of(pid, tracing, known));
  try {
    image.target.assertPatchable();
    return { image, notes: dryRun ? [] : await completeInterrupted(image, timeoutMs) };
  } catch (error) {
    image[Symbol.dispose]();
    throw error;
  }
}
