/** What there is to see of the selected function, a tab at a time. */
import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { Pane } from '../layout.js';
import { type Cockpit, TABS, selectedRow } from '../model/state.js';
import { codeLines, historyLines, sourceLines, threadLines } from '../detail-lines.js';
import { useTheme } from '../theme.js';
import { Line, type Part } from './line.js';

export function Detail({
  cockpit,
  pane,
}: {
  readonly cockpit: Cockpit;
  readonly pane: Pane;
}): ReactNode {
  const { unicode } = useTheme();
  const { tab } = cockpit;
  const row = selectedRow(cockpit);
  const all = row === undefined ? [] : linesOf(cockpit, pane.columns, unicode);
  const top = Math.min(cockpit.detailTop, Math.max(all.length - pane.lines, 0));
  const shown = all.slice(top, top + pane.lines);
  const more = all.length - top - shown.length;
  const tabs = TABS.flatMap((name): Part[] => [
    { text: ` ${name} `, style: name === tab ? 'selected' : 'dim' },
    { text: ' ' },
  ]);
  const name = row === undefined ? '' : row.name;
  const rest = more > 0 ? `${name}   ${more} more lines, J` : name;
  return (
    <Box flexDirection="column" width={pane.columns}>
      <Line columns={pane.columns} parts={[...tabs, { text: ` ${rest}`, style: 'dim' }]} />
      {shown.map((parts, i) => (
        <Line key={i} columns={pane.columns} parts={parts} />
      ))}
      <Box height={pane.lines - shown.length} />
    </Box>
  );
}

function linesOf(cockpit: Cockpit, columns: number, unicode: boolean): readonly Part[][] {
  switch (cockpit.tab) {
    case 'source':
      return sourceLines(cockpit, columns);
    case 'code':
      return codeLines(cockpit, columns);
    case 'threads':
      return threadLines(cockpit);
    case 'history':
      return historyLines(cockpit, unicode);
  }
}
