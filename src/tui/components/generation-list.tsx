/** The list of generations, the newest first and the original program last. */
import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { GenerationStatus } from '../../app/report.js';
import { type Pane, windowTop } from '../layout.js';
import { type Cockpit, generationsOf } from '../model/state.js';
import { useTheme } from '../theme.js';
import { clock, formatMicros } from '../../terminal/quantity.js';
import { fit } from '../text.js';
import { Line } from './line.js';

export function GenerationList({
  cockpit,
  pane,
}: {
  readonly cockpit: Cockpit;
  readonly pane: Pane;
}): ReactNode {
  const { unicode } = useTheme();
  const { cursor, status, pauses } = cockpit;
  const generations = generationsOf(cockpit);
  const top = windowTop(cursor.generations, generations.length, pane.lines);
  const shown = generations.slice(top, top + pane.lines);
  const describe = (generation: GenerationStatus | undefined): string => {
    if (generation === undefined)
      return columnsOf('0', '', 'the original program', '', status?.generation === 0);
    const names = generation.functions.map(({ label, name }) => label ?? name);
    const pause = pauses.get(generation.generation);
    return columnsOf(
      String(generation.generation),
      clock(Date.parse(generation.publishedAt)),
      names.join(', '),
      pause === undefined ? '' : formatMicros(pause, { unicode }),
      status?.generation === generation.generation,
      generation.state === 'retired' ? 'retired' : undefined,
    );
  };
  const columnsOf = (
    number: string,
    when: string,
    what: string,
    pause: string,
    isLive: boolean,
    state = isLive ? 'live' : '',
  ): string =>
    `${fit(number, 5, 'right')}  ${fit(when, 9)} ${fit(state, 8)} ${fit(pause, 8, 'right')}  ${what}`;
  return (
    <Box flexDirection="column" width={pane.columns}>
      <Line
        columns={pane.columns}
        style="dim"
        parts={[{ text: `    ${fit('GEN', 5)}TIME      STATE       PAUSE  FUNCTIONS` }]}
      />
      {shown.map((generation, i) => {
        const isSelected = top + i === cursor.generations;
        return (
          <Line
            key={generation?.generation ?? 0}
            columns={pane.columns}
            style={isSelected ? 'selected' : 'plain'}
            parts={[{ text: `${isSelected ? '>' : ' '} ${describe(generation)}` }]}
          />
        );
      })}
    </Box>
  );
}
