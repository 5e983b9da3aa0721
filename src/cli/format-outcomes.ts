/** The outcome of a reload of several processes: a line for each, and what was patched once. */
import { hasEffect } from '../app/patch-effect.js';
import type { ProcessOutcome } from '../app/reload-many.js';
import { formatFunctionTable, formatNotes } from './format-patch.js';
import { outcomeJson } from './json-report.js';
import { type Look, paint } from '../terminal/look.js';
import { printableFailure } from '../terminal/printable.js';
import { count, formatMicros } from '../terminal/quantity.js';

export function formatOutcomes(outcomes: readonly ProcessOutcome[], look: Look): string {
  const reports = outcomes.flatMap((each) => ('report' in each ? [each.report] : []));
  const [first] = reports.filter(hasEffect);
  const refused = outcomes.length - reports.length;
  const patched = reports.filter(hasEffect).length;
  const headline = `${count(patched, 'process')} patched, ${reports.length - patched} as they should be, ${refused} refused.`;
  return [
    paint(look, 'bold', headline),
    ...outcomes.flatMap((outcome) => formatOutcome(outcome, look)),
    // The same sources give the same functions; where they lie differs.
    ...(first === undefined ? [] : formatFunctionTable(first.functions, look)),
    ...formatNotes([...new Set(reports.flatMap(({ notes }) => notes))], look),
  ].join('\n');
}

function formatOutcome(outcome: ProcessOutcome, look: Look): string[] {
  if ('error' in outcome) {
    const { pid } = outcome;
    const error = printableFailure(outcome.error);
    return [
      `  ${pid}: ${paint(look, 'red', error.message)}`,
      `  ${paint(look, 'cyan', 'hint:')} ${error.hint}`,
    ];
  }
  const { pid, functions, generation, pauseMicros, dryRun } = outcome.report;
  if (!hasEffect(outcome.report)) return [`  ${pid}: nothing to do; generation ${generation}`];
  const what = count(functions.length, 'function');
  return [
    dryRun
      ? `  ${pid}: would patch ${what}`
      : `  ${pid}: ${what}; generation ${generation} is live; stood still for ${formatMicros(pauseMicros, look)}`,
  ];
}

export function outcomesJson(outcomes: readonly ProcessOutcome[]): object {
  return {
    ok: outcomes.every((outcome) => 'report' in outcome),
    processes: outcomes.map(outcomeJson),
  };
}
