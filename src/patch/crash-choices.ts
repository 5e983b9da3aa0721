/**
 * What can be made of a crash, and why the rest cannot. To leave a function one has to know its
 * caller's registers and where its result goes; to call it again, its arguments too. What is not
 * known for certain is not done: a wrong register is found long after, far away.
 */
import type { CallingConvention } from '../arch/calling-convention.js';
import type { Decoder } from '../arch/decoder.js';
import type { RegisterSet } from '../arch/register-set.js';
import type { ValueClass } from '../dwarf/value-class.js';

/** How the function is called, by its declaration. */
export interface CalledAs {
  readonly returns: ValueClass;
  readonly neverReturns: boolean;
  readonly parameters: readonly ValueClass[];
  readonly variadic: boolean;
  /** True when all its callers are in one file: then the compiler may pass other arguments than
   *  the source says. */
  readonly isInternal: boolean;
}

export interface CrashFacts {
  readonly name: string;
  /** How sure the frame of the caller is. */
  readonly caller: 'certain' | 'uncertain' | 'beyond-signal' | 'none';
  readonly hasShadowStack: boolean;
  readonly calledAs: CalledAs | undefined;
  /** Registers that the function may have written since it was called; undefined when that is not
   *  known. */
  readonly written: RegisterSet | undefined;
  /** True when it replaced a version that a call leads to now. */
  readonly hasPrevious: boolean;
}

export interface CrashObstacles {
  readonly return?: string;
  readonly previous?: string;
  readonly retry?: string;
}

export function crashObstacles(
  facts: CrashFacts,
  convention: CallingConvention,
  decoder: Decoder,
): CrashObstacles {
  const leaving = whyNotLeave(facts);
  const returning = leaving ?? whyNotReturn(facts);
  const calling = leaving ?? whyNotCall(facts, convention, decoder);
  const previous =
    calling ?? (facts.hasPrevious ? undefined : `no call leads to an earlier ${facts.name}`);
  return {
    ...(returning === undefined ? {} : { return: returning }),
    ...(previous === undefined ? {} : { previous }),
    ...(calling === undefined ? {} : { retry: calling }),
  };
}

function whyNotLeave({ caller, hasShadowStack }: CrashFacts): string | undefined {
  if (hasShadowStack) return 'the processor keeps return addresses of its own (shadow stack)';
  switch (caller) {
    case 'certain':
      return undefined;
    case 'uncertain':
      return 'the stack between the fault and the caller has no certain description';
    case 'beyond-signal':
      return 'a signal handler is between the fault and the caller';
    case 'none':
      return 'it has no caller to go back to';
  }
}

function whyNotReturn({ name, calledAs }: CrashFacts): string | undefined {
  if (calledAs === undefined) return `debug information does not say what ${name} returns`;
  if (calledAs.neverReturns) return `${name} is declared never to return`;
  if (calledAs.returns === 'other')
    return `${name} returns a record or a wide number, which cannot be given by hand`;
  return undefined;
}

function whyNotCall(
  { name, calledAs, written }: CrashFacts,
  { argumentRegisters }: CallingConvention,
  decoder: Decoder,
): string | undefined {
  if (calledAs === undefined) return `debug information does not say how ${name} is called`;
  const { parameters, variadic, returns } = calledAs;
  if (variadic) return `${name} takes a variable number of arguments`;
  if (parameters.includes('other'))
    return `${name} takes a record or a wide number, which may be on the stack and changed`;
  // A record may be returned through an address that is passed like an argument.
  const integers =
    parameters.filter((each) => each === 'integer').length + (returns === 'other' ? 1 : 0);
  const floats = parameters.filter((each) => each === 'floating-point').length;
  const { integer, 'floating-point': floating } = argumentRegisters;
  if (integers > integer.length || floats > floating.length)
    return `${name} has arguments on the stack, which it may have changed`;
  const needed = calledAs.isInternal
    ? (decoder.passed & ~decoder.returned) | union([...integer, ...floating.slice(0, floats)])
    : union([...integer.slice(0, integers), ...floating.slice(0, floats)]);
  if (needed === 0n) return undefined;
  if (written === undefined) return `it is not known what ${name} did before`;
  const lost = needed & written;
  if (lost === 0n) return undefined;
  return `${name} has used the registers of its arguments for other things since (${decoder.namesOf(lost).join(', ')})`;
}

function union(sets: readonly RegisterSet[]): RegisterSet {
  return sets.reduce((all, each) => all | each, 0n);
}
