/**
 * hcr's record of what it did to a process, kept inside that process: a later hcr needs nothing
 * but the process id. It is plain data; `ledger-codec` turns it into bytes, `src/ptrace` puts it
 * there.
 *
 * A generation records only what it changed. What is live at generation N is found by walking from
 * N to its parents; the first body met for an entry wins. Numbers are never used twice: after a
 * roll back to 1, the next patch is one more than the highest there ever was, with parent 1.
 */
import { type Addr, type AddrRange, rangeAt } from '../core/address.js';
import type { Part } from '../core/part.js';

/** Memory hcr mapped in the target. */
export interface Area {
  readonly start: Addr;
  readonly sizeBytes: number;
  readonly parts: Readonly<Record<Part, AddrRange>>;
}

/** A piece of an area in use. */
export interface Block {
  readonly part: Part;
  readonly start: Addr;
  readonly sizeBytes: number;
}

/** One version of one function. */
export interface Body {
  /** Of its symbol. */
  readonly name: string;
  /** In the source, where that differs. */
  readonly label?: string;
  /** Path of the module, as the target maps it. */
  readonly module: string;
  readonly source?: string;
  readonly entry: Addr;
  /** Start of the machine code; the entry itself means the original code. */
  readonly start: Addr;
  readonly sizeBytes: number;
  /** Its rarely run parts, which the compiler put elsewhere. */
  readonly cold: readonly AddrRange[];
  /** Where the entry jumps: the start, or a stub in front of it. */
  readonly target: Addr;
  /** Tells whether another compilation of the function is the same code. */
  readonly fingerprint: string;
  readonly reason: 'requested' | 'clone' | 'inlined' | 'changed' | 'new';
}

/** Where the machine code of a body is: its main part, then its cold ones. */
export function codeRangesOf({
  start,
  sizeBytes,
  cold,
}: Pick<Body, 'start' | 'sizeBytes' | 'cold'>): readonly AddrRange[] {
  return [rangeAt(start, sizeBytes), ...cold];
}

/** A variable that the program did not have before, or a constant that other units refer to. It keeps
 *  its address in later generations. */
export interface NewVariable {
  readonly module: string;
  /** Names the variable within the module: translation unit, scope and name. */
  readonly key: string;
  readonly start: Addr;
  readonly sizeBytes: number;
}

/** A type that a generation lays out otherwise than the program did, and what code works on data of
 *  it together. */
export interface SharedType {
  readonly name: string;
  /** Of the functions. */
  readonly entries: readonly Addr[];
}

/** An initial value that hcr has given a variable, when it brought it or because the source asks for
 *  it. What the variable holds since then is the program's. */
export interface GivenInitialiser {
  readonly address: Addr;
  /** Tells whether another compilation has the same one. */
  readonly fingerprint: string;
  readonly generation: number;
}

export interface GenerationRecord {
  readonly number: number;
  readonly parent: number;
  /** ISO 8601. */
  readonly publishedAt: string;
  readonly bodies: readonly Body[];
  /** The memory it holds; none once that has been given back. */
  readonly blocks: readonly Block[];
  readonly variables: readonly NewVariable[];
  readonly shared?: readonly SharedType[];
  readonly initialisers?: readonly GivenInitialiser[];
  /** Where its frame descriptions are listed; see src/link/frame-index.ts. */
  readonly frameIndexes: readonly AddrRange[];
  /** Where the source lines of its code are listed; see src/link/line-table.ts. */
  readonly lineTables?: readonly AddrRange[];
  /** True when it cannot be gone back to; see retire. */
  readonly retired: boolean;
}

/** What a place in existing code held before hcr first wrote there. */
export interface OriginalBytes {
  readonly address: Addr;
  readonly bytes: Uint8Array;
}

/** A function whose entry hcr has redirected at some time. */
export interface EntryRecord {
  readonly entry: Addr;
  readonly name: string;
  readonly module: string;
  /** Size of the original body, in bytes. */
  readonly sizeBytes: number;
  /** Written in this order to redirect, in the opposite order to restore. The last is the one
   *  that makes the redirect take effect. */
  readonly originals: readonly OriginalBytes[];
  /** True when the original body branches back into bytes that a redirect overwrites: then no
   *  frame of it may be active while they change. */
  readonly branchesBack: boolean;
}

/** A copy of the unwinder that asks hcr's search first, whichever generation is live. */
export interface Unwinder {
  /** The function that looks frame descriptions up, which is one of the entries. */
  readonly entry: Addr;
  /** The search that it leads to, and the word that tells the search which index to look at. */
  readonly search: Addr;
  readonly slot: Addr;
  readonly blocks: readonly Block[];
}

/** One change of existing code. */
export interface CodeWrite {
  readonly address: Addr;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** A publication that has begun. Found by the next hcr when this one was killed meanwhile. */
export interface Pending {
  readonly from: number;
  readonly to: number;
  /** True when generation `to` is new, so that it goes away when nothing was written. */
  readonly created: boolean;
  readonly writes: readonly CodeWrite[];
}

export interface Ledger {
  readonly areas: readonly Area[];
  readonly entries: readonly EntryRecord[];
  readonly generations: readonly GenerationRecord[];
  readonly unwinders: readonly Unwinder[];
  /** Generation that is live; 0 is the original program. */
  readonly current: number;
  /** The highest number ever given, when there may be no record of it any more. */
  readonly highest?: number;
  readonly pending?: Pending;
  /** Of generations of which there is no record any more. */
  readonly initialisers?: readonly GivenInitialiser[];
}

export const EMPTY_LEDGER: Ledger = {
  areas: [],
  entries: [],
  generations: [],
  unwinders: [],
  current: 0,
};

export function generationOf(ledger: Ledger, number: number): GenerationRecord | undefined {
  return ledger.generations.find((generation) => generation.number === number);
}

/** The number that the next published generation gets. */
export function nextGeneration(ledger: Ledger): number {
  return (
    ledger.generations.reduce((highest, g) => Math.max(highest, g.number), ledger.highest ?? 0) + 1
  );
}

/** The generations that make up generation `number`, the newest first. */
export function lineage(ledger: Ledger, number: number): GenerationRecord[] {
  const line: GenerationRecord[] = [];
  let at = number;
  while (at > 0 && line.length <= ledger.generations.length) {
    const generation = generationOf(ledger, at);
    if (generation === undefined) break;
    line.push(generation);
    at = generation.parent;
  }
  return line;
}

/** Where each redirected entry leads at generation `number`. Entries at their original code are
 *  left out. */
export function bodiesAt(ledger: Ledger, number: number): Map<Addr, Body> {
  const bodies = new Map<Addr, Body>();
  for (const generation of lineage(ledger, number).reverse()) {
    for (const body of generation.bodies) {
      if (body.start === body.entry && body.reason !== 'new') bodies.delete(body.entry);
      else bodies.set(body.entry, body);
    }
  }
  return bodies;
}

/** The initial value that hcr has given a variable last, whatever was rolled back since: a fingerprint;
 *  undefined when it has given it none. */
export function lastInitialiser(
  { generations, initialisers = [] }: Ledger,
  address: Addr,
): string | undefined {
  return [...initialisers, ...generations.flatMap((each) => each.initialisers ?? [])]
    .filter((given) => given.address === address)
    .toSorted((a, b) => b.generation - a.generation)[0]?.fingerprint;
}

/** The entries that lead elsewhere at one generation than at another. */
export function entriesBetween(ledger: Ledger, from: number, to: number): Set<Addr> {
  const [before, after] = [bodiesAt(ledger, from), bodiesAt(ledger, to)];
  const entries = ledger.entries.map(({ entry }) => entry);
  return new Set(entries.filter((entry) => before.get(entry)?.start !== after.get(entry)?.start));
}

/** Variables that patches have added, whichever generation is live: their addresses stay taken. */
export function newVariables(ledger: Ledger): NewVariable[] {
  return ledger.generations.flatMap((generation) => generation.variables);
}

/** All memory of the areas that is in use. */
export function blocksInUse({ generations, unwinders }: Ledger): Block[] {
  return [...generations, ...unwinders].flatMap(({ blocks }) => blocks);
}

/** Bytes in use in the areas. */
export function usedBytes(ledger: Ledger): number {
  return blocksInUse(ledger).reduce((sum, block) => sum + block.sizeBytes, 0);
}

/** Functions of which no frame may be left when one generation takes the place of another: they hand
 *  each other data that the two lay out differently. */
export function sharingBetween(ledger: Ledger, from: number, to: number): ReadonlySet<Addr> {
  const [before, after] = [lineage(ledger, from), lineage(ledger, to)];
  const changed = [
    ...before.filter((generation) => !after.includes(generation)),
    ...after.filter((generation) => !before.includes(generation)),
  ];
  return new Set(changed.flatMap(({ shared = [] }) => shared.flatMap(({ entries }) => entries)));
}
