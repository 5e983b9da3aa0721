/** What hcr did to a process, for people. */
import type { GenerationStatus, StatusReport } from '../app/report.js';
import { formatFunctionTable, formatNotes } from './format-patch.js';
import { type Look, paint } from '../terminal/look.js';
import { count, formatBytes } from '../terminal/quantity.js';
import { layOutTable } from './table.js';

const HEADER = ['GENERATION', 'STATE', 'PUBLISHED', 'PARENT', 'SIZE', 'FUNCTIONS'];

function localTime(iso: string): string {
  const time = new Date(iso);
  // sv-SE writes dates as ISO 8601 does, in local time.
  return Number.isNaN(time.getTime()) ? iso : time.toLocaleString('sv-SE');
}

function generationRow(status: GenerationStatus): string[] {
  return [
    String(status.generation),
    status.state,
    localTime(status.publishedAt),
    String(status.parent),
    formatBytes(status.bytes),
    status.functions.map(({ name }) => name).join(', '),
  ];
}

function section(title: string, lines: readonly string[], look: Look): string[] {
  return lines.length === 0 ? [] : ['', paint(look, 'bold', title), ...lines];
}

export function formatStatus(report: StatusReport, look: Look): string {
  const { program, pid, generation, generations, memory } = report;
  const head = `${program} (process ${pid}, ${count(report.threads, 'thread')}): generation ${generation}`;
  const rows = generations.length === 0 ? [] : [HEADER, ...generations.map(generationRow)];
  const busy = report.busyThreads.map(
    (thread) =>
      `  thread ${thread.tid} (${thread.name}) in ${thread.function}, generation ${thread.generation}`,
  );
  const hooks = (['before', 'after'] as const).flatMap((when) => {
    const names = report.hooks?.[when] ?? [];
    return names.length === 0 ? [] : [`  ${when} a change: ${names.join(', ')}`];
  });
  const untouched = generations.length === 0 && memory.reservedBytes === 0;
  return [
    paint(look, 'bold', head),
    ...(untouched ? ['It runs the code it was started with; hcr has nothing in it.'] : []),
    ...section('Generations', layOutTable(rows, look, '  '), look),
    ...section(
      'Functions not running their original code',
      formatFunctionTable(report.functions, look),
      look,
    ),
    ...section('Threads in patched functions', busy, look),
    ...section('Hooks of the program', hooks, look),
    ...(untouched
      ? []
      : [
          '',
          `Memory: ${formatBytes(memory.usedBytes)} used of ${formatBytes(memory.reservedBytes)} reserved.`,
        ]),
    ...formatNotes(report.notes, look),
  ].join('\n');
}
