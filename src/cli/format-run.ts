/** What `hcr run` says while the program runs: one short line per reload, or one JSON object. */
import type { PatchReport, RunEvent } from '../app/report.js';
import { hasEffect, resetNames } from '../app/patch-effect.js';
import { crashEventJson, formatCrashEvent } from './format-crash.js';
import { failureReport, formatFailure } from './failure-output.js';
import { patchJson } from './json-report.js';
import { type Look, paint } from '../terminal/look.js';
import { formatMicros } from '../terminal/quantity.js';
import type { OutputOptions } from './terminal.js';

const MAX_NAMES = 5;

function reloadedLine(report: PatchReport, look: Look): string {
  const functions = report.functions.filter(({ reason }) => reason !== 'clone');
  const names = [...functions.map(({ name }) => name), ...resetNames(report)];
  if (!hasEffect(report)) return 'hcr: nothing changed: the running code is this already';
  const shown = names.slice(0, MAX_NAMES).join(', ');
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  const what = `${shown}${more}`;
  if (report.dryRun) return `hcr: would reload ${what}`;
  const line = `hcr: reloaded ${what} (generation ${report.generation}, stood still ${formatMicros(report.pauseMicros, look)})`;
  return paint(look, 'green', line);
}

/** A short line, and one more for each note. */
export function formatReloaded(report: PatchReport, look: Look): string {
  return [reloadedLine(report, look), ...report.notes.map((note) => `hcr: note: ${note}`)].join(
    '\n',
  );
}

/** undefined for what is not worth a line. */
export function formatRunEvent(
  event: RunEvent,
  look: Look,
  options: OutputOptions,
): string | undefined {
  switch (event.kind) {
    case 'started':
      return options.verbose === true ? `hcr: started process ${event.pid}` : undefined;
    case 'reloading':
      return options.verbose === true ? 'hcr: reloading' : undefined;
    case 'reloaded':
      return options.quiet === true ? undefined : formatReloaded(event.report, look);
    case 'refused':
      return formatFailure(event.error, look, options.verbose === true);
    case 'exited':
      return options.verbose === true
        ? `hcr: the program ended ${event.signal === null ? `with code ${event.code}` : `by ${event.signal}`}`
        : undefined;
    default:
      return formatCrashEvent(event, look);
  }
}

export function runEventJson(event: RunEvent): object {
  switch (event.kind) {
    case 'reloaded':
      return { event: event.kind, ...patchJson(event.report) };
    case 'refused':
      return { event: event.kind, ...failureReport(event.error) };
    case 'started':
    case 'reloading':
    case 'exited': {
      const { kind, ...fields } = event;
      return { event: kind, ...fields };
    }
    default:
      return crashEventJson(event);
  }
}
