import { malformed } from './malformed.js';
import type { StringTable } from './string-table.js';

/**
 * Decodes strings that are all to be kept, each offset once. In an honest file the strings of a
 * table are together hardly longer than the table; in a damaged one they overlap and can be its
 * length times their number, which is refused.
 * @returns the string at an offset; throws HcrError `malformed-file` as {@link StringTable.at} does
 */
export function keptStrings(table: StringTable, what: string): (offset: number) => string {
  const known = new Map<number, string>();
  let charactersLeft = 0x10000 + 4 * table.sizeBytes;
  return (offset) => {
    const before = known.get(offset);
    if (before !== undefined) return before;
    const text = table.at(offset);
    charactersLeft -= text.length;
    if (charactersLeft < 0) throw malformed(what, 'its names overlap');
    known.set(offset, text);
    return text;
  };
}
