/** Which functions of a freshly compiled object differ from the code that runs now. */
import type { LiveSymbol } from '../link/live-symbols.js';
import { isColdPart, isCompilerMade } from '../link/live-unit.js';
import type { Binder } from '../link/bind.js';
import type { ObjectFunction, ObjectUnit } from '../link/object-unit.js';
import type { Machine } from '../arch/arch.js';
import type { Addr } from '../core/address.js';
import type { CodeComparer } from './compare-code.js';
import type { Comparison } from './comparison.js';
import { fingerprintOf } from './fingerprint.js';
import type { Body } from './ledger.js';

export interface FunctionState {
  readonly fn: ObjectFunction;
  /** The live function of that name; undefined for a new one or one the program inlined away. */
  readonly live: LiveSymbol | undefined;
  /** Against the body that runs now; a new function differs from nothing. */
  readonly comparison: Comparison;
}

export interface DiffInput {
  readonly unit: ObjectUnit;
  readonly binder: Binder;
  readonly comparer: CodeComparer;
  readonly machine: Machine;
  /** Bodies that entries lead to now. */
  readonly bodies: ReadonlyMap<Addr, Body>;
}

/** One state for each function and each clone of one; a cold part counts as its function. */
export function compareFunctions(input: DiffInput): FunctionState[] {
  const states = new Map<ObjectFunction, FunctionState>();
  for (const fn of input.unit.functions) {
    const live = input.binder.counterparts.versionOf(fn);
    // A weak function whose place a stronger one has is not in the program.
    if (live !== undefined && fn.isReplaceable && !input.binder.counterparts.owns(live)) continue;
    states.set(fn, {
      fn,
      live,
      comparison: live === undefined ? { same: false, reason: 'body' } : compare(fn, live, input),
    });
  }
  return [...states.values()]
    .filter(({ fn }) => !isColdPart(fn.name) && !isSecondName(fn, input.binder))
    .map((state) => ({
      ...state,
      comparison: withParts(state, [...states.values()], input.bodies),
    }));
}

/** A name that the compiler made for a function which has another one (`f.localalias`). */
function isSecondName(fn: ObjectFunction, binder: Binder): boolean {
  return isCompilerMade(fn.name) && binder.functionAt(fn.section, fn.offset) !== fn;
}

function compare(fn: ObjectFunction, live: LiveSymbol, input: DiffInput): Comparison {
  const body = input.bodies.get(live.address);
  if (body === undefined) return input.comparer.compareFunction(fn, live.address, live.sizeBytes);
  const same = fingerprintOf(fn, input.unit, input.binder, input.machine) === body.fingerprint;
  return same ? { same: true } : { same: false, reason: 'body' };
}

/** A function whose cold part changed has changed. A patched body was compared whole. */
function withParts(
  state: FunctionState,
  all: readonly FunctionState[],
  bodies: ReadonlyMap<Addr, Body>,
): Comparison {
  if (!state.comparison.same || state.live === undefined || bodies.has(state.live.address))
    return state.comparison;
  const part = all.find(
    ({ fn, live, comparison }) =>
      !comparison.same && live !== undefined && fn.name.startsWith(`${state.fn.name}.cold`),
  );
  return part?.comparison ?? state.comparison;
}
