/**
 * What all units of a file share: abbreviations, text, ranges and line tables, each read once.
 */
import { AbbrevTables } from './abbrev.js';
import { type DebugSections, sectionFromBytes } from './debug-sections.js';
import { LineHeaders } from './line-header.js';
import { RangeLists } from './range-lists.js';
import { StringTables } from './string-tables.js';

export interface FileTables {
  readonly sections: DebugSections;
  readonly abbrevs: AbbrevTables;
  readonly strings: StringTables;
  readonly rangeLists: RangeLists;
  readonly lineHeaders: LineHeaders;
}

export function tablesOf(sections: DebugSections): FileTables {
  const { what, littleEndian } = sections;
  const abbrev =
    sections.section('.debug_abbrev') ??
    sectionFromBytes(`${what} .debug_abbrev`, new Uint8Array(0), littleEndian);
  return {
    sections,
    abbrevs: new AbbrevTables(abbrev),
    strings: new StringTables(sections),
    rangeLists: new RangeLists(sections),
    lineHeaders: new LineHeaders(sections),
  };
}
