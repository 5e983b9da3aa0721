/** What the commands that change a process have in common: progress, then the outcome. */
import type { PatchReport, ReportProgress } from '../app/report.js';
import type { CommandContext } from './context.js';
import type { OutputOptions } from './terminal.js';

/** @param change is started once its output can be shown */
export async function answerPatch(
  { terminal }: CommandContext,
  options: OutputOptions,
  verb: 'patch' | 'rollback',
  change: (progress: ReportProgress) => Promise<PatchReport>,
): Promise<void> {
  const [{ formatPatch }, { patchJson }] = await Promise.all([
    import('./format-patch.js'),
    import('./json-report.js'),
  ]);
  const report = await terminal.whileReporting(options, change);
  terminal.answer(options, report, patchJson, (shown, look) => formatPatch(shown, verb, look));
}
