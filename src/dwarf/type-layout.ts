/**
 * How a record is laid out or an enumeration numbered, one level deep: what a member is made of is
 * told by name as far as it has one, because that type is looked at for itself. So a change deep
 * inside is found once, in the type in which it was made.
 * @see DWARF 5, 5.7 and 5.8; Itanium C++ ABI, 2.5 for virtual tables
 */
import { DW_AT, DW_TAG } from './constants.js';
import type { Die } from './die.js';
import { constantOf } from './expression.js';
import { type Member, readMembers } from './members.js';
import { dimensions, plainKey } from './type-key.js';
import { typeText } from './type-text.js';
import { isConstMethod, parameterDies, readType, type TypeDie, typeOf } from './types.js';

/** Something in a record at a fixed place. */
export interface Field {
  /** `b`; `point.x` in a member whose type has no name; empty for a bit field that is padding. */
  readonly name: string;
  readonly role: 'member' | 'base class';
  /** Equal when it is at the same place; counted in bits. */
  readonly place: string;
  readonly placeText: string;
  /** Equal when values are represented alike. */
  readonly key: string;
  readonly type: TypeDie;
}

/** What an object's virtual table holds at one place. */
export interface Slot {
  readonly number: number;
  readonly key: string;
  readonly text: string;
}

export interface TypeLayout {
  readonly sizeBytes: number | undefined;
  readonly isUnion: boolean;
  readonly fields: readonly Field[];
  /** Of virtual methods that the class itself declares. */
  readonly slots: readonly Slot[];
  /** Of an enumeration: its names and their values. */
  readonly enumerators: ReadonlyMap<string, string>;
}

/** Deeper than types without names are put into each other. */
const MAX_DEPTH = 32;

/** Reads layouts of one file, and remembers what its types are made of. */
export class LayoutReader {
  private readonly keys = new Map<number, string>();
  private depth = 0;

  /** @param die a record or an enumeration, complete
   *  @throws HcrError `malformed-file` */
  layoutOf(die: Die): TypeLayout {
    const isUnion = die.tag === DW_TAG.union_type;
    const sizeBytes = die.constant(DW_AT.byte_size);
    if (die.tag === DW_TAG.enumeration_type) {
      return { sizeBytes, isUnion, fields: [], slots: [], enumerators: readEnumerators(die) };
    }
    const fields: Field[] = [];
    this.addFields(die, '', 0, fields, 0);
    return { sizeBytes, isUnion, fields, slots: readSlots(die), enumerators: new Map() };
  }

  /** Equal keys mean values that are represented alike, as far as the types they name are.
   *  @throws HcrError `malformed-file` */
  keyOf(die: TypeDie): string {
    return die === undefined ? 'void' : this.once(die, undefined);
  }

  private addFields(
    record: Die,
    prefix: string,
    baseBits: number,
    fields: Field[],
    depth: number,
  ): void {
    for (const member of readMembers(record)) {
      const nameless = depth < MAX_DEPTH ? namelessRecord(member) : undefined;
      if (nameless !== undefined && member.offsetBytes !== undefined) {
        const within = member.name === '' ? prefix : `${prefix}${member.name}.`;
        this.addFields(nameless, within, baseBits + member.offsetBytes * 8, fields, depth + 1);
      } else {
        fields.push(this.field(member, prefix, baseBits));
      }
    }
  }

  private field(member: Member, prefix: string, baseBits: number): Field {
    const { bits, offsetBytes, type, isBaseClass } = member;
    const key = this.keyOf(type);
    const role = isBaseClass ? 'base class' : 'member';
    const name = isBaseClass ? typeText(type) : prefix + member.name;
    if (bits !== undefined) {
      const start = baseBits + bits.offsetBits;
      const end = start + bits.sizeBits;
      const placeText = `bits ${start} to ${end}`;
      return { name, role, place: `${start}/${bits.sizeBits}`, placeText, key, type };
    }
    const start = offsetBytes === undefined ? undefined : baseBits + offsetBytes * 8;
    const placeText = start === undefined ? 'at a place known at run time' : `at ${start / 8}`;
    return { name, role, place: String(start ?? '?'), placeText, key, type };
  }

  /** @param alias the typedef around a type without a name of its own */
  private once(die: Die, alias: string | undefined): string {
    const known = this.keys.get(die.offset);
    if (known !== undefined) return known;
    if (this.depth >= MAX_DEPTH) return '…';
    this.keys.set(die.offset, 'recursive');
    this.depth += 1;
    const key = this.describe(die, alias);
    this.depth -= 1;
    this.keys.set(die.offset, key);
    return key;
  }

  private describe(die: Die, alias: string | undefined): string {
    const type = readType(die);
    switch (type.kind) {
      case 'void':
      case 'base':
      case 'enum':
      case 'other':
        return plainKey(type);
      case 'pointer':
        return `${type.symbol === '*' ? '*' : '&'}${this.keyOf(type.target)}`;
      case 'member-pointer':
        return `::*${type.sizeBytes ?? ''}${this.keyOf(type.target)}`;
      case 'qualified':
        return this.aliased(type.target, alias);
      case 'alias':
        return this.aliased(type.target, type.name);
      case 'array':
        return `${dimensions(type)}${this.keyOf(type.element)}`;
      case 'function': {
        const parameters = type.parameters.map((parameter) => this.keyOf(parameter));
        if (type.variadic) parameters.push('...');
        return `${this.keyOf(type.returns)}(${parameters.join(',')})`;
      }
      case 'record': {
        const name = type.name ?? alias;
        return name === undefined
          ? this.content(die)
          : `${type.keyword === 'union' ? 'union' : 'struct'} ${name}`;
      }
    }
  }

  private aliased(target: TypeDie, alias: string | undefined): string {
    return target === undefined ? 'void' : this.once(target, alias);
  }

  /** A type without a name is what it holds. */
  private content(die: Die): string {
    const { sizeBytes, fields } = this.layoutOf(die);
    return `{${sizeBytes ?? '?'};${fields.map(({ place, key }) => `${place}:${key}`).join(',')}}`;
  }
}

/** The record that a member holds, when the source gives it no name: its members are as good as
 *  members of the record around it. */
function namelessRecord({ type, bits, isBaseClass }: Member): Die | undefined {
  if (type === undefined || bits !== undefined || isBaseClass) return undefined;
  const isRecord = type.tag === DW_TAG.structure_type || type.tag === DW_TAG.union_type;
  return isRecord && !type.has(DW_AT.name) && !type.has(DW_AT.declaration) ? type : undefined;
}

function readEnumerators(die: Die): Map<string, string> {
  const values = new Map<string, string>();
  for (const child of die.children()) {
    if (child.tag !== DW_TAG.enumerator) continue;
    const value = child.value(DW_AT.const_value);
    values.set(
      child.text(DW_AT.name) ?? '',
      value?.kind === 'constant' ? String(value.value) : '?',
    );
  }
  return values;
}

function readSlots(record: Die): Slot[] {
  const slots: Slot[] = [];
  for (const child of record.children()) {
    if (child.tag !== DW_TAG.subprogram || !child.has(DW_AT.vtable_elem_location)) continue;
    const number = constantOf(child, DW_AT.vtable_elem_location);
    if (number === undefined) continue;
    const text = methodText(child);
    const linkageName = child.text(DW_AT.linkage_name) ?? child.text(DW_AT.MIPS_linkage_name);
    slots.push({ number, key: linkageName ?? text, text });
  }
  // clang says 0 of every destructor.
  const isMisplaced = ({ number, text }: Slot): boolean =>
    text.startsWith('~') && slots.some((slot) => slot.number === number && slot.text !== text);
  return slots.filter((slot) => !isMisplaced(slot)).sort((a, b) => a.number - b.number);
}

function methodText(method: Die): string {
  const entries = parameterDies(method).entries;
  const visible = entries.filter((entry) => !entry.flag(DW_AT.artificial));
  const list = visible.map((entry) => typeText(typeOf(entry))).join(', ');
  return `${method.text(DW_AT.name) ?? ''}(${list})${isConstMethod(entries) ? ' const' : ''}`;
}
