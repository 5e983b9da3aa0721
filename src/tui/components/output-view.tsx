/** What the program has printed last. */
import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { ProgramOutput } from '../../app/program-output.js';
import { type Pane, windowTop } from '../layout.js';
import type { Cockpit } from '../model/state.js';
import { Line } from './line.js';

export function OutputView({
  cockpit,
  pane,
}: {
  readonly cockpit: Cockpit;
  readonly pane: Pane;
}): ReactNode {
  const { output, cursor } = cockpit;
  const lines = output?.lines;
  if (lines === undefined || lines.length === 0)
    return <Line columns={pane.columns} style="dim" parts={[{ text: `  ${why(output)}` }]} />;
  const top = windowTop(cursor.output, lines.length, pane.lines);
  return (
    <Box flexDirection="column" width={pane.columns}>
      {lines.slice(top, top + pane.lines).map((text, i) => (
        <Line key={top + i} columns={pane.columns} parts={[{ text: ` ${text}` }]} />
      ))}
    </Box>
  );
}

function why(output: ProgramOutput | undefined): string {
  if (output === undefined) return 'Looking…';
  if (output.place === undefined) return 'The program has no output, or it is not to be seen.';
  if (output.lines === undefined)
    return `The program prints to ${output.place}: look there. Only files are shown here.`;
  return 'Nothing yet.';
}
