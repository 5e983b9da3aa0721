/** A pane of lines under a title; those that do not fit are left out. */
import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { Pane } from '../layout.js';
import { Line, type Part } from './line.js';
import { Rule } from './rule.js';

export function TitledLines({
  pane,
  title,
  right = [],
  lines,
}: {
  /** With the title. */
  readonly pane: Pane;
  readonly title: readonly Part[];
  readonly right?: readonly Part[];
  readonly lines: readonly (readonly Part[])[];
}): ReactNode {
  const { columns } = pane;
  return (
    <Box flexDirection="column" width={columns} height={pane.lines}>
      <Rule columns={columns} title={title} right={right} />
      {lines.slice(0, pane.lines - 1).map((parts, i) => (
        <Line key={i} columns={columns} parts={parts} />
      ))}
    </Box>
  );
}
