/** The line over a pane, with its title in it. */
import type { ReactNode } from 'react';
import { useTheme } from '../theme.js';
import { Line, type Part, spread } from './line.js';

export function Rule({
  columns,
  title,
  right = [],
}: {
  readonly columns: number;
  readonly title: readonly Part[];
  /** At the other end; goes where there is no room. */
  readonly right?: readonly Part[];
}): ReactNode {
  const { horizontal } = useTheme();
  const line = (length: number): Part => ({ text: horizontal.repeat(length), style: 'dim' });
  const gap: Part = { text: ' ' };
  const end = right.length === 0 ? [line(1)] : [gap, ...right, gap, line(1)];
  return (
    <Line columns={columns} parts={spread([line(1), gap, ...title, gap], end, columns, line)} />
  );
}
