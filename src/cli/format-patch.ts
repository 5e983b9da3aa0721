/** The outcome of attach, reload and rollback for people. */
import type {
  HookNames,
  DataReport,
  PatchedFunction,
  PatchReport,
  ReportedDatum,
  Timings,
} from '../app/report.js';
import { hasEffect, resetNames } from '../app/patch-effect.js';
import { formatDiff } from './format-diff.js';
import { arrow, type Look, paint } from '../terminal/look.js';
import { count, formatMicros, formatMs } from '../terminal/quantity.js';
import { layOutTable } from './table.js';

const WHY: { readonly [R in PatchedFunction['reason']]: string } = {
  requested: '',
  clone: 'compiler-made clone',
  inlined: 'holds an inlined copy',
  changed: 'changed',
  'rolled-back': '',
};

function functionRow(patched: PatchedFunction, look: Look): string[] {
  const target = patched.body === patched.entry ? 'original code' : patched.body;
  return [
    patched.label ?? patched.name,
    patched.source ?? '',
    `${patched.entry} ${arrow(look)} ${target}`,
    patched.why ?? WHY[patched.reason],
  ];
}

/** One indented line each. Addresses come last and are never cut off. */
export function formatFunctionTable(functions: readonly PatchedFunction[], look: Look): string[] {
  const rows = functions.map((patched) => functionRow(patched, look));
  return layOutTable(rows, { ...look, width: undefined }, '  ');
}

function headline(report: PatchReport, verb: 'patch' | 'rollback'): string {
  const { pid, generation } = report;
  const reset = resetNames(report).length;
  const functions =
    report.functions.length === 0 && reset > 0
      ? count(reset, 'variable')
      : count(report.functions.length, 'function');
  if (!hasEffect(report)) {
    // A generation may have changed data only, which keeps what it holds.
    return verb === 'rollback' && report.pauseMicros > 0
      ? `Generation ${generation} of process ${pid} is live; no function differs.`
      : `Nothing to do: process ${pid} stays at generation ${generation}.`;
  }
  if (report.dryRun) {
    const doing = verb === 'patch' ? 'patch' : 'roll back';
    return `Would ${doing} ${functions} in process ${pid}; nothing was changed.`;
  }
  return verb === 'patch'
    ? `Patched ${functions} in process ${pid}; generation ${generation} is live.`
    : `Rolled back ${functions} in process ${pid}; generation ${generation} is live.`;
}

function formatTimings({ total, ...stages }: Timings): string {
  const parts = Object.entries(stages).flatMap(([stage, ms]) =>
    typeof ms === 'number' ? [`${stage} ${formatMs(ms)}`] : [],
  );
  return `${formatMs(total)} in all${parts.length === 0 ? '' : ` (${parts.join(', ')})`}`;
}

/** More names than a line should have. */
const MAX_NAMES = 8;

function formatData({ kept, new: brought, reset, removed }: DataReport): string[] {
  const line = (lead: string, data: readonly ReportedDatum[]): string[] => {
    if (data.length === 0) return [];
    const names = data
      .slice(0, MAX_NAMES)
      .map(({ name, function: owner }) => (owner === undefined ? name : `${name} (in ${owner})`));
    const more = data.length - names.length;
    return [`  ${lead} ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`];
  };
  return [
    ...line('kept data:   ', kept),
    ...line('new data:    ', brought),
    ...line('reset data:  ', reset),
    ...line('removed data:', removed),
  ];
}

function formatHooks({ before, after }: HookNames): string[] {
  const line = (lead: string, names: readonly string[]): string[] =>
    names.length === 0 ? [] : [`  ${lead} ${names.join(', ')}`];
  return [...line('called before:', before), ...line('called after: ', after)];
}

export function formatNotes(notes: readonly string[], look: Look): string[] {
  return notes.map((note) => `${paint(look, 'yellow', 'note:')} ${note}`);
}

export function formatPatch(report: PatchReport, verb: 'patch' | 'rollback', look: Look): string {
  const changed = hasEffect(report);
  const stood =
    report.pauseMicros > 0
      ? `It stood still for ${formatMicros(report.pauseMicros, look)}`
      : 'It was not stopped';
  return [
    paint(look, changed ? ['bold', 'green'] : 'bold', headline(report, verb)),
    ...formatFunctionTable(report.functions, look),
    ...report.functions.flatMap(({ name, label, diff }) =>
      diff === undefined
        ? []
        : [paint(look, 'bold', `  ${label ?? name}:`), ...formatDiff(diff, look)],
    ),
    ...(report.data === undefined ? [] : formatData(report.data)),
    ...(report.hooks === undefined ? [] : formatHooks(report.hooks)),
    paint(look, 'dim', `${stood}; ${formatTimings(report.timingsMs)}.`),
    ...formatNotes(report.notes, look),
  ].join('\n');
}
