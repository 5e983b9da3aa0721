/** What there is to see of one function: its code, and the threads that wait in it. */
import { type Addr, addr, rangeAt } from '../core/address.js';
import type { ThreadTrace } from '../core/thread-trace.js';
import { unwind } from '../dwarf/unwind.js';
import { type Body, bodiesAt } from '../patch/ledger.js';
import { blockedPosition } from '../ptrace/thread-positions.js';
import { listThreads } from '../ptrace/procfs.js';
import { nameFrames } from './backtrace.js';
import { CodeListing } from './code-listing.js';
import { ProcessImage } from './observe.js';
import { UnwindTables } from './unwind-tables.js';

export interface FunctionDetail {
  /** Instructions of the body that runs, with the names of what they refer to. */
  readonly code: readonly string[];
  /** Instructions of the original body; empty when that is what runs. */
  readonly original: readonly string[];
  /** Threads that wait in it, as far as can be told without stopping them: the kernel shows where a
   *  blocked thread is, but not its registers, so that some traces end early. */
  readonly threads: readonly ThreadTrace[];
}

/**
 * @param entry where the function begins; undefined for one that has no body of its own
 * @param sizeBytes of its original body
 * @throws HcrError `no-such-process`, `attach-denied`, `ledger-corrupt`
 */
export async function readFunctionDetail(
  pid: number,
  entry: number | undefined,
  sizeBytes: number,
): Promise<FunctionDetail> {
  if (entry === undefined) return { code: [], original: [], threads: [] };
  using image = ProcessImage.of(pid);
  const { target, store, original } = image;
  const listing = new CodeListing(image, await target.machine.loadDecoder());
  const start = addr(entry);
  const own = rangeAt(start, sizeBytes);
  const body = bodiesAt(store.ledger, store.ledger.current).get(start);
  const before = listing.live(start, sizeBytes, original, own);
  const now =
    body === undefined ? before : listing.live(body.start, body.sizeBytes, target.memory, own);
  return {
    code: now.map(({ text }) => text),
    original: body === undefined ? [] : before.map(({ text }) => text),
    threads: threadsIn(image, start, sizeBytes),
  };
}

function threadsIn(image: ProcessImage, entry: Addr, sizeBytes: number): ThreadTrace[] {
  const { target, store } = image;
  const { unwinding } = target.machine;
  const bodies = [
    { start: entry, sizeBytes },
    ...store.ledger.generations
      .flatMap(({ bodies: own, blocks }): readonly Body[] => (blocks.length === 0 ? [] : own))
      .filter((body) => body.entry === entry),
  ];
  const isInside = (address: number): boolean =>
    bodies.some(({ start, sizeBytes: size }) => address >= start && address < start + size);
  const tables = new UnwindTables(image);
  return listThreads(target.pid).flatMap((tid) => {
    const position = blockedPosition(target.pid, tid);
    if (position === undefined) return [];
    const registers: (bigint | undefined)[] = [];
    registers[unwinding.stackPointer] = BigInt(position.stackPointer);
    registers[unwinding.returnAddress] = BigInt(position.pc);
    const trace = unwind(tables.context(), registers);
    return trace.frames.some(({ codeAddr }) => isInside(codeAddr))
      ? [nameFrames(image, tid, trace)]
      : [];
  });
}
