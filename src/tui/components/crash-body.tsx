/** New code has crashed and the program stands: where, how it came there, and what can be done. */
import type { ReactNode } from 'react';
import { CRASH_CHOICES, type CrashChoice, type CrashReport } from '../../app/crash-report.js';
import { codeOf } from '../../terminal/quantity.js';
import { describeChoice, describeCrash } from '../../terminal/crash-words.js';
import { CRASH_BINDINGS } from '../keymap.js';
import type { Pane } from '../layout.js';
import type { Crash } from '../model/state.js';
import { fit, wrap } from '../text.js';
import { type Part, paragraph } from './line.js';
import { TitledLines } from './titled-lines.js';

/** `rax 0x7fffffffffff`, and a gap. */
const REGISTER_COLUMNS = 26;
/** Of the backtrace, where there is no room for all. */
const LEAST_FRAMES = 3;

type Lines = readonly (readonly Part[])[];

export function CrashBody({
  crash,
  value,
  pane,
}: {
  readonly crash: Crash;
  /** What is to be returned, while it is typed. */
  readonly value: string | undefined;
  readonly pane: Pane;
}): ReactNode {
  const { columns } = pane;
  const { report } = crash;
  const head: Lines = [
    ...paragraph(describeCrash(report), columns, 'title'),
    [{ text: `  ${liveNow(report)}`, style: 'warning' }],
  ];
  const choices = choiceLines(crash, value, columns);
  const room = pane.lines - 1 - head.length - choices.length - 2;
  const frames = frameLines(report, Math.max(Math.ceil(room / 2), LEAST_FRAMES));
  const registers = registerLines(report, columns).slice(0, Math.max(room - frames.length, 0));
  const lines: Lines = [...head, ...frames, [], ...choices, [], ...registers];
  return (
    <TitledLines
      pane={pane}
      title={[{ text: ` ${report.function} has crashed and the program stands `, style: 'alarm' }]}
      lines={lines}
    />
  );
}

function liveNow({ rolledBack, liveGeneration }: CrashReport): string {
  const live = codeOf(liveGeneration);
  return rolledBack.length === 0
    ? `Not rolled back: ${live} is live.`
    : `Rolled back: ${live} is live.`;
}

function frameLines({ frames, moreFrames, end }: CrashReport, most: number): Lines {
  const shown = frames
    .slice(0, most)
    .map((frame, i): Part[] => [
      { text: `  #${i} `, style: 'dim' },
      { text: frame.function ?? frame.address },
      { text: frame.generation === undefined ? '' : ` g${frame.generation}`, style: 'accent' },
      { text: `  ${frame.source ?? frame.module ?? ''}`, style: 'dim' },
    ]);
  const more = frames.length - shown.length + moreFrames;
  if (more > 0) return [...shown, [{ text: `  … and ${more} more`, style: 'dim' }]];
  return end === 'complete'
    ? shown
    : [...shown, [{ text: '  … the stack cannot be followed any further', style: 'dim' }]];
}

function choiceLines(
  { report, step, refusal }: Crash,
  value: string | undefined,
  columns: number,
): Lines {
  if (step === 'answered') return [[{ text: '  …', style: 'warning' }]];
  if (step === 'awaiting-edit')
    return [
      [{ text: '  Waiting for your edit: save it, and the call is made again.', style: 'warning' }],
    ];
  if (value !== undefined)
    return [
      [
        { text: `  ${report.function} returns: `, style: 'accent' },
        { text: value, style: 'title' },
        { text: '_', style: 'accent' },
      ],
      ...problem(refusal, columns),
    ];
  return [
    ...CRASH_CHOICES.flatMap((choice) => choiceLine(choice, report, columns)),
    ...problem(refusal, columns),
  ];
}

function choiceLine(choice: CrashChoice, report: CrashReport, columns: number): Lines {
  const [key = ''] =
    CRASH_BINDINGS.find(({ command }) => command === `crash-${choice}`)?.keys ?? [];
  const isPossible = report.impossible[choice] === undefined;
  const style = isPossible ? 'plain' : 'dim';
  const [first = '', ...rest] = wrap(describeChoice(choice, report), columns - 18);
  return [
    [
      { text: `  ${key}`, style: isPossible ? 'key' : 'dim' },
      { text: `  ${fit(choice, 10)} ${first}`, style },
    ],
    ...rest.map((text): Part[] => [{ text: `${' '.repeat(16)}${text}`, style }]),
  ];
}

function problem(refusal: string | undefined, columns: number): Lines {
  return refusal === undefined ? [] : paragraph(refusal, columns, 'bad');
}

function registerLines({ registers }: CrashReport, columns: number): Lines {
  const cells = Object.entries(registers).map(([name, value]) =>
    fit(`${fit(name, 4)} ${value}`, REGISTER_COLUMNS),
  );
  const perLine = Math.max(Math.floor((columns - 2) / REGISTER_COLUMNS), 1);
  return Array.from({ length: Math.ceil(cells.length / perLine) }, (_, row) => [
    {
      text: `  ${cells.slice(row * perLine, (row + 1) * perLine).join('')}`,
      style: 'dim' as const,
    },
  ]);
}
