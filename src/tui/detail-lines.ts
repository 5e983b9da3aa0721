/** The lines of each tab of the detail. */
import type { SourceRow } from './engine/source-texts.js';
import { type Part, paragraph } from './components/line.js';
import { type Diagnostic, diagnosticsFor } from './model/diagnostics.js';
import type { FunctionRow } from './model/function-row.js';
import { type Cockpit, selectedRow } from './model/state.js';
import { fit, wrap } from './text.js';
import { clock, formatMicros } from '../terminal/quantity.js';

/** Old and new side by side need this much. */
const SIDE_BY_SIDE_COLUMNS = 110;

type Lines = readonly Part[][];

const EDITED_BEFORE =
  'The file as it is now. It was edited before hcr came: the code tab shows what runs.';

const say = (text: string): Lines => [[{ text: `  ${text}`, style: 'dim' }]];

export function sourceLines(cockpit: Cockpit, columns: number): Lines {
  const row = selectedRow(cockpit);
  if (row === undefined) return [];
  if (row.file === undefined) return say('Its source is not known: there is no debug information.');
  const inspection = cockpit.details.get(row.key);
  if (inspection === undefined) return say('…');
  const { source, failure } = inspection;
  if (failure !== undefined) return paragraph(failure, columns, 'dim');
  if (source === undefined) return say(`${row.file} is not here.`);
  const isEdited = source.rows.some(({ op }) => op !== 'same');
  const lead =
    !source.isLiveKnown && cockpit.marks.has(row.key)
      ? paragraph(EDITED_BEFORE, columns, 'dim')
      : [];
  const isWide = isEdited && columns >= SIDE_BY_SIDE_COLUMNS;
  const said = diagnosticsOf(cockpit, row.file);
  return [
    ...lead,
    ...source.rows.flatMap(
      (each): Lines => [
        ...diffParts(each, columns, isWide),
        ...said.filter(({ line }) => line === each.line).flatMap((one) => inPlace(one, columns)),
      ],
    ),
  ];
}

function diagnosticsOf({ problem }: Cockpit, file: string): readonly Diagnostic[] {
  return problem?.failure.code === 'compile-failed'
    ? diagnosticsFor(file, problem.failure.diagnostics)
    : [];
}

/** Under the line that the compiler means. */
function inPlace({ severity, text }: Diagnostic, columns: number): Lines {
  const style = severity === 'error' ? 'bad' : 'warning';
  return wrap(`${severity}: ${text}`, columns - 10).map((line) => [
    { text: `      > ${line}`, style },
  ]);
}

export function codeLines(cockpit: Cockpit, columns: number): Lines {
  const row = selectedRow(cockpit);
  if (row === undefined) return [];
  const mark = cockpit.marks.get(row.key);
  if (mark?.kind === 'changed' && mark.diff.length > 0) {
    const isWide = columns >= SIDE_BY_SIDE_COLUMNS;
    const lead = say('What runs, and what the edited source makes:');
    return [...lead, ...mark.diff.flatMap((each) => diffParts(each, columns, isWide))];
  }
  const inspection = cockpit.details.get(row.key);
  if (inspection === undefined) return say('…');
  if (inspection.code.length === 0) return say(withoutBody(row));
  return inspection.code.map((text) => [{ text: `  ${text}` }]);
}

function withoutBody({ listing }: FunctionRow): string {
  const { inlinedIn } = listing;
  return inlinedIn.length === 0
    ? 'Its code cannot be read.'
    : `It has no body of its own: it is inlined in ${inlinedIn.join(', ')}.`;
}

type Comparable = Pick<SourceRow, 'op' | 'old' | 'new'> & { readonly line?: number };

/** One line side by side, or the old one above the new one. */
function diffParts(
  { op, line, old, new: now }: Comparable,
  columns: number,
  isWide: boolean,
): Lines {
  const gutter = line === undefined ? '      ' : `${fit(String(line), 5, 'right')} `;
  const half = Math.floor(columns / 2) - 1;
  if (op === 'same')
    return isWide
      ? [[{ text: fit(`${gutter}${old}`, half) }, { text: `  ${now}` }]]
      : [[{ text: `${gutter}  ${now}` }]];
  if (isWide)
    return [
      [
        { text: fit(`${gutter}${op === 'added' ? '' : old}`, half), style: 'removed' },
        { text: op === 'removed' ? '  ' : `+ ${now}`, style: 'added' },
      ],
    ];
  const removed: Part[][] = op === 'added' ? [] : [[{ text: `      - ${old}`, style: 'removed' }]];
  const added: Part[][] = op === 'removed' ? [] : [[{ text: `${gutter}+ ${now}`, style: 'added' }]];
  return [...removed, ...added];
}

export function threadLines(cockpit: Cockpit): Lines {
  const row = selectedRow(cockpit);
  const inspection = row && cockpit.details.get(row.key);
  if (inspection === undefined) return say('…');
  const { threads } = inspection;
  if (threads.length === 0)
    return say('No thread waits in it. Running threads are not shown: nothing is stopped to look.');
  return threads.flatMap(({ tid, name, frames, end }): Part[][] => [
    [{ text: `  thread ${tid} `, style: 'title' }, { text: name }],
    ...frames.map((frame, i): Part[] => [
      { text: `    #${i} `, style: 'dim' },
      { text: frame.function ?? frame.address },
      {
        text: `  ${frame.source ?? frame.module ?? ''}${frame.generation === undefined ? '' : `  g${frame.generation}`}`,
        style: 'dim',
      },
    ]),
    ...(end === 'complete'
      ? []
      : [[{ text: '    its callers are known only while it stands', style: 'dim' as const }]]),
  ]);
}

export function historyLines(cockpit: Cockpit, unicode: boolean): Lines {
  const row = selectedRow(cockpit);
  const { status, pauses } = cockpit;
  if (row === undefined || status === undefined) return [];
  const changed = status.generations
    .filter(({ functions }) => functions.some(({ entry }) => entry === row.listing.entry))
    .toReversed();
  const original: Part[] = [{ text: '  g0   the original code', style: 'dim' }];
  return [
    ...changed.map(({ generation, publishedAt, functions, state }): Part[] => {
      const body = functions.find(({ entry }) => entry === row.listing.entry)?.body ?? '';
      const pause = pauses.get(generation);
      return [
        { text: `  g${fit(String(generation), 4)}`, style: state === 'live' ? 'good' : 'plain' },
        { text: `${clock(Date.parse(publishedAt))}  ${fit(state, 8)}${body}` },
        {
          text: pause === undefined ? '' : `  paused ${formatMicros(pause, { unicode })}`,
          style: 'dim',
        },
      ];
    }),
    original,
  ];
}
