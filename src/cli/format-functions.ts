/** The functions of a process, one a line. */
import { basename } from 'node:path';
import type { FunctionListing, FunctionsReport } from '../app/report.js';
import { formatNotes } from './format-patch.js';
import { type Look, paint } from '../terminal/look.js';
import { count } from '../terminal/quantity.js';
import { layOutTable } from './table.js';

const HEADER = ['NAME', 'SOURCE', 'MODULE', 'STATE', 'INLINED IN'];

function row(listing: FunctionListing): string[] {
  return [
    listing.label ?? listing.name,
    listing.source ?? '?',
    basename(listing.module),
    stateOf(listing),
    listing.inlinedIn.join(', '),
  ];
}

function stateOf({ entry, state, generation, inlinedIn }: FunctionListing): string {
  if (state === 'patched') return `patched g${generation}`;
  if (entry !== undefined) return 'original';
  return inlinedIn.length > 0 ? 'inlined' : 'cloned';
}

export function formatFunctions(report: FunctionsReport, look: Look): string {
  const { functions, notes } = report;
  if (functions.length === 0) {
    return [`No function of ${report.program} fits.`, ...formatNotes(notes, look)].join('\n');
  }
  const [header = '', ...lines] = layOutTable([HEADER, ...functions.map(row)], look);
  return [
    paint(look, 'bold', header),
    ...lines,
    paint(
      look,
      'dim',
      `${count(functions.length, 'function')} of ${report.program} (process ${report.pid})`,
    ),
    ...formatNotes(notes, look),
  ].join('\n');
}
