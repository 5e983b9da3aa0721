/** What is said of a crash in new code: where, how it came there, what became of it. */
import type { CrashEvent, CrashReport } from '../app/crash-report.js';
import type { TraceFrame } from '../core/thread-trace.js';
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
  const { signal, faultAddress, tid, source, generation, moreFrames, rolledBack } = report;
  const address = faultAddress === undefined ? '' : `, address ${faultAddress}`;
  const where = source === undefined ? '' : ` at ${source}`;
  const what = `${report.function} (generation ${generation})${where}`;
  const rest = [
    ...(moreFrames > 0 ? [`  … and ${moreFrames} more`] : []),
    ...(report.end === 'complete' ? [] : ['  … the stack cannot be followed any further']),
  ];
  const back =
    rolledBack.length === 0
      ? []
      : [`hcr: rolled back ${rolledBack.join(', ')}: generation ${report.liveGeneration} is live`];
  return [
    paint(look, 'red', `hcr: ${signal}${address} in ${what}, thread ${tid}; the program stands`),
    ...report.frames.map(frameLine),
    ...rest,
    ...registerLines(report.registers),
    ...back,
    ...report.notes.map((note) => `hcr: note: ${note}`),
  ].join('\n');
}

function settled(event: Extract<CrashEvent, { kind: 'crash-settled' }>): string {
  switch (event.choice) {
    case 'return':
      return `hcr: returned to the caller${event.value === undefined ? '' : ` with ${event.value}`}; the program goes on`;
    case 'previous':
      return 'hcr: called again as it was before; the program goes on';
    case 'retry':
      return 'hcr: called again with your edit; the program goes on';
    case 'debugger':
      return `hcr: the program is stopped at the fault; attach with: ${event.command ?? ''}`;
    case 'crash':
      return 'hcr: it crashes as it would without hcr';
  }
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
      return settled(event);
  }
}

export function crashEventJson({ kind, ...fields }: CrashEvent): object {
  if ('report' in fields) return { event: kind, ...fields.report };
  return { event: kind, ...fields };
}
