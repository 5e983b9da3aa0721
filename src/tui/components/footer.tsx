/** The last line: keys that mean something now. */
import type { ReactNode } from 'react';
import { PROBLEM_BINDINGS, SHOWN_BINDINGS } from '../keymap.js';
import type { Cockpit } from '../model/state.js';
import { Line, type Part } from './line.js';

export function Footer({
  cockpit,
  columns,
}: {
  readonly cockpit: Cockpit;
  readonly columns: number;
}): ReactNode {
  return <Line columns={columns} parts={[{ text: ' ' }, ...partsOf(cockpit), { text: '' }]} />;
}

function partsOf({ isTyping, overlay, problem, ended }: Cockpit): Part[] {
  if (isTyping)
    return keys([
      ['enter', 'keep'],
      ['esc', 'give up'],
      ['up/down', 'move'],
    ]);
  if (overlay?.kind === 'confirm-quit')
    return keys([
      ['y', 'quit anyway'],
      ['esc', 'stay'],
    ]);
  if (overlay?.kind === 'help') return keys([['any key', 'close']]);
  if (ended !== undefined)
    return keys([
      ['q', 'quit'],
      ['3', 'events'],
    ]);
  const bindings = overlay?.kind === 'problem' ? PROBLEM_BINDINGS : SHOWN_BINDINGS;
  const shown = bindings.flatMap(({ keys: [key = ''], word }): [string, string][] =>
    word === undefined ? [] : [[key, word]],
  );
  return keys(
    problem !== undefined && overlay === undefined ? [['!', 'refusal'], ...shown] : shown,
  );
}

function keys(list: readonly (readonly [string, string])[]): Part[] {
  return list.flatMap(([key, word], i): Part[] => [
    { text: `${i === 0 ? '' : '  '}${key}`, style: 'accent' },
    { text: ` ${word}`, style: 'dim' },
  ]);
}
