/** The first line: which program, how it is, what is live. */
import { basename } from 'node:path';
import type { ReactNode } from 'react';
import type { Cockpit } from '../model/state.js';
import { useTheme } from '../theme.js';
import { Line, type Part, type StyleName } from './line.js';
import { formatMicros, count } from '../../terminal/quantity.js';

const STATES: Readonly<Record<string, StyleName>> = {
  running: 'good',
  sleeping: 'good',
  stopped: 'warning',
  traced: 'warning',
};

/** Narrower screens go without what matters least. */
const ROOMY_COLUMNS = 96;

export function Header({
  cockpit,
  columns,
}: {
  readonly cockpit: Cockpit;
  readonly columns: number;
}): ReactNode {
  const { unicode } = useTheme();
  const { overview, status, ended, pid, isWatching, lastPatch, operation } = cockpit;
  const separator = unicode ? ' · ' : ' | ';
  const items: Part[] = [
    { text: basename(overview?.program ?? '') || `process ${pid}`, style: 'title' },
    { text: `pid ${pid}` },
  ];
  if (ended !== undefined) items.push({ text: 'ended', style: 'bad' });
  else if (overview !== undefined) {
    items.push({ text: overview.state, style: STATES[overview.state] ?? 'plain' });
    items.push({ text: count(overview.threads, 'thread') });
    if (columns >= ROOMY_COLUMNS) items.push({ text: count(overview.modules, 'module') });
  }
  if (status !== undefined) {
    const { generation } = status;
    items.push({
      text: generation === 0 ? 'original code' : `generation ${generation}`,
      style: generation === 0 ? 'plain' : 'accent',
    });
  }
  if (isWatching) items.push({ text: 'watching', style: 'good' });
  if (operation !== undefined)
    items.push({ text: `${operation.what}: ${operation.stage}`, style: 'warning' });
  else if (lastPatch !== undefined)
    items.push({
      text: `last pause ${formatMicros(lastPatch.pauseMicros, { unicode })}`,
      style: 'dim',
    });
  const parts = items.flatMap((part, index) =>
    index === 0 ? [part] : [{ text: separator, style: 'dim' as const }, part],
  );
  return <Line columns={columns} parts={[{ text: ' ' }, ...parts, { text: '' }]} />;
}
