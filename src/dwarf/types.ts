/**
 * What a type entry says, one level deep: other types are given as their entries, to be read in
 * turn. No entry at all stands for `void`, as in the file.
 * @see DWARF 5, 5
 */
import { DW_ATE, DW_AT, DW_TAG } from './constants.js';
import type { Die } from './die.js';
import { firstText, qualify, scopeAround } from './scope.js';

/** The entry of a type; `undefined` is `void`, or a type that is in another file. */
export type TypeDie = Die | undefined;

export type Type =
  | { readonly kind: 'void' }
  | {
      readonly kind: 'base';
      readonly name: string;
      readonly encoding: number;
      readonly sizeBytes: number;
    }
  | {
      readonly kind: 'pointer';
      readonly symbol: '*' | '&' | '&&';
      readonly sizeBytes: number;
      readonly target: TypeDie;
    }
  | {
      readonly kind: 'member-pointer';
      readonly sizeBytes: number | undefined;
      readonly target: TypeDie;
      readonly record: TypeDie;
    }
  | { readonly kind: 'qualified'; readonly qualifier: string; readonly target: TypeDie }
  | { readonly kind: 'alias'; readonly name: string; readonly target: TypeDie }
  /** `counts` outermost first; `undefined` for a dimension that is not a constant. */
  | {
      readonly kind: 'array';
      readonly element: TypeDie;
      readonly counts: readonly (number | undefined)[];
      readonly isVector: boolean;
    }
  | {
      readonly kind: 'function';
      readonly returns: TypeDie;
      readonly parameters: readonly TypeDie[];
      readonly variadic: boolean;
    }
  | {
      readonly kind: 'record';
      readonly keyword: 'struct' | 'class' | 'union';
      readonly name: string | undefined;
      readonly sizeBytes: number | undefined;
      readonly isDeclaration: boolean;
    }
  | {
      readonly kind: 'enum';
      readonly name: string | undefined;
      readonly sizeBytes: number | undefined;
      readonly signed: boolean;
    }
  | { readonly kind: 'other'; readonly name: string; readonly sizeBytes: number | undefined };

/** More typedefs and qualifiers around one type than anybody writes. */
const MAX_LAYERS = 64;

/** The type of a variable, parameter, member, function (what it returns) or other type. A
 *  definition or copy may leave it to its declaration to say.
 *  @throws HcrError `malformed-file` */
export function typeOf(die: Die): TypeDie {
  if (die.has(DW_AT.type)) return complete(die.reference(DW_AT.type));
  const origins = die.origins([DW_AT.abstract_origin, DW_AT.specification]);
  return complete(origins.find((origin) => origin.has(DW_AT.type))?.reference(DW_AT.type));
}

/** What a type that is in a unit of its own leaves behind is only its signature.
 *  @see DWARF 5, 5.7.1 and 3.1.4 */
function complete(die: TypeDie): TypeDie {
  return die?.has(DW_AT.signature) ? (die.reference(DW_AT.signature) ?? die) : die;
}

/** @throws HcrError `malformed-file` */
export function readType(die: TypeDie): Type {
  if (die === undefined) return { kind: 'void' };
  switch (die.tag) {
    case DW_TAG.base_type:
      return {
        kind: 'base',
        name: die.text(DW_AT.name) ?? '',
        encoding: die.constant(DW_AT.encoding) ?? 0,
        sizeBytes: byteSize(die) ?? 0,
      };
    case DW_TAG.pointer_type:
      return pointer(die, '*');
    case DW_TAG.reference_type:
      return pointer(die, '&');
    case DW_TAG.rvalue_reference_type:
      return pointer(die, '&&');
    case DW_TAG.ptr_to_member_type:
      return {
        kind: 'member-pointer',
        sizeBytes: byteSize(die),
        target: typeOf(die),
        record: complete(die.reference(DW_AT.containing_type)),
      };
    case DW_TAG.const_type:
      return { kind: 'qualified', qualifier: 'const', target: typeOf(die) };
    case DW_TAG.volatile_type:
      return { kind: 'qualified', qualifier: 'volatile', target: typeOf(die) };
    case DW_TAG.restrict_type:
      return { kind: 'qualified', qualifier: 'restrict', target: typeOf(die) };
    case DW_TAG.atomic_type:
      return { kind: 'qualified', qualifier: '_Atomic', target: typeOf(die) };
    case DW_TAG.packed_type:
    case DW_TAG.shared_type:
    case DW_TAG.immutable_type:
      return { kind: 'qualified', qualifier: '', target: typeOf(die) };
    case DW_TAG.typedef:
    case DW_TAG.template_alias:
      return { kind: 'alias', name: scopedName(die) ?? '', target: typeOf(die) };
    case DW_TAG.array_type:
      return readArray(die);
    case DW_TAG.subroutine_type:
    case DW_TAG.subprogram:
      return { kind: 'function', returns: typeOf(die), ...readParameters(die) };
    case DW_TAG.structure_type:
      return record(die, 'struct');
    case DW_TAG.class_type:
      return record(die, 'class');
    case DW_TAG.union_type:
      return record(die, 'union');
    case DW_TAG.enumeration_type:
      return readEnum(die);
    default:
      return { kind: 'other', name: scopedName(die) ?? '', sizeBytes: byteSize(die) };
  }
}

/** Without typedefs and qualifiers.
 *  @throws HcrError `malformed-file` */
export function withoutAliases(die: TypeDie): TypeDie {
  let at = die;
  for (let layer = 0; layer < MAX_LAYERS; layer++) {
    const type = readType(at);
    if (type.kind !== 'alias' && type.kind !== 'qualified') return at;
    at = type.target;
  }
  return undefined;
}

/** `undefined` for `void`, functions, incomplete types and arrays of unknown length.
 *  @throws HcrError `malformed-file` */
export function sizeOfType(die: TypeDie): number | undefined {
  return sizeWithin(die, MAX_LAYERS);
}

function sizeWithin(die: TypeDie, layers: number): number | undefined {
  if (layers === 0) return undefined;
  const stated = die && byteSize(die);
  if (stated !== undefined) return stated;
  const type = readType(die);
  switch (type.kind) {
    case 'alias':
    case 'qualified':
      return sizeWithin(type.target, layers - 1);
    case 'array': {
      let sizeBytes = sizeWithin(type.element, layers - 1);
      for (const count of type.counts) {
        sizeBytes = sizeBytes === undefined || count === undefined ? undefined : sizeBytes * count;
      }
      return sizeBytes;
    }
    case 'pointer':
      return type.sizeBytes;
    default:
      return undefined;
  }
}

/** Parameters of a function or function type in order, in a pack or not. */
export function readParameters(die: Die): {
  readonly parameters: readonly TypeDie[];
  readonly variadic: boolean;
} {
  const { entries, variadic } = parameterDies(die);
  return { parameters: entries.map(typeOf), variadic };
}

/** The entries of the parameters. */
export function parameterDies(die: Die): {
  readonly entries: readonly Die[];
  readonly variadic: boolean;
} {
  const entries: Die[] = [];
  let variadic = false;
  for (const child of die.children()) {
    switch (child.tag) {
      case DW_TAG.formal_parameter:
        entries.push(child);
        break;
      case DW_TAG.GNU_formal_parameter_pack:
        for (const inPack of child.children()) {
          if (inPack.tag === DW_TAG.formal_parameter) entries.push(inPack);
        }
        break;
      case DW_TAG.unspecified_parameters:
        variadic = true;
        break;
      default:
    }
  }
  return { entries, variadic };
}

/** As {@link parameterDies}, wherever the parameters of a function are listed: at its declaration, or
 *  at what that specifies.
 *  @param declaration the entry with the function's own declaration */
export function declaredParameters(declaration: Die): ReturnType<typeof parameterDies> {
  const lists = declaration.origins([DW_AT.specification]).map(parameterDies);
  const declared = lists.find(({ entries, variadic }) => entries.length > 0 || variadic);
  return declared ?? { entries: [], variadic: false };
}

/** Whether a method is one of a constant object, by the parameters it has. */
export function isConstMethod([first]: readonly Die[]): boolean {
  if (first?.flag(DW_AT.artificial) !== true) return false;
  const pointer = readType(withoutAliases(typeOf(first)));
  return pointer.kind === 'pointer' && pointer.target?.tag === DW_TAG.const_type;
}

function byteSize(die: Die): number | undefined {
  return die.constant(DW_AT.byte_size);
}

function pointer(die: Die, symbol: '*' | '&' | '&&'): Type {
  const sizeBytes = byteSize(die) ?? die.unit.header.encoding.addressBytes;
  return { kind: 'pointer', symbol, sizeBytes, target: typeOf(die) };
}

function record(die: Die, keyword: 'struct' | 'class' | 'union'): Type {
  return {
    kind: 'record',
    keyword,
    name: scopedName(die),
    sizeBytes: byteSize(die),
    isDeclaration: die.flag(DW_AT.declaration),
  };
}

function readEnum(die: Die): Type {
  const underlying = withoutAliases(typeOf(die));
  const encoding = die.constant(DW_AT.encoding) ?? underlying?.constant(DW_AT.encoding);
  return {
    kind: 'enum',
    name: scopedName(die),
    sizeBytes: byteSize(die) ?? sizeOfType(underlying),
    signed: encoding === DW_ATE.signed || encoding === DW_ATE.signed_char,
  };
}

function readArray(die: Die): Type {
  const counts: (number | undefined)[] = [];
  for (const child of die.children()) {
    if (child.tag === DW_TAG.subrange_type || child.tag === DW_TAG.enumeration_type) {
      counts.push(readCount(child));
    }
  }
  const isVector = die.flag(DW_AT.GNU_vector);
  return { kind: 'array', element: typeOf(die), counts, isVector };
}

/** `int a[0]` has an upper bound of -1, written in the width of the index type. */
function readCount(die: Die): number | undefined {
  const count = die.constant(DW_AT.count);
  if (count !== undefined) return count;
  const upper = die.value(DW_AT.upper_bound);
  if (upper?.kind !== 'constant') return undefined;
  const lower = die.constant(DW_AT.lower_bound) ?? 0;
  const bits = upper.sizeBytes * 8;
  const isMinusOne =
    upper.value === -1 ||
    (bits > 0 && BigInt(upper.value) === (1n << BigInt(bits)) - 1n && bits >= 32);
  if (isMinusOne) return 0;
  return typeof upper.value === 'number' ? Math.max(0, upper.value - lower + 1) : undefined;
}

/** `ns::Type`; `undefined` for a type without a name. */
function scopedName(die: Die): string | undefined {
  const origins = die.origins([DW_AT.specification]);
  const name = firstText(origins, DW_AT.name);
  return name === undefined ? undefined : qualify(scopeAround(origins.at(-1) ?? die), name);
}
