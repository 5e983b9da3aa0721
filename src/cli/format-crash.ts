/** What is said of a crash in new code: where, how it came there, what became of it. */
import type { CrashEvent, CrashReport } from '../app/crash-report.js';
import type { TraceFrame } from '../core/thread-trace.js';
import { describeCrash, describeSettlement } from '../terminal/crash-words.js';
import { type Look, paint } from '../terminal/look.js';

const REGISTERS_PER_LINE = 4;

function frameLine(frame: TraceFrame, n: number): string {
  const { address, function: name, module, source, generation } = frame;
  const where = source ?? module ?? '';
  const which = generation === undefined ? '' : ` [generation ${generation}]`;
  const signal = frame.kind === 'interrupted' ? ' <signal came here>' : '';
  return `  #${String(n).padEnd(3)}${name ?? address}${which}${where === '' ? '' : ` at ${where}`}${signal}`;
}

function registerLines(registers: CrashReport['registers']): string[] {
  const cells = Object.entries(registers).map(
    ([name, value]) => `${name.padEnd(4)} ${value.padEnd(18)}`,
  );
  return Array.from({ length: Math.ceil(cells.length / REGISTERS_PER_LINE) }, (_, row) =>
    `  ${cells.slice(row * REGISTERS_PER_LINE, (row + 1) * REGISTERS_PER_LINE).join(' ')}`.trimEnd(),
  );
}

function crashed(report: CrashReport, look: Look): string {
  const { moreFrames, rolledBack } = report;
  const rest = [
    ...(moreFrames > 0 ? [`  … and ${moreFrames} more`] : []),
    ...(report.end === 'complete' ? [] : ['  … the stack cannot be followed any further']),
  ];
  const back =
    rolledBack.length === 0
      ? []
      : [`hcr: rolled back ${rolledBack.join(', ')}: generation ${report.liveGeneration} is live`];
  return [
    paint(look, 'red', `hcr: ${describeCrash(report)}; the program stands`),
    ...report.frames.map(frameLine),
    ...rest,
    ...registerLines(report.registers),
    ...back,
    ...report.notes.map((note) => `hcr: note: ${note}`),
  ].join('\n');
}

export function formatCrashEvent(event: CrashEvent, look: Look): string {
  switch (event.kind) {
    case 'crashed':
      return crashed(event.report, look);
    case 'awaiting-edit':
      return `hcr: waiting for an edit of ${event.source}`;
    case 'crash-refused':
      return paint(look, 'yellow', `hcr: cannot ${event.choice}: ${event.detail}`);
    case 'crash-unhandled':
      return paint(look, 'red', `hcr: cannot help with the crash: ${event.detail}`);
    case 'crash-settled':
      return `hcr: ${describeSettlement(event)}`;
  }
}

export function crashEventJson({ kind, ...fields }: CrashEvent): object {
  if ('report' in fields) return { event: kind, ...fields.report };
  return { event: kind, ...fields };
}
