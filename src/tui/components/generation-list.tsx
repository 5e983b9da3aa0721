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
  const live = status?.generation;
  const generations = generationsOf(cockpit);
  const top = windowTop(cursor.generations, generations.length, pane.lines);
  const shown = generations.slice(top, top + pane.lines);
  return (
    <Box flexDirection="column" width={pane.columns}>
      <Line
        columns={pane.columns}
        style="dim"
        parts={[{ text: `    ${fit('GEN', 5)}TIME      STATE       PAUSE  FUNCTIONS` }]}
      />
      {shown.map((generation, i) => {
        const isSelected = top + i === cursor.generations;
        const pause = generation && pauses.get(generation.generation);
        const paused = pause === undefined ? '' : formatMicros(pause, { unicode });
        return (
          <Line
            key={generation?.generation ?? 0}
            columns={pane.columns}
            style={isSelected ? 'selected' : 'plain'}
            parts={[{ text: `${isSelected ? '>' : ' '} ${cells(generation, live, paused)}` }]}
          />
        );
      })}
    </Box>
  );
}

/** @param generation undefined for the original program */
function cells(
  generation: GenerationStatus | undefined,
  live: number | undefined,
  pause: string,
): string {
  const number = generation?.generation ?? 0;
  const when = generation === undefined ? '' : clock(Date.parse(generation.publishedAt));
  const isRetired = generation?.state === 'retired';
  const state = isRetired ? 'retired' : number === live ? 'live' : '';
  const what =
    generation?.functions.map(({ label, name }) => label ?? name).join(', ') ??
    'the original program';
  return `${fit(String(number), 5, 'right')}  ${fit(when, 9)} ${fit(state, 8)} ${fit(pause, 8, 'right')}  ${what}`;
}
