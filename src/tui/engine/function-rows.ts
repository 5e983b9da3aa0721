/** The listing of functions as rows of the list. */
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import type { FunctionListing } from '../../app/report.js';
import type { FunctionRow } from '../model/function-row.js';

export function functionRows(functions: readonly FunctionListing[]): FunctionRow[] {
  const present = new Map<string, boolean>();
  const isPresent = (file: string): boolean => {
    let known = present.get(file);
    if (known === undefined) {
      known = statSync(file, { throwIfNoEntry: false })?.isFile() === true;
      present.set(file, known);
    }
    return known;
  };
  const seen = new Map<string, number>();
  return functions.map((listing) => {
    const { file, line } = placeOf(listing.source);
    const name = listing.label ?? listing.name;
    const identity = `${listing.module}:${listing.entry ?? ''}:${name}`;
    const count = seen.get(identity) ?? 0;
    seen.set(identity, count + 1);
    return {
      key: count === 0 ? identity : `${identity}#${count}`,
      name,
      symbol: listing.name,
      module: basename(listing.module),
      file,
      line,
      isMine: file !== undefined && isPresent(file),
      listing,
    };
  });
}

/** `file:line` taken apart. */
export function placeOf(source: string | undefined): Pick<FunctionRow, 'file' | 'line'> {
  const match = /^(.*):(\d+)$/.exec(source ?? '');
  return match === null
    ? { file: source, line: undefined }
    : { file: match[1], line: Number(match[2]) };
}
