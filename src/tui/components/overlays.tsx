/** What lies over the lists for a moment: all keys, a question, a refusal. */
import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { Layout } from '../layout.js';
import { HELP } from '../keymap.js';
import type { Cockpit, Problem } from '../model/state.js';
import { fit, wrap } from '../text.js';
import { Line, type StyleName } from './line.js';

interface TextLine {
  readonly text: string;
  readonly style?: StyleName;
}

export function OverlayBody({
  cockpit,
  layout,
  lines,
}: {
  readonly cockpit: Cockpit;
  readonly layout: Layout;
  readonly lines: number;
}): ReactNode {
  const { overlay, problem, operation } = cockpit;
  const content =
    overlay?.kind === 'help'
      ? helpLines(layout.columns, lines)
      : overlay?.kind === 'confirm-quit'
        ? quitLines(operation?.what ?? '')
        : problem === undefined
          ? []
          : problemLines(problem, layout.columns - 4);
  const shown = content.slice(0, lines);
  return (
    <Box flexDirection="column" height={lines} overflow="hidden">
      {shown.map(({ text, style }, i) => (
        <Line
          key={i}
          columns={layout.columns}
          style={style ?? 'plain'}
          parts={[{ text: `  ${text}` }]}
        />
      ))}
    </Box>
  );
}

/** In as many columns as the screen is too low for one. */
function helpLines(columns: number, lines: number): TextLine[] {
  const entries = HELP.map(({ keys, help }) => `${fit(keys.slice(0, 2).join(' '), 15)} ${help}`);
  const perColumn = Math.max(lines - 2, 1);
  const count = Math.ceil(entries.length / perColumn);
  const width = Math.floor((columns - 4) / count);
  const rows = Array.from({ length: Math.min(perColumn, entries.length) }, (_, i) => ({
    text: Array.from({ length: count }, (__, c) =>
      fit(entries[i + c * perColumn] ?? '', width - 1),
    ).join(' '),
  }));
  return [{ text: 'Keys', style: 'title' }, { text: '' }, ...rows];
}

function quitLines(what: string): TextLine[] {
  return [
    { text: `hcr is in the middle of this: ${what}`, style: 'warning' },
    { text: '' },
    { text: 'Quit all the same? The program survives that, and the next hcr completes the record' },
    { text: 'or takes back what was half done.' },
  ];
}

/** Compilers' messages keep their lines, with the source line and the caret below it. */
function problemLines({ failure, message, hint, row }: Problem, columns: number): TextLine[] {
  const diagnostics = failure.code === 'compile-failed' ? failure.diagnostics : '';
  return [
    {
      text: row === undefined ? `Refused: ${failure.code}` : `${row.name}: ${failure.code}`,
      style: 'bad',
    },
    { text: '' },
    ...wrap(message, columns).map((text) => ({ text })),
    ...(diagnostics === '' || message.includes(diagnostics)
      ? []
      : wrap(diagnostics, columns).map((text) => ({ text }))),
    { text: '' },
    ...wrap(hint, columns).map((text) => ({ text, style: 'accent' as const })),
  ];
}
