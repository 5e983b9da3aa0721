/** The list of functions: what they are called, where they are, how they are. */
import { Box } from 'ink';
import { basename } from 'node:path';
import type { ReactNode } from 'react';
import { type Pane, windowTop } from '../layout.js';
import type { FunctionRow } from '../model/function-row.js';
import type { Cockpit, Mark } from '../model/state.js';
import { fit, fitEnd } from '../text.js';
import { Line, type Part, type StyleName } from './line.js';

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
  const empty = pane.lines - Math.max(shown.length, 1);
  return (
    <Box flexDirection="column" width={pane.columns}>
      <Line
        columns={pane.columns}
        style="dim"
        parts={[{ text: cells('  NAME', 'SOURCE', 'MODULE', widths) }, { text: 'STATE' }]}
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
      <Box height={empty} />
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
  const state = columns >= 100 ? 24 : 18;
  const module = columns >= 76 ? 12 : 0;
  const source = columns >= 100 ? 24 : 18;
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
  const state = stateOf(row, mark);
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
): { readonly text: string; readonly style: StyleName } {
  if (mark?.kind === 'refused') return { text: `refused: ${mark.why}`, style: 'bad' };
  if (mark?.kind === 'changed') return { text: 'changed on disk', style: 'warning' };
  if (listing.state === 'patched') return { text: `patched g${listing.generation}`, style: 'good' };
  const { length } = listing.inlinedIn;
  if (length > 0) return { text: `inlined in ${length}`, style: 'dim' };
  return { text: 'original', style: 'dim' };
}

function nothing({ isListing, query, filter }: Cockpit): string {
  if (isListing) return '  Reading symbols and debug information…';
  if (query !== '') return `  No function is called anything like ${query}.`;
  if (filter === 'changed') return '  Every function runs as its source has it.';
  if (filter === 'patched') return '  All functions run their original code.';
  return '  No function to show.';
}
