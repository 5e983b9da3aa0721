/** Damage that knows where an ELF file keeps the numbers that readers follow. */
import {
  type Field,
  changeCount,
  damageBytes,
  damageField,
  overwrite,
  readNumber,
  writeNumber,
} from './mutate-bytes.js';
import { damageDwarf } from './mutate-dwarf.js';
import type { Random } from '../test/support/random.js';

/** Offset and width of each field. @see gABI 4 "ELF Header", "Section Header"; 5 "Program Header" */
const HEADER: readonly (readonly [number, number])[] = [
  [4, 1],
  [5, 1],
  [16, 2],
  [18, 2],
  [24, 8],
  [32, 8],
  [40, 8],
  [54, 2],
  [56, 2],
  [58, 2],
  [60, 2],
  [62, 2],
];
const SECTION: readonly (readonly [number, number])[] = [
  [0, 4],
  [4, 4],
  [8, 8],
  [16, 8],
  [24, 8],
  [32, 8],
  [40, 4],
  [44, 4],
  [48, 8],
  [56, 8],
];
const SEGMENT: readonly (readonly [number, number])[] = [
  [0, 4],
  [4, 4],
  [8, 8],
  [16, 8],
  [32, 8],
  [40, 8],
];
const SECTION_BYTES = 64;
const SEGMENT_BYTES = 56;
const MAX_TABLE_ENTRIES = 256;

interface SectionRange {
  readonly header: number;
  readonly type: number;
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

interface Shape {
  readonly sections: readonly SectionRange[];
  readonly segments: readonly number[];
}

const number = (bytes: Uint8Array, offset: number, widthBytes: number): number =>
  Number(readNumber(bytes, { offset, widthBytes }));

/** What the headers say, as far as it is there. */
function shapeOf(bytes: Uint8Array): Shape {
  const table = (offset: number, count: number, entryBytes: number): number[] => {
    const start = number(bytes, offset, 8);
    const entries = Math.min(number(bytes, count, 2), MAX_TABLE_ENTRIES);
    return Array.from({ length: entries }, (_, i) => start + i * entryBytes).filter(
      (at) => at + entryBytes <= bytes.length,
    );
  };
  const headers = table(40, 60, SECTION_BYTES);
  const names = headers[number(bytes, 62, 2)];
  const nameTable = names === undefined ? 0 : number(bytes, names + 24, 8);
  const sections = headers.map((header) => {
    const start = Math.min(number(bytes, header + 24, 8), bytes.length);
    const at = nameTable + number(bytes, header, 4);
    const nameEnd = at < bytes.length ? bytes.indexOf(0, at) : -1;
    return {
      header,
      type: number(bytes, header + 4, 4),
      name: Buffer.from(bytes.subarray(at, Math.max(at, nameEnd))).toString('latin1'),
      start,
      end: Math.min(bytes.length, start + number(bytes, header + 32, 8)),
    };
  });
  return { sections, segments: table(32, 56, SEGMENT_BYTES) };
}

const SHT_NOBITS = 8;

function fieldOf(
  at: number,
  fields: readonly (readonly [number, number])[],
  random: Random,
): Field {
  const [offset, widthBytes] = random.of(fields) ?? [0, 4];
  return { offset: at + offset, widthBytes };
}

function damageOnce(
  bytes: Uint8Array,
  shape: Shape,
  random: Random,
  others: readonly Uint8Array[],
): Uint8Array {
  const section = random.of(shape.sections);
  const choice = random.below(20);
  if (choice === 0) damageField(bytes, fieldOf(0, HEADER, random), random);
  else if (choice <= 2 && section)
    damageField(bytes, fieldOf(section.header, SECTION, random), random);
  else if (choice === 3) {
    const segment = random.of(shape.segments);
    if (segment !== undefined) damageField(bytes, fieldOf(segment, SEGMENT, random), random);
  } else if (choice === 4 && section) {
    // As another one: its place, its size, what it is linked with.
    const other = random.of(shape.sections) ?? section;
    const { offset, widthBytes } = fieldOf(0, SECTION, random);
    const value = readNumber(bytes, { offset: other.header + offset, widthBytes });
    writeNumber(bytes, { offset: section.header + offset, widthBytes }, value);
  } else if (choice === 5) return damageBytes(bytes, random, others);
  else {
    const filled = shape.sections.filter(
      ({ type, start, end }) => type !== SHT_NOBITS && end > start,
    );
    const chosen = random.of(filled);
    if (chosen === undefined) return damageBytes(bytes, random, others);
    if (chosen.name.startsWith('.debug') && random.below(2) === 0)
      damageDwarf(bytes, chosen, chosen.name, random);
    else {
      // Only in place: what follows would move away from where the headers say it is.
      const part = damageBytes(bytes.slice(chosen.start, chosen.end), random, others);
      overwrite(bytes, chosen.start, part.subarray(0, chosen.end - chosen.start));
    }
  }
  return bytes;
}

export function mutateElf(
  input: Uint8Array,
  random: Random,
  others: readonly Uint8Array[],
): Uint8Array {
  let bytes: Uint8Array = new Uint8Array(input);
  const shape = shapeOf(bytes);
  for (let i = changeCount(random); i > 0; i--) bytes = damageOnce(bytes, shape, random, others);
  return bytes;
}
