/** What `hcr doctor` found, one condition a line. */
import type { Condition, DoctorReport } from '../app/report.js';
import { type Look, paint } from '../terminal/look.js';

const MARKS = {
  ok: { unicode: '✓', ascii: 'ok', colour: 'green' },
  warning: { unicode: '!', ascii: '!!', colour: 'yellow' },
  failed: { unicode: '✗', ascii: 'NO', colour: 'red' },
} as const;

function formatCondition(condition: Condition, look: Look): string[] {
  const mark = MARKS[condition.state];
  const sign = look.unicode ? mark.unicode : mark.ascii;
  const hint = condition.state === 'ok' ? undefined : condition.hint;
  return [
    `${paint(look, mark.colour, sign)} ${condition.name}: ${condition.detail}`,
    ...(hint === undefined ? [] : [`${' '.repeat(sign.length)} hint: ${hint}`]),
  ];
}

function verdict(report: DoctorReport): string {
  const what = report.pid === undefined ? 'This machine' : `Process ${report.pid}`;
  if (report.pid === undefined)
    return report.patchable ? `${what} is ready.` : `${what} is not ready.`;
  return report.patchable ? `${what} can be patched.` : `${what} cannot be patched.`;
}

export function formatDoctor(report: DoctorReport, look: Look): string {
  return [
    ...report.conditions.flatMap((condition) => formatCondition(condition, look)),
    '',
    paint(look, ['bold', report.patchable ? 'green' : 'red'], verdict(report)),
  ].join('\n');
}
