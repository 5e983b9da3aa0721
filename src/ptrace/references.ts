/**
 * Whether anything in the target still leads into old code or its constants: a return address on
 * the stack of a thread or of a suspended coroutine, a pointer to a string constant in the heap.
 *
 * Nothing is known of the program's data, so every word counts as a pointer, as in a conservative
 * garbage collector: a number that looks like one keeps memory for nothing, but no pointer is
 * overlooked. All that the program can write is searched while it runs, which finds nearly all
 * that is still referred to. A pointer that moves meanwhile, from where the search has not been to
 * where it has, escapes it; so what is left is searched for once more, registers included, while
 * all threads stand still.
 */
import { type AddrRange, offsetBy } from '../core/address.js';
import { isHcrError } from '../core/failure.js';
import { type PointerKeepers, findPointerKeepers, readKeptPointers } from './kernel-pointers.js';
import { memoryInUse } from './memory-in-use.js';
import { PointerSearch, SearchBuffer, type Suspect, subtract } from './pointer-search.js';
import type { TargetProcess } from './process.js';
import { StoppedWorld } from './stopped-world.js';

const STOP_MS = 300;
/** A thread of a busy machine may wait for a processor that long; more often it need not stop in vain. */
const ATTEMPTS = 3;
const CHUNK_BYTES = 1 << 19;
const WORD_BYTES = 4;

export interface SearchLimits {
  /** Not searched: hcr's own records. */
  readonly except: readonly AddrRange[];
  /** The most memory for which the target is stopped. */
  readonly maxBytes: number;
}

/**
 * The suspects that nothing in the target referred to at one moment. Where no entry leads to them
 * that lasts: nothing can make a pointer to them but a copy of another one.
 * @returns none when it cannot be told: too much memory, a thread that does not stop
 * @throws HcrError `target-exited`, `target-replaced`, `already-traced`, `attach-denied`
 */
export function findUnreferenced(
  target: TargetProcess,
  suspects: readonly Suspect[],
  limits: SearchLimits,
): Set<number> {
  const keepers = findPointerKeepers(target.pid);
  if (suspects.length === 0 || keepers.hasRings) return new Set();
  const buffer = new SearchBuffer(CHUNK_BYTES);
  const running = new PointerSearch(suspects);
  if (searchMemory(target, running, buffer, limits) === 'too-much') return new Set();
  for (const pointer of readKeptPointers(target.pid, keepers)) running.note(pointer);
  const left = suspects.filter(({ number }) => !running.found.has(number));
  for (let attempt = 0; left.length > 0 && attempt < ATTEMPTS; attempt++) {
    const found = searchStopped(target, left, keepers, buffer, limits);
    if (found === undefined) continue;
    return new Set(left.map(({ number }) => number).filter((number) => !found.has(number)));
  }
  return new Set();
}

/** @returns which suspects were found; undefined when it cannot be told */
function searchStopped(
  target: TargetProcess,
  suspects: readonly Suspect[],
  keepers: PointerKeepers,
  buffer: SearchBuffer,
  limits: SearchLimits,
): ReadonlySet<number> | undefined {
  const stopped = new PointerSearch(suspects);
  const world = new StoppedWorld(target);
  try {
    world.stop(performance.now() + STOP_MS);
    for (const { tracee, registers } of world.threads) {
      for (const bytes of [
        registers,
        tracee.readRegisterSet(target.machine.registers.extendedSet),
      ]) {
        buffer.bytes.set(bytes);
        stopped.search(buffer, bytes.length);
      }
    }
    for (const pointer of readKeptPointers(target.pid, keepers)) stopped.note(pointer);
    return searchMemory(target, stopped, buffer, limits) === 'complete' ? stopped.found : undefined;
  } catch (error) {
    if (isHcrError(error, 'busy')) return undefined;
    throw error;
  } finally {
    world[Symbol.dispose]();
  }
}

function searchMemory(
  target: TargetProcess,
  search: PointerSearch,
  buffer: SearchBuffer,
  { except, maxBytes }: SearchLimits,
): 'complete' | 'with-gaps' | 'too-much' {
  const used = memoryInUse(target.pid, target.maps(), target.machine.pageBytes);
  if (used === undefined) return 'too-much';
  const ranges = subtract(used, except);
  if (ranges.reduce((sum, { start, end }) => sum + end - start, 0) > maxBytes) return 'too-much';
  let isComplete = true;
  for (const { start, end } of ranges) {
    for (let at = start; at < end; ) {
      const wanted = Math.min(end - at, CHUNK_BYTES);
      const got = target.memory.readInto(at, buffer.bytes.subarray(0, wanted));
      search.search(buffer, got);
      if (got < wanted) {
        isComplete = false;
        break;
      }
      if (at + got === end) break;
      // The last word may be the first half of a pointer.
      at = offsetBy(at, got - WORD_BYTES);
    }
  }
  return isComplete ? 'complete' : 'with-gaps';
}
