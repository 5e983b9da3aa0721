/**
 * Which old generations may go, so that a process can be patched for ever in the same memory.
 *
 * A generation is superseded when none of its bodies is live and nothing it brought into the
 * process is for others to use. Whether a thread or a pointer still leads into it only the process
 * itself can tell. What is retired gives its memory back and cannot be gone back to; its record
 * stays to be shown until the ledger has no room for it.
 */
import type { Addr, AddrRange } from '../core/address.js';
import { offsetBy } from '../core/address.js';
import { type GenerationRecord, type Ledger, bodiesAt, nextGeneration } from './ledger.js';

/** Generations that no entry leads to and no later code refers to, the oldest first. */
export function supersededGenerations(ledger: Ledger): GenerationRecord[] {
  const live = new Set(bodiesAt(ledger, ledger.current).values());
  return ledger.generations
    .filter(
      ({ number, retired, variables, bodies }) =>
        !retired &&
        number !== ledger.current &&
        variables.length === 0 &&
        bodies.every((body) => body.reason !== 'new' && !live.has(body)),
    )
    .sort((a, b) => a.number - b.number);
}

/** The memory of a generation: where a pointer into it may point. */
export function rangesOf({ blocks }: GenerationRecord): AddrRange[] {
  return blocks.map(({ start, sizeBytes }) => ({ start, end: offsetBy(start, sizeBytes) }));
}

/**
 * Of some generations, those that can go together. One that is kept takes along what was live with
 * it: it can be gone back to, and its code was compiled knowing theirs.
 */
export function retirableTogether(ledger: Ledger, numbers: Iterable<number>): Set<number> {
  const going = new Set(numbers);
  const users = usersOf(ledger);
  for (let before = -1; before !== going.size; ) {
    before = going.size;
    for (const number of going) {
      if (users.get(number)?.some((user) => !going.has(user)) === true) going.delete(number);
    }
  }
  return going;
}

/** For each generation the others that are not retired and at which one of its bodies is live. */
function usersOf(ledger: Ledger): Map<number, number[]> {
  const users = new Map<number, number[]>();
  const states = new Map<number, ReadonlyMap<Addr, number>>([[0, new Map()]]);
  // A parent has a lower number than its children.
  for (const { number, parent, bodies, retired } of ledger.generations.toSorted((a, b) => a.number - b.number)) {
    const state = new Map(states.get(parent));
    for (const { entry, start, reason } of bodies) {
      if (start === entry && reason !== 'new') state.delete(entry);
      else state.set(entry, number);
    }
    states.set(number, state);
    if (retired) continue;
    for (const used of new Set(state.values())) {
      if (used === number) continue;
      const known = users.get(used);
      if (known === undefined) users.set(used, [number]);
      else known.push(number);
    }
  }
  return users;
}

/** The record after some generations have gone. */
export function retire(ledger: Ledger, numbers: ReadonlySet<number>): Ledger {
  const generations = ledger.generations.map((generation) =>
    numbers.has(generation.number) ? { ...generation, blocks: [], retired: true } : generation,
  );
  return { ...ledger, generations };
}

/** The record without the generations that have been retired. What is live at each of the others
 *  stays the same, and no number is given twice. */
export function forgetRetired(ledger: Ledger): Ledger {
  const ascending = ledger.generations.toSorted((a, b) => a.number - b.number);
  const kept = new Map<number, GenerationRecord>();
  const parents = new Map<number, number>([[0, 0]]);
  const redirected = new Set<Addr>();
  for (const generation of ascending) {
    const { number, bodies, retired } = generation;
    const parent = parents.get(generation.parent) ?? 0;
    // One that brought original code back hides what was there before it.
    const hides = bodies.some(({ entry, start }) => entry === start && redirected.has(entry));
    if (retired && !hides && number !== ledger.current) {
      parents.set(number, parent);
      continue;
    }
    parents.set(number, number);
    kept.set(number, { ...generation, parent });
    for (const { entry } of bodies) redirected.add(entry);
  }
  if (kept.size === ledger.generations.length) return ledger;
  return { ...ledger, highest: nextGeneration(ledger) - 1, generations: [...kept.values()] };
}
