/** What has happened, with times: the newest few at the bottom, or all of it. */
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { type Pane, windowTop } from '../layout.js';
import type { Cockpit, LogEntry } from '../model/state.js';
import { wrap } from '../text.js';
import type { StyleName } from '../theme.js';
import { clock } from '../../terminal/quantity.js';
import { Line } from './line.js';
import { Rule } from './rule.js';

export function NewestEvents({
  log,
  columns,
  lines,
}: {
  readonly log: readonly LogEntry[];
  readonly columns: number;
  readonly lines: number;
}): ReactNode {
  if (lines === 0) return null;
  const shown = log.slice(-lines);
  const last = shown.at(-1);
  return (
    <Box flexDirection="column" height={lines + 1}>
      <Rule
        columns={columns}
        title={[{ text: 'events', style: 'accent' }, { text: ` ${log.length}` }]}
        right={last?.tone === 'bad' ? [{ text: '3 shows all of it', style: 'dim' }] : []}
      />
      {shown.map((entry, i) => (
        <EventLine key={`${entry.at} ${i}`} entry={entry} text={entry.text} columns={columns} />
      ))}
    </Box>
  );
}

export function EventList({
  cockpit,
  pane,
}: {
  readonly cockpit: Cockpit;
  readonly pane: Pane;
}): ReactNode {
  const { log, cursor } = cockpit;
  // Long entries take several lines: the selected one is shown whole.
  const whole = wrap(log[cursor.events]?.text ?? '', pane.columns - 11);
  const lines = Math.max(pane.lines - whole.length, 1);
  const top = windowTop(cursor.events, log.length, lines);
  const shown = log.slice(top, top + lines);
  return (
    <Box flexDirection="column" width={pane.columns} height={pane.lines}>
      {shown.flatMap((entry, i) =>
        top + i === cursor.events
          ? whole.map((text, j) => (
              <EventLine
                key={`${entry.at} ${i} ${j}`}
                entry={j === 0 ? entry : undefined}
                text={text}
                columns={pane.columns}
                isSelected
              />
            ))
          : [
              <EventLine
                key={`${entry.at} ${i}`}
                entry={entry}
                text={entry.text}
                columns={pane.columns}
              />,
            ],
      )}
    </Box>
  );
}

function EventLine({
  entry,
  text,
  columns,
  isSelected = false,
}: {
  readonly entry: LogEntry | undefined;
  readonly text: string;
  readonly columns: number;
  readonly isSelected?: boolean;
}): ReactNode {
  const style: StyleName = isSelected ? 'selected' : (entry?.tone ?? 'plain');
  return (
    <Line
      columns={columns}
      parts={[
        { text: ` ${entry === undefined ? '        ' : clock(entry.at)} `, style: 'dim' },
        { text, style },
      ]}
    />
  );
}
