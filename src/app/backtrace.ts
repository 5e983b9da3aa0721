/**
 * Where a thread is, in words: function, source line and generation of each of its frames.
 *
 * In two steps, so that nothing is read from files while a thread stands: `unwindThread` needs its
 * registers, its stack and the frame descriptions, `nameFrames` reads debug information and can run
 * when the thread runs again.
 */
import { type Addr, addr, contains, hex, rangeAt, tid as toTid } from '../core/address.js';
import type { Memory } from '../core/memory.js';
import type { ThreadTrace, TraceFrame } from '../core/thread-trace.js';
import { sourceLabel } from '../dwarf/source-name.js';
import { type Frame, type Trace, unwind } from '../dwarf/unwind.js';
import { STT } from '../elf/constants.js';
import { type LoadedModule, fileAddress } from '../elf/loaded-module.js';
import { unlessMalformed } from '../elf/malformed.js';
import { findInLineTable } from '../link/line-table.js';
import { type Backtracer, StackCopy } from '../patch/busy-frames.js';
import { type Body, type GenerationRecord, codeRangesOf } from '../patch/ledger.js';
import { readThreadStatus } from '../ptrace/procfs.js';
import type { ProcessImage } from './observe.js';
import { UnwindTables } from './unwind-tables.js';

/** The frames of a stopped thread.
 *  @param registers as ptrace gives them
 *  @param memory a copy of its stack, when the thread runs again */
export function unwindThread(
  image: ProcessImage,
  tables: UnwindTables,
  registers: Uint8Array,
  memory?: Memory,
): Trace {
  return unwind(tables.context(memory), image.target.machine.unwinding.values(registers));
}

/** Unwinds threads that publications find in the way, from copies of their stacks. */
export function backtracerOf(image: ProcessImage): Backtracer {
  const tables = new UnwindTables(image);
  return {
    trace: (position) =>
      unwindThread(image, tables, position.registers, new StackCopy(position, image.target.memory)),
    name: (tid, trace) => nameFrames(image, tid, trace),
  };
}

/** Names of functions and lines; reads debug information of the modules that the thread is in. */
export function nameFrames(image: ProcessImage, tid: number, { frames, end }: Trace): ThreadTrace {
  const name = readThreadStatus(image.target.pid, toTid(tid))?.name ?? '';
  return { tid, name, frames: frames.map((frame) => nameFrame(image, frame)), end };
}

function nameFrame(image: ProcessImage, { pc, codeAddr, kind }: Frame): TraceFrame {
  return { address: hex(pc), ...placeOf(image, pc, codeAddr), kind };
}

type Place = Omit<TraceFrame, 'address' | 'kind'>;

function placeOf(image: ProcessImage, pc: Addr, codeAddr: Addr): Place {
  const brought = bodyAt(image, codeAddr);
  if (brought !== undefined) {
    const { body, record } = brought;
    return {
      function: body.label ?? body.name,
      offset: pc - body.start,
      ...sourceIn(image, record, body, codeAddr),
      generation: record.number,
    };
  }
  const module = image.modules.find(({ range }) => contains(range, codeAddr));
  return module === undefined ? {} : placeInModule(image, module, pc, codeAddr);
}

/** Code that hcr brought is in one of its bodies, or in a rarely run part of one. */
function bodyAt(
  { store }: ProcessImage,
  address: Addr,
): { readonly body: Body; readonly record: GenerationRecord } | undefined {
  for (const record of store.ledger.generations) {
    const { bodies, blocks } = record;
    const own = blocks.some(({ start, sizeBytes }) => contains(rangeAt(start, sizeBytes), address));
    if (!own) continue;
    const body = bodies.find((each) =>
      codeRangesOf(each).some((range) => contains(range, address)),
    );
    if (body !== undefined) return { body, record };
  }
  return undefined;
}

/** The line that an instruction came from; where that is not on record, the function's. */
function sourceIn(
  { target }: ProcessImage,
  { lineTables = [] }: GenerationRecord,
  body: Body,
  address: Addr,
): Pick<TraceFrame, 'source'> {
  for (const { start, end } of lineTables) {
    const bytes = target.memory.tryRead(start, end - start);
    const place = bytes && unlessMalformed(() => findInLineTable(bytes, true, address));
    if (place !== undefined) return { source: `${place.file}:${place.line}` };
  }
  return body.source === undefined ? {} : { source: body.source };
}

function placeInModule(image: ProcessImage, module: LoadedModule, pc: Addr, codeAddr: Addr): Place {
  // A trace without a name is better than none.
  const symbol = unlessMalformed(() => symbolAt(module, codeAddr));
  const known = unlessMalformed(() => {
    const at = fileAddress(module, codeAddr);
    const unit = image.debugInfo(module)?.unitAt(at);
    const entry = unit?.functionAt(at);
    const line = unit?.lineOf(at);
    return {
      label: entry && (sourceLabel(entry) ?? entry.name),
      source: line && `${line.file}:${line.line}`,
    };
  });
  const name = known?.label ?? symbol?.name;
  return {
    ...(name === undefined ? {} : { function: name }),
    ...(symbol === undefined ? {} : { offset: pc - symbol.start }),
    module: module.name,
    ...(known?.source === undefined ? {} : { source: known.source }),
  };
}

function symbolAt(
  module: LoadedModule,
  address: Addr,
): { readonly name: string; readonly start: Addr } | undefined {
  const at = fileAddress(module, address);
  const isFunction = ({ type }: { readonly type: number }): boolean =>
    type === STT.FUNC || type === STT.GNU_IFUNC;
  const symbol =
    module.file.symbols().findAddress(at).find(isFunction) ??
    module.file.dynamicSymbols().findAddress(at).find(isFunction);
  return symbol && { name: symbol.name, start: addr(symbol.value + module.bias) };
}
