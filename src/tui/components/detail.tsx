/** What there is to see of the selected function, a tab at a time. */
import type { ReactNode } from 'react';
import type { Pane } from '../layout.js';
import { type Cockpit, TABS, selectedRow } from '../model/state.js';
import { codeLines, historyLines, sourceLines, threadLines } from '../detail-lines.js';
import { useTheme } from '../theme.js';
import { fit, widthOf } from '../text.js';
import type { Part } from './line.js';
import { TitledLines } from './titled-lines.js';

/** Of the title, what the tabs and the number of lines take. */
const TABS_COLUMNS = 48;

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
  const tabs = TABS.flatMap((name, i): Part[] => [
    { text: i === 0 ? '' : ' ' },
    { text: name, style: name === tab ? 'accent' : 'dim' },
  ]);
  const title: Part = {
    text: fit(row?.name ?? '', Math.min(widthOf(row?.name ?? ''), pane.columns - TABS_COLUMNS)),
    style: 'title',
  };
  const rest: Part[] = more > 0 ? [{ text: `  ${more} more, J`, style: 'dim' }] : [];
  return (
    <TitledLines
      pane={{ columns: pane.columns, lines: pane.lines + 1 }}
      title={[title, ...rest]}
      right={tabs}
      lines={shown}
    />
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
