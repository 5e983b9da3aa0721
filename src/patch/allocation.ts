/** Finds room in the areas for the parts of a new generation. */
import { type Addr, type AddrRange, addr, alignUp } from '../core/address.js';
import { PARTS, type Part } from '../core/part.js';
import type { Area, Block } from './ledger.js';

/** How many bytes each part of a generation takes, and the alignment of its start. */
export interface PartSizes {
  readonly sizeBytes: Readonly<Record<Part, number>>;
  readonly alignment: Readonly<Record<Part, number>>;
}

/** Free ranges of one part of an area, in the order of their addresses. */
export function freeRanges(area: Area, part: Part, blocks: readonly Block[]): AddrRange[] {
  const range = area.parts[part];
  const taken = blocks
    .filter((block) => block.part === part && block.start >= range.start && block.start < range.end)
    .sort((a, b) => a.start - b.start);
  const free: AddrRange[] = [];
  let at: number = range.start;
  for (const block of taken) {
    if (block.start > at) free.push({ start: addr(at), end: block.start });
    at = Math.max(at, block.start + block.sizeBytes);
  }
  if (at < range.end) free.push({ start: addr(at), end: range.end });
  return free;
}

function firstFit(
  ranges: readonly AddrRange[],
  sizeBytes: number,
  alignment: number,
): Addr | undefined {
  for (const range of ranges) {
    const start = alignUp(range.start, alignment);
    if (start + sizeBytes <= range.end) return addr(start);
  }
  return undefined;
}

/** Places all parts in one area, so that they reach each other.
 *  @returns undefined when the area is too full */
export function allocateIn(
  area: Area,
  used: readonly Block[],
  sizes: PartSizes,
): Block[] | undefined {
  const blocks: Block[] = [];
  for (const part of PARTS) {
    const sizeBytes = sizes.sizeBytes[part];
    if (sizeBytes === 0) continue;
    const start = firstFit(freeRanges(area, part, used), sizeBytes, sizes.alignment[part]);
    if (start === undefined) return undefined;
    blocks.push({ part, start, sizeBytes });
  }
  return blocks;
}
