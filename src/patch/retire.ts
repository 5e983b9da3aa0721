/**
 * Which old generations may go, so that a process can be patched for ever in the same memory.
 *
 * A generation is superseded when none of its bodies is live and nothing it brought into the
 * process is for others to use. Whether a thread or a pointer still leads into it only the process
 * itself can tell. Where none does it can be retired: it cannot be gone back to any more, and its
 * memory is given back, unless a generation that stays needs it:
 * - what was live together with it, for going back to it makes that live again;
 * - what was live together with a body that may run: the compiler of a caller knew it, and the
 *   next patch of it has to look at it (see caller-contract).
 */
import { type Addr, type AddrRange, rangeAt } from '../core/address.js';
import { type GenerationRecord, type Ledger, bodiesAt, nextGeneration } from './ledger.js';

/** Generations with memory that no entry leads to and no later code refers to, the oldest first. */
export function supersededGenerations(ledger: Ledger): GenerationRecord[] {
  const live = new Set(bodiesAt(ledger, ledger.current).values());
  return ascending(ledger).filter(
    ({ number, retired, variables, blocks, bodies }) =>
      !(retired && blocks.length === 0) &&
      number !== ledger.current &&
      variables.length === 0 &&
      bodies.every((body) => body.reason !== 'new' && !live.has(body)),
  );
}

/** The memory of a generation: where a pointer into it may point. */
export function rangesOf({ blocks }: GenerationRecord): AddrRange[] {
  return blocks.map(({ start, sizeBytes }) => rangeAt(start, sizeBytes));
}

/** Generations of which a body runs, may still be on a stack, or runs after a roll back. */
export function runnableGenerations(ledger: Ledger): Set<number> {
  const composition = compositionOf(ledger);
  const kept = ledger.generations.filter(({ retired }) => !retired).map(({ number }) => number);
  return withComposition(kept, composition);
}

/** The record after some superseded generations, to which nothing refers, have gone. */
export function retire(ledger: Ledger, numbers: ReadonlySet<number>): Ledger {
  const generations = ledger.generations.map((generation) =>
    numbers.has(generation.number) ? { ...generation, retired: true } : generation,
  );
  const needed = withComposition(
    runnableGenerations({ ...ledger, generations }),
    compositionOf(ledger),
  );
  return {
    ...ledger,
    generations: generations.map((generation) =>
      numbers.has(generation.number) && !needed.has(generation.number)
        ? { ...generation, blocks: [], frameIndexes: [], lineTables: [] }
        : generation,
    ),
  };
}

/** The record without the generations whose memory has been given back. What is live at each of
 *  those that may run stays the same, and no number is given twice. */
export function forgetRetired(ledger: Ledger): Ledger {
  const kept: GenerationRecord[] = [];
  const given = [...(ledger.initialisers ?? [])];
  const heirs = new Map<number, number>([[0, 0]]);
  const redirected = new Set<Addr>();
  for (const generation of ascending(ledger)) {
    const { number, bodies, blocks, retired } = generation;
    const parent = heirs.get(generation.parent) ?? 0;
    // One that brought original code back hides what was there before it.
    const hides = bodies.some(({ entry, start }) => entry === start && redirected.has(entry));
    if (retired && blocks.length === 0 && !hides && number !== ledger.current) {
      heirs.set(number, parent);
      given.push(...(generation.initialisers ?? []));
      continue;
    }
    heirs.set(number, number);
    kept.push({ ...generation, parent });
    for (const { entry } of bodies) redirected.add(entry);
  }
  if (kept.length === ledger.generations.length) return ledger;
  const initialisers = given.length === 0 ? {} : { initialisers: given };
  return { ...ledger, highest: nextGeneration(ledger) - 1, generations: kept, ...initialisers };
}

/** In this order a parent comes before its children. */
function ascending(ledger: Ledger): GenerationRecord[] {
  return ledger.generations.toSorted((a, b) => a.number - b.number);
}

type Composition = ReadonlyMap<number, ReadonlySet<number>>;

/** For each generation those that have a body which is live at it. */
function compositionOf(ledger: Ledger): Composition {
  const states = new Map<number, ReadonlyMap<Addr, number>>([[0, new Map()]]);
  for (const { number, parent, bodies } of ascending(ledger)) {
    const state = new Map(states.get(parent));
    for (const { entry, start, reason } of bodies) {
      if (start === entry && reason !== 'new') state.delete(entry);
      else state.set(entry, number);
    }
    states.set(number, state);
  }
  return new Map([...states].map(([number, state]) => [number, new Set(state.values())]));
}

function withComposition(numbers: Iterable<number>, composition: Composition): Set<number> {
  return new Set([...numbers].flatMap((number) => [number, ...(composition.get(number) ?? [])]));
}
