/** `hcr reload` of several processes of a program: compiled once, each patched as a whole or not. */
import { ObjectCache } from '../build/object-cache.js';
import { HcrError, isHcrError } from '../core/failure.js';
import { KnownModules } from '../ptrace/known-modules.js';
import { processTree, processesNamed } from '../ptrace/process-list.js';
import { KnownUnits } from './known-units.js';
import { reloadChanged } from './reload.js';
import type { PatchOptions, PatchReport, ReportProgress } from './report.js';

/** What became of one of several processes. */
export type ProcessOutcome =
  | { readonly pid: number; readonly report: PatchReport }
  /** It is as it was. */
  | { readonly pid: number; readonly error: HcrError };

/** Which processes are meant: by id, by name, or a process with its descendants. */
export interface ProcessChoice {
  readonly all?: readonly string[];
  readonly tree?: number;
}

/** @throws HcrError `no-such-process`, `usage` for a name that no process has */
export function chooseProcesses({ all = [], tree }: ProcessChoice): number[] {
  const named = all.flatMap((word) => {
    if (/^\d+$/.test(word)) return [Number(word)];
    const found = processesNamed(word);
    if (found.length > 0) return found;
    throw new HcrError({
      code: 'usage',
      detail: `No process is called ${word}.`,
      advice: 'Look for it with `pgrep -a NAME`, or give process ids.',
    });
  });
  return [...new Set([...named, ...(tree === undefined ? [] : processTree(tree))])];
}

const nothing = (): void => undefined;

/**
 * Reloads one process after the other. A refusal of one leaves the others alone.
 * @throws HcrError what would be the same for each: `compile-failed` and the like
 */
export async function reloadProcesses(
  pids: readonly number[],
  files: readonly string[],
  options: PatchOptions,
  onProgress: ReportProgress,
): Promise<ProcessOutcome[]> {
  using modules = new KnownModules();
  const objects = new ObjectCache({ onStart: nothing, onEnd: nothing });
  const kept = { modules, units: new KnownUnits(), compile: objects.compile };
  const outcomes: ProcessOutcome[] = [];
  for (const pid of pids) {
    try {
      const report = await reloadChanged(pid, files, options, onProgress, undefined, kept);
      outcomes.push({ pid, report });
    } catch (error) {
      if (!isHcrError(error) || isOfSources(error)) throw error;
      outcomes.push({ pid, error });
    }
  }
  return outcomes;
}

function isOfSources({ code }: HcrError): boolean {
  return code === 'compile-failed' || code === 'compiler-not-found' || code === 'usage';
}
