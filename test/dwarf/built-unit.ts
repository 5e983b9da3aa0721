/** Debug information of one unit, written byte by byte. Addresses have 8 bytes. */
import { expect } from 'vitest';
import { type DebugInfo, debugInfoIn } from '../../src/dwarf/debug-info.js';
import { type DebugSection, sectionFromBytes } from '../../src/dwarf/debug-sections.js';

export type Bytes = readonly number[];

export const u16 = (n: number): Bytes => [n & 0xff, (n >> 8) & 0xff];
export const u32 = (n: number): Bytes => [...u16(n & 0xffff), ...u16(Math.floor(n / 0x1_0000))];
export const u64 = (n: number): Bytes => [
  ...u32(n % 0x1_0000_0000),
  ...u32(Math.floor(n / 0x1_0000_0000)),
];

export function debugInfoOf(parts: {
  readonly version: 4 | 5;
  /** Without the end of the table. A number of an attribute above 127 takes two bytes. */
  readonly abbrevs: Bytes;
  /** The first is at offset 12 of a version 5 unit, 11 of a version 4 one. */
  readonly entries: Bytes;
  readonly others?: Readonly<Record<string, Bytes | Uint8Array>>;
}): DebugInfo {
  const header = parts.version === 5 ? [1, 8, ...u32(0)] : [...u32(0), 8];
  const body = [...u16(parts.version), ...header, ...parts.entries];
  const contents: Record<string, Bytes | Uint8Array> = {
    '.debug_info': [...u32(body.length), ...body],
    '.debug_abbrev': [...parts.abbrevs, 0],
    ...parts.others,
  };
  const sections = new Map<string, DebugSection>(
    Object.entries(contents).map(([name, bytes]) => [
      name,
      sectionFromBytes(name, Uint8Array.from(bytes), true),
    ]),
  );
  const info = debugInfoIn({ what: 'test', littleEndian: true, section: (n) => sections.get(n) });
  return info ?? expect.fail('no .debug_info');
}
