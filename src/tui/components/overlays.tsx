/** What lies over the lists for a moment: all keys, a question, a refusal. */
import type { ReactNode } from 'react';
import { HELP } from '../keymap.js';
import type { Pane } from '../layout.js';
import type { Cockpit, Problem } from '../model/state.js';
import { fit } from '../text.js';
import { type Part, paragraph } from './line.js';
import { TitledLines } from './titled-lines.js';

interface Content {
  readonly title: Part;
  readonly lines: readonly Part[][];
}

export function OverlayBody({
  cockpit,
  pane,
}: {
  readonly cockpit: Cockpit;
  readonly pane: Pane;
}): ReactNode {
  const { title, lines } = contentOf(cockpit, pane);
  return <TitledLines pane={pane} title={[title]} lines={lines} />;
}

function contentOf(cockpit: Cockpit, pane: Pane): Content {
  const { overlay, problem } = cockpit;
  if (overlay?.kind === 'help') return help(pane);
  if (overlay?.kind === 'confirm-quit') return quitting(cockpit, pane.columns);
  return problem === undefined
    ? { title: { text: '' }, lines: [] }
    : refusal(problem, pane.columns);
}

/** In as many columns as the screen is too low for one. */
function help({ columns, lines }: Pane): Content {
  const perColumn = Math.max(lines - 1, 1);
  const columnCount = Math.ceil(HELP.length / perColumn);
  const width = Math.floor(columns / columnCount);
  const keyColumns = columnCount > 1 && columns < 100 ? 11 : 16;
  const cell = (index: number): Part[] => {
    const binding = HELP[index];
    if (binding === undefined) return [{ text: ' '.repeat(width) }];
    const keys = binding.keys.slice(0, 2).join(' ');
    return [
      { text: `  ${fit(keys, keyColumns)} `, style: 'key' },
      { text: fit(binding.help, width - keyColumns - 3) },
    ];
  };
  return {
    title: { text: 'keys', style: 'accent' },
    lines: Array.from({ length: Math.min(perColumn, HELP.length) }, (_, i) =>
      Array.from({ length: columnCount }, (__, c) => cell(i + c * perColumn)).flat(),
    ),
  };
}

function quitting({ operation, crash, activity }: Cockpit, columns: number): Content {
  const text =
    crash === undefined
      ? `hcr is in the middle of this: ${operation?.what ?? activity ?? ''}. Quit all the same? The program survives that: hcr finishes what it is at if that takes a moment; else the next hcr completes the record or takes back what was half done.`
      : `${crash.report.function} has crashed, and the program stands at ${crash.report.signal}. When hcr quits, the signal is delivered, as it would have been without hcr.`;
  return {
    title: { text: 'quit?', style: 'warning' },
    lines: paragraph(text, columns),
  };
}

/** Compilers' messages keep their lines, with the source line and the caret below it. */
function refusal({ failure, message, hint, row }: Problem, columns: number): Content {
  const diagnostics = failure.code === 'compile-failed' ? failure.diagnostics : '';
  const said = [message, ...(message.includes(diagnostics) ? [] : [diagnostics])];
  return {
    title: {
      text: row === undefined ? `refused: ${failure.code}` : `${row.name}: ${failure.code}`,
      style: 'bad',
    },
    lines: [
      ...said.flatMap((text) => paragraph(text, columns)),
      [],
      ...paragraph(hint, columns, 'accent'),
    ],
  };
}
