/**
 * Whether a function may be entered with the stack pointer not as the convention says.
 *
 * gcc records how much alignment each function needs and, in the same translation unit, does not
 * give a callee more (-fipa-stack-alignment, on at every level, -O0 too; `expand_call` in
 * gcc/calls.cc reads `preferred_incoming_stack_boundary`). A leaf that needs none is called with
 * rsp 8 bytes off, and so is a function that calls only such leaves:
 *
 *   caller: call leaf        # no sub $8,%rsp before it
 *           imul %esi,%eax
 *           ret
 *
 * Give the leaf a body that calls printf, and printf dies of a `movaps` to its stack. The old
 * callers can't be changed, so the new body has to be entered through code that aligns the stack:
 * a keeping stub, be there anything to keep or not; or be compiled with
 * -mincoming-stack-boundary=3, which also serves functions with arguments on the stack.
 *
 * Followed are remainders of the stack pointer, modulo the alignment, through each caller and up
 * through its callers. A function which calls anything unknown is compiled to need full alignment,
 * and so gets it; the search ends there. A call in tail position is made with the stack pointer as
 * it was at the caller's entry.
 */
import type { Decoder, Instruction } from '../arch/decoder.js';
import type { Addr } from '../core/address.js';
import {
  type CodeSource,
  endOf,
  fallsThrough,
  type FlowGraph,
  flowGraphOf,
  type FunctionCode,
  leavesFunction,
} from './function-code.js';

/** Possible remainders of the stack pointer: some count from that at the function's entry, some
 *  from a multiple of the alignment; or it may be anything. */
interface Remainders {
  readonly fromEntry: ReadonlySet<number>;
  readonly absolute: ReadonlySet<number>;
  readonly unknown: boolean;
}

const AT_ENTRY: Remainders = { fromEntry: new Set([0]), absolute: new Set(), unknown: false };
const NOWHERE: Remainders = { fromEntry: new Set(), absolute: new Set(), unknown: false };
const ANYTHING: Remainders = { ...NOWHERE, unknown: true };

/** True when some direct caller may call `entry` with a stack that is not aligned.
 *  @param source the code as the callers' compiler saw it */
export function mayEnterMisaligned(decoder: Decoder, source: CodeSource, entry: Addr): boolean {
  const { bytes: alignment, pushedByCall } = decoder.stackAlignment;
  const modulo = (value: number): number => ((value % alignment) + alignment) % alignment;
  const conventional = modulo(-pushedByCall);

  /** Remainders with which each function may be entered. */
  const entered = new Map<Addr, Set<number>>();
  const callers = new Map<Addr, readonly FlowGraph[]>();
  const graphOf = (fn: FunctionCode): FlowGraph => flowGraphOf(decoder, source, fn);
  const pending: Addr[] = [];
  const discover = (function_: Addr): void => {
    if (entered.has(function_)) return;
    entered.set(function_, new Set([conventional]));
    pending.push(function_);
  };
  // Who may call it, directly or through others that are as lax.
  discover(entry);
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const calling = source
      .callersOf(at)
      .map(graphOf)
      .filter((graph) => graph.instructions.some(({ target }) => target === at));
    callers.set(at, calling);
    for (const graph of calling) {
      if (!callsUnknown(source, graph)) discover(graph.entry);
    }
  }

  // Remainders only grow, and there are few: repeat until none is new.
  for (let grows = true; grows; ) {
    grows = false;
    for (const [callee, remainders] of entered) {
      for (const graph of callers.get(callee) ?? []) {
        const own = entered.get(graph.entry) ?? new Set([conventional]);
        const sites = remaindersAtCalls(graph, callee, pushedByCall, modulo);
        if (sites.unknown) return true;
        const found = [
          ...sites.absolute,
          ...[...sites.fromEntry].flatMap((r) => [...own].map((o) => modulo(o + r))),
        ];
        for (const remainder of found) {
          if (callee === entry && remainder !== conventional) return true;
          if (remainders.has(remainder)) continue;
          remainders.add(remainder);
          grows = true;
        }
      }
    }
  }
  return false;
}

/** True when a body must find the stack aligned: it calls on, or may store a wide register there. */
export function needsAlignedStack(decoder: Decoder, graph: FlowGraph): boolean {
  const { registers } = decoder.stackAlignment;
  return (
    !graph.complete ||
    graph.instructions.some(
      (each) =>
        leavesFunction(graph, each) ||
        each.flow.startsWith('indirect') ||
        ((each.reads | each.writes) & registers) !== 0n,
    )
  );
}

function callsUnknown(source: CodeSource, graph: FlowGraph): boolean {
  return graph.instructions.some(
    (each) =>
      each.flow === 'indirect-call' ||
      (leavesFunction(graph, each) &&
        (each.target === undefined || source.functionAt(each.target) === undefined)),
  );
}

/** Remainders at the callee's entry, over all places where the function calls it. */
function remaindersAtCalls(
  graph: FlowGraph,
  callee: Addr,
  pushedByCall: number,
  modulo: (value: number) => number,
): Remainders {
  const before = followStack(graph, modulo);
  let all = NOWHERE;
  for (const { address, flow, target } of graph.instructions) {
    if (target !== callee) continue;
    const at = before.get(address) ?? ANYTHING;
    all = join(all, flow === 'call' ? move(at, -pushedByCall, modulo) : AT_ENTRY);
  }
  return all;
}

/** Remainders before each instruction of a function. */
function followStack(
  graph: FlowGraph,
  modulo: (value: number) => number,
): ReadonlyMap<Addr, Remainders> {
  const before = new Map<Addr, Remainders>();
  const pending: Instruction[] = [];
  const arrive = (address: Addr | undefined, state: Remainders): void => {
    const instruction = address === undefined ? undefined : graph.at(address);
    if (!instruction) return;
    const known = before.get(instruction.address);
    const joined = known ? join(known, state) : state;
    if (known && sizeOf(joined) === sizeOf(known)) return;
    before.set(instruction.address, joined);
    pending.push(instruction);
  };
  const spread = (): void => {
    for (let each = pending.pop(); each !== undefined; each = pending.pop()) {
      const { flow, target } = each;
      const after = apply(each, before.get(each.address) ?? NOWHERE, modulo);
      if (flow === 'jump' || flow === 'conditional-jump') arrive(target, after);
      else if (flow === 'indirect-jump') {
        // The cases of a switch; each is entered with the stack as it is here.
        for (const { address } of blocksWithoutPredecessor(graph)) arrive(address, after);
      }
      if (fallsThrough(each)) arrive(endOf(each), after);
    }
  };
  arrive(graph.entry, AT_ENTRY);
  spread();
  // What is still unreached runs after an exception: with the stack as it was at a call.
  const atCalls = graph.instructions
    .filter(({ flow }) => flow.endsWith('call'))
    .map(({ address }) => before.get(address) ?? NOWHERE)
    .reduce(join, NOWHERE);
  for (const { address } of graph.instructions) {
    if (before.has(address)) continue;
    arrive(address, sizeOf(atCalls) === 0 ? ANYTHING : atCalls);
    spread();
  }
  return before;
}

/** Instructions that no other runs or jumps into: where indirect jumps and exceptions lead. */
function blocksWithoutPredecessor(graph: FlowGraph): readonly Instruction[] {
  const targets = new Set(graph.instructions.map(({ target }) => target));
  return graph.instructions.filter(({ address }, i) => {
    const previous = graph.instructions[i - 1];
    const runsOn = previous !== undefined && endOf(previous) === address && fallsThrough(previous);
    return !runsOn && !targets.has(address);
  });
}

function apply(
  { stack }: Instruction,
  state: Remainders,
  modulo: (value: number) => number,
): Remainders {
  switch (stack.kind) {
    case 'moves':
      return move(state, stack.bytes, modulo);
    case 'aligns':
      return modulo(stack.to) === 0 ? { ...NOWHERE, absolute: new Set([0]) } : ANYTHING;
    case 'unwinds':
      return AT_ENTRY;
    case 'unknown':
      return ANYTHING;
  }
}

function move(state: Remainders, bytes: number, modulo: (value: number) => number): Remainders {
  if (bytes === 0) return state;
  const shift = (set: ReadonlySet<number>): ReadonlySet<number> =>
    new Set([...set].map((remainder) => modulo(remainder + bytes)));
  return { ...state, fromEntry: shift(state.fromEntry), absolute: shift(state.absolute) };
}

function join(a: Remainders, b: Remainders): Remainders {
  return {
    fromEntry: new Set([...a.fromEntry, ...b.fromEntry]),
    absolute: new Set([...a.absolute, ...b.absolute]),
    unknown: a.unknown || b.unknown,
  };
}

function sizeOf({ fromEntry, absolute, unknown }: Remainders): number {
  return fromEntry.size + absolute.size + (unknown ? 1 : 0);
}
