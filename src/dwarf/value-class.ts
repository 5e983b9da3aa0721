/** How a value of a type is passed and returned, as far as every machine agrees on it. */
import { DW_ATE } from './constants.js';
import { type TypeDie, readType, sizeOfType, withoutAliases } from './types.js';

/** `other`: records, wide integers, complex numbers and all else that takes a closer look. */
export type ValueClass = 'nothing' | 'integer' | 'floating-point' | 'other';

const WORD_BYTES = 8;
const INTEGERS: readonly number[] = [
  DW_ATE.boolean,
  DW_ATE.signed,
  DW_ATE.signed_char,
  DW_ATE.unsigned,
  DW_ATE.unsigned_char,
  DW_ATE.UTF,
];

/** @throws HcrError `malformed-file` */
export function valueClass(die: TypeDie): ValueClass {
  const type = readType(withoutAliases(die));
  switch (type.kind) {
    case 'void':
      return 'nothing';
    case 'pointer':
    case 'enum':
      return 'integer';
    case 'base':
      if ((sizeOfType(die) ?? Number.POSITIVE_INFINITY) > WORD_BYTES) return 'other';
      if (INTEGERS.includes(type.encoding)) return 'integer';
      return type.encoding === DW_ATE.float ? 'floating-point' : 'other';
    default:
      return 'other';
  }
}
