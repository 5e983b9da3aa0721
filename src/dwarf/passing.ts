/**
 * How C++ passes an object by value. One whose class has a destructor, a copy or a move
 * constructor of its own goes by reference to a copy, whatever its members are.
 * @see Itanium C++ ABI, 3.1.2.3 (non-trivial for the purposes of calls)
 */
import { DW_AT, DW_CC, DW_DEFAULTED, DW_TAG } from './constants.js';
import type { Die } from './die.js';
import { parameterDies, readType, typeOf, withoutAliases } from './types.js';

/** True when the record itself says so; what its members and bases say is theirs.
 *  @throws HcrError `malformed-file`
 *  @see DWARF 5, 5.7.1.2 for DW_AT_calling_convention of a class */
export function isPassedByReference(record: Die): boolean {
  const convention = record.constant(DW_AT.calling_convention);
  if (convention === DW_CC.pass_by_reference) return true;
  // Without the attribute its members tell; clang, which has it, lists only those that are used.
  return convention !== DW_CC.pass_by_value && hasOwnCopying(record);
}

function hasOwnCopying(record: Die): boolean {
  const className = record.text(DW_AT.name)?.replace(/<.*/s, '');
  for (const child of record.children()) {
    if (child.tag !== DW_TAG.subprogram || isCompilerMade(child)) continue;
    const name = child.text(DW_AT.name);
    if (name?.startsWith('~')) return true;
    if (name !== undefined && name === className && takesItsOwnClass(child, record)) return true;
  }
  return false;
}

function isCompilerMade(method: Die): boolean {
  return (
    method.flag(DW_AT.artificial) || method.constant(DW_AT.defaulted) === DW_DEFAULTED.in_class
  );
}

function takesItsOwnClass(constructor: Die, record: Die): boolean {
  const [first, ...others] = parameterDies(constructor).entries.filter(
    (parameter) => !parameter.flag(DW_AT.artificial),
  );
  if (first === undefined || others.length > 0) return false;
  const type = readType(typeOf(first));
  if (type.kind !== 'pointer' || type.symbol === '*') return false;
  return withoutAliases(type.target)?.offset === record.offset;
}
