/**
 * The machine code of functions as the analyses of calls see it: who calls whom, and where control
 * goes inside. Nothing here reads a process; a {@link CodeSource} does.
 */
import type { Decoder, Instruction } from '../arch/decoder.js';
import type { RegisterSet } from '../arch/register-set.js';
import { type Addr, offsetBy } from '../core/address.js';

export interface CodePart {
  readonly address: Addr;
  readonly code: Uint8Array;
}

/** A function: several parts where the compiler split it (`f` and `f.cold`), the entry in one. */
export interface FunctionCode {
  readonly entry: Addr;
  readonly parts: readonly CodePart[];
}

/**
 * One state of a module's code: as it was built, or as it is at one generation. Where an entry has
 * been redirected, the function there is the body that it leads to.
 */
export interface CodeSource {
  /** The function that has the address in one of its parts; `undefined` for PLT entries, other
   *  modules, and everything else whose code or extent is unknown. */
  functionAt(address: Addr): FunctionCode | undefined;
  /** Functions that may hold a direct call of, or jump to, `entry`; too many do no harm. Callers
   *  compiled apart from it (another translation unit, without LTO) may be left out: their compiler
   *  knew nothing of its body. */
  callersOf(entry: Addr): readonly FunctionCode[];
  /** Registers in which the function at `entry` takes its arguments, `undefined` if unknown. */
  passedTo(entry: Addr): RegisterSet | undefined;
  /** Registers in which it returns its value, `undefined` if unknown. */
  returnedBy(entry: Addr): RegisterSet | undefined;
}

/** The instructions of one function by address. */
export interface FlowGraph {
  readonly entry: Addr;
  readonly instructions: readonly Instruction[];
  /** Everything that an instruction of the function reads. */
  readonly reads: RegisterSet;
  /** False when some bytes do not decode. */
  readonly complete: boolean;
  at(address: Addr): Instruction | undefined;
}

/** Kept with the source, which is one state and does not change. */
const GRAPHS = new WeakMap<CodeSource, Map<Addr, FlowGraph>>();

/** The flow graph of a function of a code source; each is decoded once. */
export function flowGraphOf(decoder: Decoder, source: CodeSource, fn: FunctionCode): FlowGraph {
  const known = GRAPHS.get(source) ?? new Map<Addr, FlowGraph>();
  GRAPHS.set(source, known);
  const graph = known.get(fn.entry) ?? buildFlowGraph(decoder, fn);
  known.set(fn.entry, graph);
  return graph;
}

export function buildFlowGraph(decoder: Decoder, fn: FunctionCode): FlowGraph {
  const instructions: Instruction[] = [];
  let complete = true;
  for (const { address, code } of fn.parts) {
    const decoded = decoder.decode(code, address);
    instructions.push(...decoded);
    const last = decoded.at(-1);
    const end = last === undefined ? address : endOf(last);
    complete &&= end === offsetBy(address, code.length);
  }
  const byAddress = new Map(instructions.map((each) => [each.address, each]));
  return {
    entry: fn.entry,
    instructions,
    reads: instructions.reduce((set, { reads }) => set | reads, 0n),
    complete,
    at: (address) => byAddress.get(address),
  };
}

export function endOf(instruction: Instruction): Addr {
  return offsetBy(instruction.address, instruction.lengthBytes);
}

/** True for a direct call, and for a direct jump to code outside the function. */
export function leavesFunction(graph: FlowGraph, { flow, target }: Instruction): boolean {
  if (flow === 'call') return true;
  const jumps = flow === 'jump' || flow === 'conditional-jump';
  return jumps && (target === undefined || graph.at(target) === undefined);
}

/** True when what follows the instruction in memory may run after it. */
export function fallsThrough({ flow }: Instruction): boolean {
  return flow !== 'jump' && flow !== 'indirect-jump' && flow !== 'return' && flow !== 'stop';
}
