/** The last line: keys that mean something now, as many as there is room for. */
import type { ReactNode } from 'react';
import { type Binding, bindingsOver, shownBindings } from '../keymap.js';
import type { Cockpit } from '../model/state.js';
import { END, Line, type Part, widthOfParts } from './line.js';

export function Footer({
  cockpit,
  columns,
}: {
  readonly cockpit: Cockpit;
  readonly columns: number;
}): ReactNode {
  return <Line columns={columns} parts={[{ text: ' ' }, ...partsOf(cockpit, columns - 1), END]} />;
}

function partsOf(cockpit: Cockpit, columns: number): Part[] {
  const { isTyping, overlay, problem, crash, ended, view, isZoomed, reloadsOnInterrupt } = cockpit;
  if (overlay?.kind === 'crash' && overlay.value !== undefined)
    return keys([
      ['enter', 'return it'],
      ['esc', 'choose again'],
    ]);
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
      ['4', 'output'],
    ]);
  const over = bindingsOver(overlay);
  if (over.length > 0) return keys(worded(over));
  const first: Hint[] = [];
  if (crash !== undefined) first.push(['!', 'crash']);
  else if (problem !== undefined) first.push(['!', 'refusal']);
  if (reloadsOnInterrupt) first.push(['ctrl+c', 'reload']);
  if (view !== 'functions' || isZoomed) first.push(['esc', 'back']);
  if (view === 'generations') first.push(['enter', 'roll to it']);
  const all = (bindings: readonly Binding[]): Part[] => keys([...first, ...worded(bindings)]);
  return all(shownBindings((bindings) => widthOfParts(all(bindings)) <= columns));
}

type Hint = readonly [key: string, word: string];

function worded(bindings: readonly Binding[]): Hint[] {
  return bindings.flatMap(({ keys: [key = ''], word }): Hint[] =>
    word === undefined ? [] : [[key, word]],
  );
}

function keys(list: readonly Hint[]): Part[] {
  return list.flatMap(([key, word], i): Part[] => [
    { text: `${i === 0 ? '' : '  '}${key}`, style: 'key' },
    { text: ` ${word}` },
  ]);
}
