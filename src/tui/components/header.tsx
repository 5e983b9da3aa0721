/** The first line: which program, how it is, what is live, and what hcr does with it. */
import { basename } from 'node:path';
import type { ReactNode } from 'react';
import { count, formatMicros } from '../../terminal/quantity.js';
import type { Cockpit } from '../model/state.js';
import { type StyleName, type Theme, useTheme } from '../theme.js';
import { END, Line, type Part, spread, widthOfParts } from './line.js';

const STATES: Readonly<Record<string, StyleName>> = {
  running: 'good',
  sleeping: 'good',
  stopped: 'warning',
  traced: 'warning',
};

/** Narrower screens go without what matters least. */
const ROOMY_COLUMNS = 110;

export function Header({
  cockpit,
  columns,
}: {
  readonly cockpit: Cockpit;
  readonly columns: number;
}): ReactNode {
  const theme = useTheme();
  const { overview, pid } = cockpit;
  const name = basename(overview?.program ?? '') || 'process';
  const right = doings(cockpit);
  const left: Part[] = [{ text: ` ${name} `, style: 'chip' as const }, { text: ` pid ${pid}` }];
  for (const fact of factsOf(cockpit, columns, theme)) {
    const next = [{ text: theme.separator, style: 'dim' as const }, fact];
    // What is being done matters more.
    if (widthOfParts([...left, ...next, ...right]) >= columns) break;
    left.push(...next);
  }
  return <Line columns={columns} parts={[...spread(left, right, columns), END]} />;
}

function factsOf(cockpit: Cockpit, columns: number, theme: Theme): Part[] {
  const { overview, status, ended, crash, lastPatch } = cockpit;
  const isRoomy = columns >= ROOMY_COLUMNS;
  if (ended !== undefined) return [{ text: `${theme.dot} ended`, style: 'bad' }];
  const facts: Part[] = [];
  if (crash !== undefined)
    facts.push({ text: `${theme.dot} stands at ${crash.report.signal}`, style: 'bad' });
  else if (overview !== undefined)
    facts.push({
      text: `${theme.dot} ${overview.state}`,
      style: STATES[overview.state] ?? 'plain',
    });
  if (overview !== undefined) {
    facts.push({ text: count(overview.threads, 'thread') });
    if (isRoomy) facts.push({ text: count(overview.modules, 'module') });
  }
  if (status !== undefined)
    facts.push(
      status.generation === 0
        ? { text: 'original code' }
        : { text: `generation ${status.generation}`, style: 'accent' },
    );
  if (lastPatch !== undefined)
    facts.push({
      text: `${isRoomy ? 'last ' : ''}pause ${formatMicros(lastPatch.pauseMicros, theme)}`,
    });
  return facts;
}

/** What is being done, and what is switched on. */
function doings({ operation, activity, isWatching, isGuarded, crash }: Cockpit): Part[] {
  const chips: Part[] = [];
  if (operation !== undefined)
    chips.push({ text: ` ${operation.what}: ${operation.stage} `, style: 'warning' });
  else if (activity !== undefined) chips.push({ text: ` ${activity} `, style: 'warning' });
  if (crash?.step === 'awaiting-edit')
    chips.push({ text: ' waiting for an edit ', style: 'warning' });
  if (isWatching) chips.push({ text: ' WATCH ', style: 'chip' });
  if (isGuarded) chips.push({ text: ' GUARD ', style: crash === undefined ? 'chip' : 'alarm' });
  return chips.flatMap((chip, i) => (i === 0 ? [chip] : [{ text: ' ' }, chip]));
}
