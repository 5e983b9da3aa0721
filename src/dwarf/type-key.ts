/**
 * Types as a caller's machine code sees them: equal keys mean that values are passed, returned
 * and laid out alike. Names of typedefs, qualifiers and names of members make no difference; nor
 * does an `enum` against an integer of its size.
 *
 * What a pointer points to is described by name only as far as records go, so that adding a
 * member to a structure is no change of each function that takes its address. It is compared as
 * the layout of that structure, once, elsewhere.
 */
import { createHash } from 'node:crypto';
import { DW_ATE } from './constants.js';
import type { Die } from './die.js';
import { type Member, readMembers } from './members.js';
import { isPassedByReference } from './passing.js';
import { readType, type Type, type TypeDie } from './types.js';

/** Deeper than types are; beyond it nothing is told apart. */
const MAX_DEPTH = 64;

/** Longer keys are replaced by a digest, so that types which share parts do not grow twofold
 *  with each level. */
const MAX_KEY_LENGTH = 512;

/** @throws HcrError `malformed-file` */
export function typeKey(die: TypeDie): string {
  return new KeyWriter().value(die);
}

/** One walk through the types that a key is made of. */
class KeyWriter {
  private readonly known = new Map<string, string>();
  private depth = 0;

  /** A type whose values themselves are at hand. */
  value(die: TypeDie): string {
    return this.once('value', die, (entry) => this.describe(entry));
  }

  /** A type that is only pointed to.
   *  @param alias the name of the nearest typedef around it */
  private pointee(die: TypeDie, alias?: string): string {
    const type = readType(die);
    if (type.kind === 'record') {
      const name = type.name ?? alias;
      if (name !== undefined) return `${type.keyword === 'union' ? 'union' : 'struct'} ${name}`;
    }
    return this.once('pointee', die, () => {
      switch (type.kind) {
        case 'qualified':
          return this.pointee(type.target, alias);
        case 'alias':
          return this.pointee(type.target, type.name);
        case 'array':
          return `${dimensions(type)}${this.pointee(type.element)}`;
        case 'function': {
          const parameters = type.parameters.map((parameter) => this.pointee(parameter));
          if (type.variadic) parameters.push('...');
          return `${this.pointee(type.returns)}(${parameters.join(',')})`;
        }
        default:
          return this.value(die);
      }
    });
  }

  private describe(die: TypeDie): string {
    const type = readType(die);
    switch (type.kind) {
      case 'void':
      case 'base':
      case 'enum':
      case 'other':
        return plainKey(type);
      case 'pointer':
        return `${type.symbol}${this.pointee(type.target)}`;
      case 'member-pointer':
        return `::*${type.sizeBytes ?? ''}${this.pointee(type.target)}`;
      case 'qualified':
      case 'alias':
        return this.value(type.target);
      case 'array':
        return `${dimensions(type)}${this.value(type.element)}`;
      case 'function':
        return this.pointee(die);
      case 'record':
        return die === undefined ? '' : this.record(die, type);
    }
  }

  private record(die: Die, type: Extract<Type, { readonly kind: 'record' }>): string {
    if (type.isDeclaration) return `incomplete ${type.name ?? ''}`;
    const members = readMembers(die).map((member) => this.member(member));
    const passed = isPassedByReference(die) ? '&' : '';
    return `${passed}{${type.sizeBytes ?? '?'};${members.join(',')}}`;
  }

  private member({ offsetBytes, bits, type }: Member): string {
    const place = bits ? `${bits.offsetBits}/${bits.sizeBits}b` : `${offsetBytes ?? '?'}`;
    return `${place}:${this.value(type)}`;
  }

  /** A type that contains itself has no end; only a damaged file has one. */
  private once(how: string, die: TypeDie, describe: (die: TypeDie) => string): string {
    if (die === undefined) return describe(die);
    const place = `${how} ${die.offset}`;
    const known = this.known.get(place);
    if (known !== undefined) return known;
    if (this.depth >= MAX_DEPTH) return '…';
    this.known.set(place, 'recursive');
    this.depth += 1;
    const key = shorten(describe(die));
    this.depth -= 1;
    this.known.set(place, key);
    return key;
  }
}

/** `[2][3]` of an array, with a mark for a vector. */
export function dimensions(type: Extract<Type, { readonly kind: 'array' }>): string {
  const counts = type.counts.map((count) => `[${count ?? ''}]`).join('');
  return type.isVector ? `vector${counts}` : counts;
}

function shorten(key: string): string {
  return key.length <= MAX_KEY_LENGTH ? key : createHash('sha256').update(key).digest('hex');
}

/** The key of a type that is made of no other. */
export function plainKey(
  type: Extract<Type, { readonly kind: 'void' | 'base' | 'enum' | 'other' }>,
): string {
  switch (type.kind) {
    case 'void':
      return 'void';
    case 'base':
      return baseKey(type.encoding, type.sizeBytes, type.name);
    case 'enum':
      return `${type.signed ? 'signed' : 'unsigned'}:${type.sizeBytes ?? '?'}`;
    case 'other':
      return `other ${type.name}:${type.sizeBytes ?? '?'}`;
  }
}

function baseKey(encoding: number, sizeBytes: number, name: string): string {
  switch (encoding) {
    case DW_ATE.signed:
    case DW_ATE.signed_char:
      return `signed:${sizeBytes}`;
    case DW_ATE.unsigned:
    case DW_ATE.unsigned_char:
    case DW_ATE.UTF:
      return `unsigned:${sizeBytes}`;
    case DW_ATE.boolean:
      return `bool:${sizeBytes}`;
    case DW_ATE.float:
      // Two formats of one size (long double, __float128) are told apart by name.
      return sizeBytes > 8 ? `float:${sizeBytes}:${name}` : `float:${sizeBytes}`;
    case DW_ATE.complex_float:
      return `complex:${sizeBytes}`;
    default:
      return `encoding${encoding}:${sizeBytes}:${name}`;
  }
}
