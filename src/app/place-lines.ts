/** Keeps the source lines of new code in the target, so that whoever looks at a thread in it can name
 *  them, long after the object is gone. */
import { normalize } from 'node:path';
import { rangeAt } from '../core/address.js';
import type { LinkedPart } from '../link/link.js';
import { type LinedCode, type LineRow, encodeLineTable } from '../link/line-table.js';
import { isCode } from '../link/object-unit.js';
import type { SectionLine } from '../link/read-object-unit.js';
import type { Block } from '../patch/ledger.js';
import { findRoom } from './find-room.js';
import type { ProcessImage } from './observe.js';
import type { PlacedUnit } from './placed-unit.js';

const ALIGNMENT = 8;

export interface PlacedLines {
  readonly blocks: readonly Block[];
  readonly part: LinkedPart;
}

/** One table for each unit whose object has line numbers.
 *  @param taken blocks that are not on record yet
 *  @throws HcrError `out-of-reach`, `out-of-memory` */
export function placeLines(
  image: ProcessImage,
  placed: readonly PlacedUnit[],
  taken: readonly Block[],
): PlacedLines[] {
  const found: PlacedLines[] = [];
  for (const unit of placed) {
    const code = linedCodeOf(unit);
    if (code.length === 0) continue;
    const { littleEndian } = unit.layout.unit.object.elf.header;
    const bytes = encodeLineTable(code, littleEndian);
    const sizes = {
      sizeBytes: { data: 0, readonly: bytes.length, code: 0 },
      alignment: { data: 1, readonly: ALIGNMENT, code: 1 },
    };
    const others = [...taken, ...found.flatMap(({ blocks }) => blocks)];
    const blocks = findRoom(image, unit.prepared.wanted.module, sizes, others, false);
    const [block] = blocks;
    if (block !== undefined)
      found.push({ blocks, part: { part: 'readonly', start: block.start, bytes } });
  }
  return found;
}

function linedCodeOf({ prepared, layout, image }: PlacedUnit): LinedCode[] {
  const sections = [...layout.sections.keys()].filter(isCode);
  const lines = prepared.edited.linesIn(new Set(sections.map(({ index }) => index)));
  return sections.flatMap((section) => {
    const start = image.addressInSection(section, 0);
    const rows = rowsOf(lines.get(section.index) ?? []);
    if (start === undefined || rows.length === 0) return [];
    return [{ ...rangeAt(start, section.sizeBytes), rows }];
  });
}

/** Rows of one section: only where the line becomes another. */
export function rowsOf(lines: readonly SectionLine[]): LineRow[] {
  const rows: LineRow[] = [];
  for (const { offset, source } of lines.toSorted((a, b) => a.offset - b.offset)) {
    const last = rows.at(-1);
    const row = {
      offset,
      file: source === undefined ? '' : normalize(source.file),
      line: source?.line ?? 0,
    };
    // Of several rows for one instruction the last one holds.
    if (last?.offset === offset) rows.pop();
    const before = rows.at(-1);
    if (before?.file !== row.file || before.line !== row.line) rows.push(row);
  }
  return rows;
}
