/**
 * Which registers the callers of a function count on to survive a call of it.
 *
 * See src/patch/call-clobbers.ts for why there can be any. `extra` are the registers that a new
 * body may change and the one known to the callers' compiler did not. A caller relies on one of
 * them if
 * - it may hold a value of the caller's where the call is: on some way from the caller's entry the
 *   last thing that touched it was an instruction, an argument passed in or a value returned, and
 * - on some way from there on it is read before it is overwritten.
 * Otherwise the value may belong to the caller's own caller, which then keeps it across both calls:
 * so, unless the compiler knew the caller itself to change it, the question is asked again there.
 *
 * Where an instruction does not tell, the answer is the one that keeps more:
 * - a call reads the registers in which the callee takes arguments; of a function in the module
 *   whose parameters are unknown, those that it reads before it writes them; of any other, all
 *   that the convention passes arguments in;
 * - a call ends the life of what the compiler certainly took for changed, no more;
 * - a return reads the registers in which the caller returns, all if unknown;
 * - an indirect jump goes to every instruction of the function, and may be a call.
 * A register that not every processor has (the upper part of a vector) is counted only where the
 * caller's own instructions name it: code that saves it would be illegal elsewhere.
 *
 * The answer is usually empty, and a direct jump will do. Otherwise it is the set for a keeping
 * stub. It can name a register that could return a value; whether this function does, its type
 * tells.
 */
import type { Decoder, Instruction } from '../arch/decoder.js';
import type { RegisterSet } from '../arch/register-set.js';
import type { Addr } from '../core/address.js';
import { analyzeClobbers } from './call-clobbers.js';
import {
  type CodeSource,
  endOf,
  fallsThrough,
  type FlowGraph,
  type FunctionCode,
} from './function-code.js';

/** How many calls deep a function is looked into for the arguments that it reads. */
const MAX_DEPTH = 4;

/**
 * @param source the code as the callers' compiler saw it: callers and callees of one generation.
 *   Ask once for each generation that still has callers, with its own `extra`.
 * @returns the registers of `extra` that some caller of `entry` may rely on
 */
export function registersCallersRely(
  decoder: Decoder,
  source: CodeSource,
  entry: Addr,
  extra: RegisterSet,
): RegisterSet {
  const analysis = new ReliedRegisters(decoder, source);
  const asked = new Map<Addr, RegisterSet>();
  const pending = [{ entry, extra: extra & decoder.callClobbered }];
  let relied = 0n;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const before = asked.get(next.entry) ?? 0n;
    const fresh = next.extra & ~before & ~relied;
    if (fresh === 0n) continue;
    asked.set(next.entry, before | fresh);
    for (const caller of source.callersOf(next.entry)) {
      if (!analysis.calls(caller, next.entry)) continue;
      relied |= analysis.reliedBy(caller, next.entry, fresh);
      pending.push({ entry: caller.entry, extra: fresh & ~analysis.assumedOf(caller.entry) });
    }
  }
  return relied;
}

class ReliedRegisters {
  private readonly decoder: Decoder;
  private readonly source: CodeSource;
  private readonly clobbers: ReturnType<typeof analyzeClobbers>;
  private readonly heldAt = new Map<Addr, ReadonlyMap<Addr, RegisterSet>>();
  private readonly readFirst = new Map<Addr, RegisterSet>();

  constructor(decoder: Decoder, source: CodeSource) {
    this.decoder = decoder;
    this.source = source;
    this.clobbers = analyzeClobbers(decoder, source);
  }

  assumedOf(target: Addr): RegisterSet {
    return this.clobbers.clobbersOf(target).assumed;
  }

  calls(caller: FunctionCode, entry: Addr): boolean {
    return this.clobbers.graphOf(caller).instructions.some((each) => each.target === entry);
  }

  /** The registers of `extra` that hold a value of `caller` across a call of `entry`. */
  reliedBy(caller: FunctionCode, entry: Addr, extra: RegisterSet): RegisterSet {
    const graph = this.clobbers.graphOf(caller);
    if (!graph.complete) return extra & this.countable(graph);
    const held = this.heldIn(graph);
    const starts = graph.instructions
      .filter(({ flow, target }) => flow === 'call' && target === entry)
      .map((site) => ({
        address: endOf(site),
        // What the call returns is not kept across it, but new.
        set: extra & (held.get(site.address) ?? 0n),
      }));
    return this.readBeforeKilled(graph, starts, 0);
  }

  /** Registers that generic answers may name for this function. */
  private countable(graph: FlowGraph): RegisterSet {
    return this.decoder.baseline | graph.reads;
  }

  private returnedBy(graph: FlowGraph): RegisterSet {
    return this.source.returnedBy(graph.entry) ?? this.decoder.returned & this.countable(graph);
  }

  /** For each instruction, the registers that may hold a value of the function before it. */
  private heldIn(graph: FlowGraph): ReadonlyMap<Addr, RegisterSet> {
    const known = this.heldAt.get(graph.entry);
    if (known) return known;
    const held = new Map<Addr, RegisterSet>();
    const pending: Instruction[] = [];
    const arrive = (address: Addr | undefined, set: RegisterSet): void => {
      const instruction = address === undefined ? undefined : graph.at(address);
      if (!instruction) return;
      const before = held.get(instruction.address);
      if (before !== undefined && (set & ~before) === 0n) return;
      held.set(instruction.address, (before ?? 0n) | set);
      pending.push(instruction);
    };
    let anywhere = 0n;
    const spread = (): void => {
      for (let each = pending.pop(); each !== undefined; each = pending.pop()) {
        const { flow, target } = each;
        const after = this.heldAfter(each, held.get(each.address) ?? 0n);
        if (flow === 'indirect-jump' && (after & ~anywhere) !== 0n) {
          anywhere |= after;
          for (const { address } of graph.instructions) arrive(address, anywhere);
        }
        if (flow === 'jump' || flow === 'conditional-jump') arrive(target, after);
        if (fallsThrough(each)) arrive(endOf(each), after);
      }
    };
    arrive(graph.entry, this.source.passedTo(graph.entry) ?? this.decoder.passed);
    spread();
    for (const { address } of graph.instructions) {
      if (held.has(address)) continue;
      // No jump leads here: where an exception lands, with its values in the registers of a result.
      arrive(address, this.decoder.returned);
      spread();
    }
    this.heldAt.set(graph.entry, held);
    return held;
  }

  private heldAfter({ flow, target, writes }: Instruction, held: RegisterSet): RegisterSet {
    if (flow !== 'call' && flow !== 'indirect-call') return held | writes;
    const { callClobbered, returned } = this.decoder;
    const lost = target === undefined ? callClobbered : this.assumedOf(target);
    const result = target === undefined ? undefined : this.source.returnedBy(target);
    return (held & ~lost) | (result ?? returned);
  }

  /** Registers in which a call of `target` may pass a value on. */
  private argumentsOf(target: Addr, graph: FlowGraph, depth: number): RegisterSet {
    const declared = this.source.passedTo(target);
    if (declared !== undefined) return declared;
    const known = this.readFirst.get(target);
    if (known !== undefined) return known;
    const convention = this.decoder.passed & this.countable(graph);
    const fn = this.source.functionAt(target);
    if (!fn || fn.entry !== target || depth >= MAX_DEPTH) return convention;
    const callee = this.clobbers.graphOf(fn);
    if (!callee.complete) return convention;
    // Stands for a recursive call while this one is looked at.
    this.readFirst.set(target, this.decoder.passed & this.countable(callee));
    const start = { address: fn.entry, set: this.decoder.passed };
    const read = this.readBeforeKilled(callee, [start], depth + 1);
    this.readFirst.set(target, read);
    return read;
  }

  /** Of the registers that each start brings along, those that are read before overwritten. */
  private readBeforeKilled(
    graph: FlowGraph,
    starts: readonly { readonly address: Addr; readonly set: RegisterSet }[],
    depth: number,
  ): RegisterSet {
    const visited = new Map<Addr, RegisterSet>();
    const pending: { readonly instruction: Instruction; readonly set: RegisterSet }[] = [];
    const countable = this.countable(graph);
    let live = 0n;

    const arrive = (address: Addr, set: RegisterSet): void => {
      const before = visited.get(address) ?? 0n;
      const fresh = set & ~before & ~live;
      if (fresh === 0n) return;
      const instruction = graph.at(address);
      if (!instruction) {
        leave(address, fresh);
        return;
      }
      visited.set(address, before | fresh);
      pending.push({ instruction, set: fresh });
    };
    /** A call in tail position; or code that no graph knows. */
    const leave = (target: Addr | undefined, set: RegisterSet): void => {
      const fn = target === undefined ? undefined : this.source.functionAt(target);
      if (target === undefined || (fn && fn.entry !== target)) {
        live |= set & countable;
        return;
      }
      live |= set & this.argumentsOf(target, graph, depth);
      live |= set & ~this.assumedOf(target) & this.returnedBy(graph);
    };

    for (const { address, set } of starts) arrive(address, set);
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { instruction } = next;
      const { flow, target, reads, kills } = instruction;
      live |= next.set & reads;
      const rest = next.set & ~kills & ~live;
      switch (flow) {
        case 'next':
          arrive(endOf(instruction), rest);
          break;
        case 'jump':
        case 'conditional-jump':
          if (target === undefined) leave(undefined, rest);
          else arrive(target, rest);
          if (flow === 'conditional-jump') arrive(endOf(instruction), rest);
          break;
        case 'call':
        case 'indirect-call': {
          const passed =
            target === undefined
              ? this.decoder.passed & countable
              : this.argumentsOf(target, graph, depth);
          const lost = target === undefined ? this.decoder.callClobbered : this.assumedOf(target);
          live |= rest & passed;
          // A function that ends in a call has called one that does not return.
          if (graph.at(endOf(instruction))) arrive(endOf(instruction), rest & ~lost);
          break;
        }
        case 'indirect-jump':
          live |= rest & this.decoder.passed & countable;
          for (const { address } of graph.instructions) arrive(address, rest);
          break;
        case 'return':
          live |= rest & this.returnedBy(graph);
          break;
        case 'stop':
          break;
      }
    }
    return live;
  }
}
