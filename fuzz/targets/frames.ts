/** Frame descriptions and their index as bytes alone. The first byte of an input tells which. */
import { readCallFrames } from '../../src/dwarf/call-frames.js';
import { bytesInMemory } from '../../src/elf/file-bytes.js';
import { readElf } from '../../src/elf/elf-file.js';
import { decodeFrameIndex, encodeFrameIndex } from '../../src/link/frame-index.js';
import { typeTableEnd } from '../../src/link/handled-types.js';
import { addr } from '../../src/core/address.js';
import { mutateBytes } from '../mutate-bytes.js';
import { type Seed, type Target, attempt } from '../target.js';
import { named } from './seed-choice.js';

const READERS: readonly ((bytes: Uint8Array) => unknown)[] = [
  (bytes) => readCallFrames(bytes, true, 'damaged'),
  (bytes) => typeTableEnd(bytes, true, 'damaged'),
  (bytes) => decodeFrameIndex(bytes, true),
];

function seedsOf(all: ReadonlyMap<string, Uint8Array>): Seed[] {
  const ranges = [0x1000, 0x2000].map((at) => ({
    start: addr(at),
    end: addr(at + 0x80),
    description: addr(at + 0x4000),
  }));
  const seeds = [{ reader: 2, name: 'index', bytes: encodeFrameIndex(ranges, true) }];
  for (const { name, bytes } of named(
    all,
    'object',
    'objectClasses',
    'objectClassesClang',
    'linked',
  )) {
    const elf = readElf(bytesInMemory(bytes), name);
    for (const section of elf.sections) {
      const reader = ['.eh_frame', '.gcc_except_table'].findIndex((start) =>
        section.name.startsWith(start),
      );
      if (reader >= 0)
        seeds.push({ reader, name: `${name} ${section.name}`, bytes: elf.sectionBytes(section) });
    }
  }
  return seeds.map(({ reader, name, bytes }) => ({
    name,
    bytes: Uint8Array.from([reader, ...bytes]),
  }));
}

export const frames: Target = {
  name: 'frames',
  seeds: seedsOf,
  mutate: mutateBytes,
  run: (input) => {
    const reader = READERS[(input[0] ?? 0) % READERS.length];
    attempt(() => reader?.(input.subarray(1)));
  },
};
