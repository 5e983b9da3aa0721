/**
 * Where a function expects its parameters. For most functions the platform's calling convention
 * says so; for the clones that gcc makes of static ones (`f.isra.0`, `f.constprop.0`, `f.part.0`)
 * only the debug information does: a parameter may be gone, be a constant, or have moved up.
 *
 * Clones of one name with different homes are called in different ways. The reverse holds only
 * for how parameters are passed, and only where nothing is left open, see {@link accountsForAll}:
 * gcc has the same words for a parameter that nobody reads and for one replaced by a member of
 * what it points to. It has none for a result that is no longer returned, nor for what a
 * `.constprop` clone takes for granted about the memory behind a pointer that it is still passed.
 * @see DWARF 5, 2.6, 3.3.8 and 4.1; gcc, ipa-param-manipulation.cc
 */
import { DW_AT, DW_OP } from './constants.js';
import type { Die } from './die.js';
import { abstractInstance } from './entity.js';
import type { FormValue } from './form.js';
import type { FunctionEntry } from './functions.js';
import { expressionAt } from './location-lists.js';
import { type ExpressionSurroundings, hexText, portableExpression } from './portable-expression.js';
import { parameterDies } from './types.js';

/** Names what is at an address in words that are the same for another file; `undefined` when it
 *  can't. */
export type NameAddress = (address: number) => string | undefined;

/** The body doesn't mention the parameter. */
const ABSENT = 'absent';
/** The body mentions it, but says nothing of it that holds on entry. */
const NOWHERE = 'nowhere';
/** What the body says of it can't be compared: followed by a number that no other home has. */
const INCOMPARABLE = 'incomparable ';

/** A parameter that is not passed: what it would be is for the caller's entry to say. */
const NOT_PASSED = hexText(Uint8Array.of(DW_OP.GNU_parameter_ref));

/** More than constants take. */
const MAX_CONSTANT_BYTES = 4096;

/**
 * For each declared parameter where it is when the function is entered:
 * - `const:-1`, `const:0x0000c03f`: always this number, these bytes
 * - `55`, `fa{parameter 1}9f`: where an expression says, see {@link portableExpression}
 * - `nowhere`, `absent`: see there
 * - `incomparable 3`: unequal to all others, itself at another time included
 *
 * What the body mentions without it being declared follows after a `+`. `undefined` when the
 * function has no entry.
 * @param nameOfAddress without it no address is comparable
 * @throws HcrError `malformed-file`
 */
export function parameterHomes(
  entry: FunctionEntry,
  nameOfAddress: NameAddress = () => undefined,
): readonly string[] | undefined {
  const entryAddress = entry.entry;
  if (entryAddress === undefined) return undefined;
  const body = entry.die();
  const numbers = new Map<number, number>();
  for (const { offset } of declaredParameters(entry)) numbers.set(offset, numbers.size);

  const plain: ExpressionSurroundings = {
    unit: body.unit,
    nameOfAddress,
    numberOfParameter: (parameter) => numbers.get(abstractInstance(parameter).offset),
    frameBase: undefined,
  };
  const frameBase = expressionAt(body, DW_AT.frame_base, entryAddress);
  const around = { ...plain, frameBase: frameBase && portableExpression(frameBase, plain) };

  const homes = Array.from(numbers, () => ABSENT);
  const undeclared: string[] = [];
  const isHome = new Set<number>();
  for (const parameter of parameterDies(body).entries) {
    const number = plain.numberOfParameter(parameter);
    const home = homeOf(parameter, entryAddress, around);
    if (number === undefined || isHome.has(number)) {
      undeclared.push(`+${home}`);
    } else {
      homes[number] = home;
      isHome.add(number);
    }
  }
  return [...homes, ...undeclared];
}

/** Whether each parameter is a constant or in a known place. Only then do equal homes mean that
 *  the parameters are passed alike; what the function expects behind a pointer is not among them. */
export function accountsForAll(homes: readonly string[]): boolean {
  return !homes.some(
    (home) =>
      home === ABSENT ||
      home.endsWith(NOWHERE) ||
      home.includes(INCOMPARABLE) ||
      home.startsWith(NOT_PASSED),
  );
}

function homeOf(parameter: Die, address: number, around: ExpressionSurroundings): string {
  const constant = parameter.value(DW_AT.const_value);
  if (constant !== undefined) {
    const text = constantText(parameter, constant, around);
    return text === undefined ? incomparable() : `const:${text}`;
  }
  const expression = expressionAt(parameter, DW_AT.location, address);
  if (expression === undefined || expression.length === 0) return NOWHERE;
  return portableExpression(expression, around) ?? incomparable();
}

function constantText(
  parameter: Die,
  value: FormValue,
  around: ExpressionSurroundings,
): string | undefined {
  switch (value.kind) {
    case 'constant':
      return String(value.value);
    case 'block':
      if (value.bytes.length > MAX_CONSTANT_BYTES) return undefined;
      return `0x${hexText(value.bytes)}`;
    case 'text':
    case 'text-offset':
    case 'text-index': {
      const text = parameter.text(DW_AT.const_value);
      if (text === undefined || text.length > MAX_CONSTANT_BYTES) return undefined;
      return JSON.stringify(text);
    }
    case 'address':
    case 'address-index': {
      const address = parameter.address(DW_AT.const_value);
      const name = address ? around.nameOfAddress(address) : undefined;
      return name === undefined ? undefined : `{${name}}`;
    }
    default:
      return undefined;
  }
}

let incomparableCount = 0;

function incomparable(): string {
  incomparableCount += 1;
  return `${INCOMPARABLE}${incomparableCount}`;
}

/** From the body's abstract instance or, if that names none, the declaration it completes. */
function declaredParameters(entry: FunctionEntry): readonly Die[] {
  for (const die of entry.declaration().origins([DW_AT.specification])) {
    const { entries } = parameterDies(die);
    if (entries.length > 0) return entries;
  }
  return [];
}
