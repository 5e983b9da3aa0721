/**
 * How a function is called. Two functions with equal keys can stand in for each other; what a
 * person reads are declarations.
 */
import type { Difference } from '../core/failure-codes.js';
import { DW_AT, DW_CC } from './constants.js';
import type { FunctionEntry } from './functions.js';
import { readMembers } from './members.js';
import { typeKey } from './type-key.js';
import { parameterList, typeText } from './type-text.js';
import { declaredParameters, readType, type TypeDie, typeOf, withoutAliases } from './types.js';

/** A parameter or what is returned. */
export interface SignaturePart {
  /** The type as the source has it. */
  readonly text: string;
  /** Equal when the machine code of a caller is. */
  readonly key: string;
  /** How a record is laid out; empty for other types. */
  readonly layout: string;
  /** True for a record of which only the name is known: clang describes those that another file
   *  instantiates nowhere else. */
  readonly isIncomplete: boolean;
}

export interface Signature {
  readonly name: string;
  /** `int f1(int, const char *)` */
  readonly text: string;
  /** Equal when callers need not be compiled anew. */
  readonly key: string;
  readonly returns: SignaturePart;
  /** With the hidden `this` of a member function. */
  readonly parameters: readonly SignaturePart[];
  readonly variadic: boolean;
  /** A `DW_CC` number. */
  readonly callingConvention: number;
  /** Declared so, and callers have no code behind a call of it. */
  readonly neverReturns: boolean;
}

/** From the declaration of a function, which names also those parameters that the compiler
 *  removed from its body.
 *  @throws HcrError `malformed-file`
 *  @see DWARF 5, 3.3.1 to 3.3.3 */
export function signatureOf(entry: FunctionEntry): Signature {
  const origins = entry.declaration().origins([DW_AT.specification]);
  const { entries, variadic } = declaredParameters(entry.declaration());
  const returnType = typeOf(entry.declaration());
  const returns = partOf(returnType);
  const parameters = entries.map((die) => partOf(typeOf(die)));
  const visible = entries.flatMap((die, index) =>
    die.flag(DW_AT.artificial) ? [] : [parameters[index]?.text ?? ''],
  );
  const list = parameterList(visible, variadic);
  const callingConvention =
    origins.map((die) => die.constant(DW_AT.calling_convention)).find((cc) => cc !== undefined) ??
    DW_CC.normal;
  const neverReturns = origins.some((die) => die.flag(DW_AT.noreturn));
  const keys = parameters.map(({ key }) => key).concat(variadic ? ['...'] : []);
  const convention = callingConvention === DW_CC.normal ? '' : `cc${callingConvention} `;
  const attributes = [
    ...(callingConvention === DW_CC.normal ? [] : [conventionText(callingConvention)]),
    ...(neverReturns ? ['noreturn'] : []),
  ].map((attribute) => `__attribute__((${attribute})) `);
  return {
    name: entry.qualifiedName,
    text: attributes.join('') + typeText(returnType, `${entry.qualifiedName}(${list})`),
    key: `${neverReturns ? 'noreturn ' : ''}${convention}${returns.key}(${keys.join(',')})`,
    returns,
    parameters,
    variadic,
    callingConvention,
    neverReturns,
  };
}

/** Where compilers have a word for it in the source.
 *  @see llvm/BinaryFormat/Dwarf.def */
const CONVENTIONS: ReadonlyMap<number, string> = new Map([
  [0xc0, 'vectorcall'],
  [0xc1, 'ms_abi'],
  [0xc2, 'sysv_abi'],
  [0xc8, 'swiftcall'],
  [0xc9, 'preserve_most'],
  [0xca, 'preserve_all'],
  [0xcb, 'regcall'],
]);

function conventionText(callingConvention: number): string {
  return CONVENTIONS.get(callingConvention) ?? `calling convention ${callingConvention}`;
}

/** In what the edited function is called differently; empty when it can replace the live one. */
export function compareSignatures(live: Signature, edited: Signature): readonly Difference[] {
  if (live.key === edited.key) return [];
  const whole = (what: string): Difference => ({ what, live: live.text, edited: edited.text });
  const differences: Difference[] = [];
  const compareParts = (what: string, a: SignaturePart, b: SignaturePart): void => {
    if (a.key === b.key) return;
    if (a.text === b.text && (a.isIncomplete || b.isIncomplete)) return;
    // The same words for two things: the difference is inside them.
    const isInside = a.text === b.text && a.layout !== b.layout;
    differences.push(isInside ? { what, live: a.layout, edited: b.layout } : whole(what));
  };
  compareParts(`what ${live.name} returns`, live.returns, edited.returns);
  const inBoth = Math.min(live.parameters.length, edited.parameters.length);
  for (let index = 0; index < inBoth; index++) {
    const a = live.parameters[index];
    const b = edited.parameters[index];
    if (a && b) compareParts(`parameter ${index + 1} of ${live.name}`, a, b);
  }
  if (live.parameters.length !== edited.parameters.length) {
    differences.push(whole(`the number of parameters of ${live.name}`));
  }
  if (live.variadic !== edited.variadic) {
    differences.push(whole(`whether ${live.name} takes further arguments`));
  }
  // One that no longer returns does its callers no harm.
  if (live.neverReturns && !edited.neverReturns) {
    differences.push(whole(`whether ${live.name} returns`));
  }
  if (live.callingConvention !== edited.callingConvention) {
    differences.push(whole(`the calling convention of ${live.name}`));
  }
  return differences;
}

function partOf(die: TypeDie): SignaturePart {
  const type = readType(withoutAliases(die));
  const isIncomplete = type.kind === 'record' && type.isDeclaration;
  return { text: typeText(die), key: typeKey(die), layout: layoutText(die), isIncomplete };
}

/** More members than a message should list. */
const LISTED_MEMBERS = 32;

function layoutText(die: TypeDie): string {
  const plain = withoutAliases(die);
  const type = readType(plain);
  if (plain === undefined || type.kind !== 'record') return '';
  const members = readMembers(plain).map(({ name, type: memberType, offsetBytes, bits }) => {
    const place = bits
      ? `bits ${bits.offsetBits} to ${bits.offsetBits + bits.sizeBits}`
      : `at ${offsetBytes ?? '?'}`;
    return `${typeText(memberType, name)} ${place}`;
  });
  const listed = members.slice(0, LISTED_MEMBERS);
  if (listed.length < members.length) listed.push('…');
  return `${typeText(plain)} of ${type.sizeBytes ?? '?'} bytes: ${listed.join(', ')}`;
}
