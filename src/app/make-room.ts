/** Room in the target for a further generation, from those that nothing refers to any more. */
import { rangeAt } from '../core/address.js';
import { plainBytes } from '../patch/ledger-codec.js';
import type { GenerationRecord, Ledger } from '../patch/ledger.js';
import { forgetRetired, rangesOf, retire, supersededGenerations } from '../patch/retire.js';
import { LEDGER_SLOT_BYTES } from '../ptrace/patch-area.js';
import { findUnreferenced } from '../ptrace/references.js';
import { indexInUse } from './index-in-use.js';
import type { ProcessImage } from './observe.js';

/** The target stands still for some half a millisecond a megabyte. One that uses more than this
 *  does not notice the memory of another area. */
const SEARCH_FOR_ROOM_BYTES = 32 << 20;
/** Nothing but a shorter record helps when the ledger is full. */
const SEARCH_FOR_RECORDS_BYTES = 1 << 30;

const LEDGER_FULL_BYTES = 0.75 * LEDGER_SLOT_BYTES;
const LEDGER_ROOMY_BYTES = 0.5 * LEDGER_SLOT_BYTES;

/**
 * Retires old generations, the oldest first, when that makes room; else none.
 * @param fits whether there would be room
 * @throws HcrError `target-exited`, `target-replaced`, `already-traced`, `attach-denied`
 */
export function retireForRoom(image: ProcessImage, fits: (ledger: Ledger) => boolean): void {
  const { ledger } = image.store;
  const superseded = supersededGenerations(ledger);
  const without = (gone: readonly GenerationRecord[]): Ledger => retireAll(ledger, gone);
  if (superseded.length === 0 || !fits(without(superseded))) return;
  const free = unreferenced(image, superseded, SEARCH_FOR_ROOM_BYTES);
  if (!fits(without(free))) return;
  // Half of them at least, so that not every patch has to search again.
  let least = Math.ceil(free.length / 2);
  for (let most = free.length; !fits(without(free.slice(0, least))) && least < most; ) {
    least = Math.ceil((least + most) / 2);
  }
  image.store.save(without(free.slice(0, least)));
}

/** Shortens the record when its place in the target gets full. */
export function shortenLedger(image: ProcessImage): void {
  const { store } = image;
  if (plainBytes(store.ledger) < LEDGER_FULL_BYTES) return;
  let ledger = forgetRetired(store.ledger);
  const excess = plainBytes(ledger) - LEDGER_ROOMY_BYTES;
  if (excess > 0) {
    const free = unreferenced(image, supersededGenerations(ledger), SEARCH_FOR_RECORDS_BYTES);
    ledger = forgetRetired(retireAll(ledger, oldestOf(free, excess)));
  }
  if (ledger !== store.ledger) store.save(ledger);
}

function retireAll(ledger: Ledger, generations: readonly GenerationRecord[]): Ledger {
  return retire(ledger, new Set(generations.map(({ number }) => number)));
}

/** Those of some generations that nothing in the target refers to. */
function unreferenced(
  image: ProcessImage,
  generations: readonly GenerationRecord[],
  maxBytes: number,
): GenerationRecord[] {
  const { store, target } = image;
  // What hcr itself noted of them is no reference.
  const records = [
    ...store.ledger.areas.map(({ start, parts }) => ({ start, end: parts.data.start })),
    ...store.ledger.generations.flatMap(({ frameIndexes, lineTables = [] }) => [
      ...frameIndexes,
      ...lineTables,
    ]),
    ...indexInUse(image).map(({ start, sizeBytes }) => rangeAt(start, sizeBytes)),
  ];
  const suspects = generations.map((generation) => ({
    number: generation.number,
    ranges: rangesOf(generation),
  }));
  const found = findUnreferenced(target, suspects, { except: records, maxBytes });
  return generations.filter(({ number }) => found.has(number));
}

/** The oldest generations whose records take so many bytes. */
function oldestOf(generations: readonly GenerationRecord[], bytes: number): GenerationRecord[] {
  let sum = 0;
  return generations.filter((generation) => {
    const isNeeded = sum < bytes;
    sum += plainBytes(generation);
    return isNeeded;
  });
}
