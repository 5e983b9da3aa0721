/** Damage to debug sections: other forms, tags, attributes and operations, references elsewhere. */
import { writeNumber } from './mutate-bytes.js';
import { DW_AT, DW_FORM, DW_TAG } from '../src/dwarf/constants.js';
import type { Random } from '../test/support/random.js';

const FORMS = Object.values(DW_FORM);
const TAGS = Object.values(DW_TAG).filter((tag) => tag < 0x80);
const ATTRIBUTES = Object.values(DW_AT);
/** Operations that count, name, refer or take an operand of another size. @see DWARF 5, 7.7.1 */
const OPERATIONS = [
  0x03, 0x06, 0x08, 0x09, 0x0a, 0x0c, 0x0e, 0x10, 0x11, 0x23, 0x70, 0x91, 0x93, 0x9c, 0x9e, 0x9f,
  0xa0, 0xa1, 0xa2, 0xa3, 0xa5, 0xa8, 0xe0, 0xf0, 0xf2, 0xf3, 0xf8, 0xfa, 0xfb, 0xfc, 0xfd,
];
/** Opcodes of the line number program, those with operands. @see DWARF 5, 7.22 */
const LINE_OPCODES = [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 255];

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Overwrites a ULEB128 number with another one, of as many bytes as it takes. */
function putUleb(bytes: Uint8Array, at: number, value: number, end: number): void {
  let left = value;
  let offset = at;
  do {
    const more = left > 0x7f;
    if (offset < end) bytes[offset++] = (left & 0x7f) | (more ? 0x80 : 0);
    left = left >>> 7;
    if (!more) break;
  } while (offset < end);
}

/** Where numbers of an abbreviation table start: codes, tags, attributes and forms. */
function abbreviationFields(bytes: Uint8Array, { start, end }: Span): number[] {
  const fields: number[] = [];
  for (let at = start; at < end; ) {
    fields.push(at);
    while (at < end && (bytes[at] ?? 0) >= 0x80) at++;
    at++;
  }
  return fields;
}

/** Changes a section in place, by what it holds.
 *  @param name of the section, `.debug_info` */
export function damageDwarf(bytes: Uint8Array, span: Span, name: string, random: Random): void {
  const { start, end } = span;
  const at = start + random.below(end - start);
  switch (name) {
    case '.debug_abbrev': {
      const field = random.of(abbreviationFields(bytes, span)) ?? at;
      const value = random.of([FORMS, FORMS, ATTRIBUTES, TAGS, [0, 1]][random.below(5)] ?? FORMS);
      putUleb(bytes, field, value ?? 0, end);
      return;
    }
    case '.debug_info':
    case '.debug_types': {
      const widthBytes = random.of([4, 4, 4, 1, 2, 8]);
      const choice = random.below(4);
      if (choice === 0) bytes[at] = random.of(OPERATIONS) ?? 0;
      else if (choice === 1) bytes[at] = random.below(40);
      // A reference to another entry, near or anywhere.
      else writeNumber(bytes, { offset: at, widthBytes }, BigInt(random.below(end - start + 2)));
      return;
    }
    case '.debug_line':
      bytes[at] = random.of(LINE_OPCODES) ?? 0;
      return;
    default:
      if (random.below(2) === 0) bytes[at] = random.of(OPERATIONS) ?? 0;
      else writeNumber(bytes, { offset: at, widthBytes: 4 }, BigInt(random.below(end - start + 2)));
  }
}
