/** The list of functions: what they are called, where they are, how they are. */
import { Box } from 'ink';
import { basename } from 'node:path';
import type { ReactNode } from 'react';
import { type Pane, windowTop } from '../layout.js';
import type { FunctionRow } from '../model/function-row.js';
import type { Cockpit, Mark } from '../model/state.js';
import { fit, fitEnd } from '../text.js';
import { type StyleName, type Theme, useTheme } from '../theme.js';
import { Line, type Part } from './line.js';

export function FunctionList({
  cockpit,
  pane,
}: {
  readonly cockpit: Cockpit;
  readonly pane: Pane;
}): ReactNode {
  const { rows, visible, cursor, marks } = cockpit;
  const widths = columnWidths(pane.columns);
  const top = windowTop(cursor.functions, visible.length, pane.lines);
  const shown = visible.slice(top, top + pane.lines);
  return (
    <Box flexDirection="column" width={pane.columns} height={pane.lines + 1}>
      <Line
        columns={pane.columns}
        style="dim"
        parts={[{ text: cells('  NAME', 'SOURCE', 'MODULE', widths) }, { text: '  STATE' }]}
      />
      {shown.length === 0 ? (
        <Line columns={pane.columns} style="dim" parts={[{ text: nothing(cockpit) }]} />
      ) : (
        shown.map((index, i) => {
          const row = rows[index];
          if (row === undefined) return null;
          return (
            <Row
              key={row.key}
              row={row}
              mark={marks.get(row.key)}
              widths={widths}
              isSelected={top + i === cursor.functions}
              columns={pane.columns}
            />
          );
        })
      )}
    </Box>
  );
}

interface Widths {
  readonly name: number;
  readonly source: number;
  readonly module: number;
  readonly state: number;
}

/** Narrow screens go without the module. */
function columnWidths(columns: number): Widths {
  const isRoomy = columns >= 84;
  const state = 19;
  const module = columns < 72 ? 0 : isRoomy ? 14 : 11;
  const source = isRoomy ? 20 : 18;
  return { name: columns - state - module - source, source, module, state };
}

/** All but the state, which has a colour of its own. */
function cells(name: string, source: string, module: string, widths: Widths): string {
  const inModule = widths.module === 0 ? '' : `${fit(module, widths.module - 1)} `;
  return `${fit(name, widths.name - 1)} ${fitEnd(source, widths.source - 1)} ${inModule}`;
}

function Row({
  row,
  mark,
  widths,
  isSelected,
  columns,
}: {
  readonly row: FunctionRow;
  readonly mark: Mark | undefined;
  readonly widths: Widths;
  readonly isSelected: boolean;
  readonly columns: number;
}): ReactNode {
  const { name, file, line, module } = row;
  const place =
    file === undefined ? '' : `${basename(file)}${line === undefined ? '' : `:${line}`}`;
  const state = stateOf(row, mark, useTheme());
  const parts: Part[] = [
    { text: cells(`${isSelected ? '>' : ' '} ${name}`, place, module, widths) },
    { text: state.text, style: isSelected ? 'selected' : state.style },
  ];
  return <Line columns={columns} style={isSelected ? 'selected' : 'plain'} parts={parts} />;
}

/** The most pressing of what is to say. */
function stateOf(
  { listing }: FunctionRow,
  mark: Mark | undefined,
  theme: Theme,
): { readonly text: string; readonly style: StyleName } {
  if (mark?.kind === 'refused')
    return { text: `${theme.refused} refused: ${mark.why}`, style: 'bad' };
  if (mark?.kind === 'changed')
    return { text: `${theme.changed} changed on disk`, style: 'warning' };
  if (listing.state === 'patched')
    return { text: `${theme.dot} patched g${listing.generation}`, style: 'good' };
  const { length } = listing.inlinedIn;
  if (length > 0) return { text: `${theme.inlined} inlined in ${length}`, style: 'dim' };
  return { text: '  original', style: 'dim' };
}

function nothing({ isListing, query, filter }: Cockpit): string {
  if (isListing) return '  Reading symbols and debug information…';
  if (query !== '') return `  No function is called anything like ${query}.`;
  if (filter === 'changed') return '  Every function runs as its source has it.';
  if (filter === 'patched') return '  All functions run their original code.';
  return '  No function to show.';
}
