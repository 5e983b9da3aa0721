/** The line over the list: which list it is, what it is narrowed to, how many there are. */
import { basename } from 'node:path';
import type { ReactNode } from 'react';
import { type Cockpit, FILTERS } from '../model/state.js';
import type { Part } from './line.js';
import { Rule } from './rule.js';

export function ListRule({
  cockpit,
  columns,
}: {
  readonly cockpit: Cockpit;
  readonly columns: number;
}): ReactNode {
  return <Rule columns={columns} title={titleOf(cockpit)} right={rightOf(cockpit)} />;
}

function titleOf({ view, query, isTyping, visible, rows, status, log, output }: Cockpit): Part[] {
  const name: Part = { text: view, style: 'accent' };
  switch (view) {
    case 'generations':
      return [name, { text: ` ${status?.generations.length ?? 0}` }];
    case 'events':
      return [name, { text: ` ${log.length}` }];
    case 'output':
      return [
        { text: 'output of the program', style: 'accent' },
        { text: output?.place === undefined ? '' : ` ${basename(output.place)}`, style: 'dim' },
      ];
    case 'functions': {
      const number = visible.length.toLocaleString('en');
      const of = visible.length < rows.length ? ` of ${rows.length.toLocaleString('en')}` : '';
      if (!isTyping && query === '') return [name, { text: ` ${number}${of}` }];
      return [
        { text: '/', style: 'accent' },
        { text: query, style: 'title' },
        { text: isTyping ? '_' : '', style: 'accent' },
        { text: ` ${visible.length.toLocaleString('en')} found` },
      ];
    }
  }
}

function rightOf({ view, filter, marks }: Cockpit): Part[] {
  if (view === 'generations') return [{ text: 'enter rolls to the selected one', style: 'dim' }];
  if (view !== 'functions') return [];
  return FILTERS.flatMap((name, i): Part[] => [
    { text: i === 0 ? '' : ' ' },
    {
      text: name === 'changed' && marks.size > 0 ? `${name} ${marks.size}` : name,
      style: name === filter ? 'accent' : 'dim',
    },
  ]);
}
