/** What a watch says: one short line per reload, or one JSON object per event. */
import type { WatchEvent } from '../app/watch-event.js';
import type { ProcessOutcome } from '../app/reload-many.js';
import { shortest } from '../app/changed-units.js';
import { failureReport, formatFailure } from './failure-output.js';
import { formatReloaded } from './format-run.js';
import { outcomeJson, patchJson } from './json-report.js';
import { type Look, paint } from '../terminal/look.js';
import { printableFailure } from '../terminal/printable.js';
import { count, formatMs } from '../terminal/quantity.js';
import type { OutputOptions } from './terminal.js';

/** More names than a line should have. */
const MAX_NAMES = 4;

function listed(paths: readonly string[]): string {
  const more = paths.length > MAX_NAMES ? ` and ${paths.length - MAX_NAMES} more` : '';
  return `${paths.slice(0, MAX_NAMES).map(shortest).join(', ')}${more}`;
}

function formatFault(
  { error }: Extract<WatchEvent, { readonly kind: 'refused' | 'failed' }>,
  look: Look,
  options: OutputOptions,
): string {
  // What to do about a compiler's message is known.
  return error.code === 'compile-failed' && options.verbose !== true
    ? `${paint(look, 'red', 'hcr:')} ${printableFailure(error).message}`
    : formatFailure(error, look, options.verbose === true);
}

function forksLine(forks: readonly ProcessOutcome[], look: Look): string {
  if (forks.length === 0) return '';
  const failed = forks.flatMap((fork) => ('error' in fork ? [fork] : []));
  const done = forks.length - failed.length;
  const lines = [
    ...(done > 0 ? [`hcr: and ${count(done, 'process')} that it forked`] : []),
    ...failed.map(
      ({ pid, error }) =>
        `${paint(look, 'red', 'hcr:')} not process ${pid}: ${printableFailure(error).message}`,
    ),
  ];
  return lines.map((line) => `\n${line}`).join('');
}

/** undefined for what is not worth a line. */
export function formatWatchEvent(
  event: WatchEvent,
  look: Look,
  options: OutputOptions,
): string | undefined {
  if (event.kind === 'refused' || event.kind === 'failed') return formatFault(event, look, options);
  if (options.quiet === true) return undefined;
  switch (event.kind) {
    case 'watching':
      return `hcr: watching ${count(event.files, 'file')} of ${shortest(event.program)} (process ${event.pid})`;
    case 'patched': {
      const waiting =
        event.waiting.length === 0 ? '' : `\nhcr: not live yet: ${listed(event.waiting)}`;
      return `${formatReloaded(event.report, look)}${forksLine(event.forks, look)}${waiting}`;
    }
    case 'ended':
      return `hcr: process ${event.pid} has ended`;
    case 'changed':
      return options.verbose === true ? `hcr: changed: ${listed(event.files)}` : undefined;
    case 'compiling':
      return options.verbose === true ? `hcr: compiling: ${event.command}` : undefined;
    case 'compiled':
      return options.verbose === true
        ? `hcr: compiled ${shortest(event.source)} in ${formatMs(event.durationMs)}`
        : undefined;
  }
}

export function watchEventJson(event: WatchEvent): object {
  switch (event.kind) {
    case 'patched':
      return {
        event: event.kind,
        ...patchJson(event.report),
        waiting: event.waiting,
        forks: event.forks.map(outcomeJson),
      };
    case 'refused':
    case 'failed':
      return { event: event.kind, ...failureReport(event.error), files: event.files };
    default: {
      const { kind, ...fields } = event;
      return { event: kind, ...fields };
    }
  }
}
