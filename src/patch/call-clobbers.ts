/**
 * What a call changes, and what a compiler that saw the callee takes for changed.
 *
 * By the calling convention a caller expects the caller-saved registers to be lost in any call.
 * gcc's -fipa-ra (on from -O2; "Options That Control Optimization" in the gcc manual) expects
 * less: within one translation unit it compiles callees first, remembers which registers each one
 * really changes (`collect_fn_hard_reg_usage` in gcc/final.cc), and lets a direct caller keep a
 * value in one that stays as it is. Such a caller breaks, in silence, when the callee gets a new
 * body that changes more.
 *
 * So there are two bounds, and their directions matter:
 * - `possible`, at least all that a call may change: for the new body;
 * - `assumed`, at most what the compiler took for changed: for the body which a caller was compiled
 *   against. Everything outside it may have been relied on.
 * `possible(new) & ~assumed(old)` is what such callers may lose; src/patch/relied-registers.ts
 * finds out whether they keep anything there.
 *
 * Both are unions over all bodies that direct calls and jumps lead to. What they do not see, a
 * call through a pointer or into another module, is everything to both: there the compiler goes by
 * the convention as well. They differ where an instruction can be two things. An indirect jump may
 * be a call of anything in tail position, or a switch that stays inside.
 */
import type { Decoder } from '../arch/decoder.js';
import type { RegisterSet } from '../arch/register-set.js';
import type { Addr } from '../core/address.js';
import {
  type CodeSource,
  type FlowGraph,
  type FunctionCode,
  flowGraphOf,
  leavesFunction,
} from './function-code.js';

export interface CallClobbers {
  /** Registers that a call may change, caller-saved ones only. */
  readonly possible: RegisterSet;
  /** Registers that a compiler which saw the body certainly expects to be changed. */
  readonly assumed: RegisterSet;
}

/** What one body does by itself, and where it leads. */
interface OwnEffects extends CallClobbers {
  readonly successors: readonly Addr[];
}

/** Clobbers of the functions of one code source; each body is read once. */
export interface ClobberAnalysis {
  /** By a call that arrives at `target`. */
  readonly clobbersOf: (target: Addr) => CallClobbers;
  readonly graphOf: (fn: FunctionCode) => FlowGraph;
}

/** Kept with the source, which is one state and does not change. */
const ANALYSES = new WeakMap<CodeSource, ClobberAnalysis>();

export function analyzeClobbers(decoder: Decoder, source: CodeSource): ClobberAnalysis {
  const known = ANALYSES.get(source) ?? newAnalysis(decoder, source);
  ANALYSES.set(source, known);
  return known;
}

function newAnalysis(decoder: Decoder, source: CodeSource): ClobberAnalysis {
  const graphOf = (fn: FunctionCode): FlowGraph => flowGraphOf(decoder, source, fn);
  const effects = new Map<Addr, OwnEffects>();
  const results = new Map<Addr, CallClobbers>();
  const everything = { possible: decoder.callClobbered, assumed: decoder.callClobbered };

  const effectsOf = (fn: FunctionCode): OwnEffects => {
    const own = effects.get(fn.entry) ?? ownEffects(decoder, graphOf(fn));
    effects.set(fn.entry, own);
    return own;
  };

  const clobbersOf = (target: Addr): CallClobbers => {
    const known = results.get(target);
    if (known) return known;
    let [possible, assumed] = [0n, 0n];
    const seen = new Set<Addr>();
    const pending = [target];
    // A set union over what can be reached: recursion adds nothing and needs no fixpoint.
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const fn = source.functionAt(at);
      if (fn && seen.has(fn.entry)) continue;
      if (fn) seen.add(fn.entry);
      const own = fn ? effectsOf(fn) : { ...everything, successors: [] };
      possible |= own.possible;
      assumed |= own.assumed;
      if (assumed === decoder.callClobbered) break;
      pending.push(...own.successors);
    }
    const clobbers = {
      possible: assumed === decoder.callClobbered ? decoder.callClobbered : possible,
      assumed,
    };
    results.set(target, clobbers);
    return clobbers;
  };

  return { clobbersOf, graphOf };
}

function ownEffects(decoder: Decoder, graph: FlowGraph): OwnEffects {
  const { callClobbered } = decoder;
  let possible = graph.complete ? 0n : callClobbered;
  let assumed = 0n;
  const successors = new Set<Addr>();
  for (const instruction of graph.instructions) {
    const written = instruction.writes & callClobbered;
    possible |= written;
    assumed |= written;
    if (instruction.flow === 'indirect-call') assumed |= callClobbered;
    if (instruction.flow === 'indirect-jump') possible |= callClobbered;
    if (leavesFunction(graph, instruction)) {
      if (instruction.target === undefined) possible |= callClobbered;
      else successors.add(instruction.target);
    }
  }
  return { possible: possible | assumed, assumed, successors: [...successors] };
}
