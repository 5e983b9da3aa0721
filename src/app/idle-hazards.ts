/**
 * Functions that hand each other data of a type whose layout changes. An old frame of one that
 * calls another would hand old data to new code, so no such frame may be left.
 */
import { type Addr, type AddrRange, rangeAt, vaddr } from '../core/address.js';
import { liveAddress } from '../elf/loaded-module.js';
import {
  type Body,
  type EntryRecord,
  type Ledger,
  bodiesAt,
  codeRangesOf,
} from '../patch/ledger.js';
import type { Hazard } from '../patch/safety.js';
import type { ProcessImage } from './observe.js';
import type { PatchRoot } from './select-roots.js';

/** @param ledger what is live is its current generation
 *  @param entries of such functions */
export function idleHazards(
  image: ProcessImage,
  ledger: Ledger,
  entries: ReadonlySet<Addr>,
): Hazard[] {
  const bodies = bodiesAt(ledger, ledger.current);
  return ledger.entries
    .filter(({ entry }) => entries.has(entry))
    .flatMap((record) => {
      const { entry, name, sizeBytes } = record;
      const body = bodies.get(entry);
      const start = body?.start ?? entry;
      const whole = rangeAt(start, body?.sizeBytes ?? sizeBytes);
      return [whole, ...(body?.cold ?? coldParts(image, record))].map((range) => ({
        range,
        function: name,
        why: 'shares-data' as const,
      }));
    });
}

/** Every code that ever ran for some functions: with `--when-idle` no thread may be in any of it.
 *  @param ledger the record with the new generation
 *  @param entries of the functions */
export function whenIdleHazards(
  image: ProcessImage,
  ledger: Ledger,
  entries: ReadonlySet<Addr>,
): Hazard[] {
  const wanted = ledger.entries.filter(({ entry }) => entries.has(entry));
  const hazardsOf = (name: string, ranges: readonly AddrRange[]): Hazard[] =>
    ranges.map((range) => ({ range, function: name, why: 'not-idle' }));
  const originals = wanted.flatMap((record) => {
    const { entry, name, sizeBytes } = record;
    return hazardsOf(name, [rangeAt(entry, sizeBytes), ...coldParts(image, record)]);
  });
  const bodies = ledger.generations
    .filter(({ blocks }) => blocks.length > 0)
    .flatMap((generation) => generation.bodies)
    .filter(({ entry, start }) => entries.has(entry) && start !== entry)
    .flatMap((body) => hazardsOf(body.name, codeRangesOf(body)));
  return [...originals, ...bodies];
}

/** Of the original; those of a function of the same name in another unit do no harm. */
function coldParts({ modules }: ProcessImage, { name, module: path }: EntryRecord): AddrRange[] {
  return modules
    .filter((module) => module.path === path)
    .flatMap((module) =>
      module.file
        .symbols()
        .findByName(`${name}.cold`)
        .map(({ value, sizeBytes }) => rangeAt(liveAddress(module, vaddr(value)), sizeBytes)),
    );
}

/** The code that runs for a function now: its body, or the original. */
export function liveRange(root: PatchRoot, bodies: ReadonlyMap<Addr, Body>): AddrRange {
  const body = bodies.get(root.live.address);
  const start = body?.start ?? root.live.address;
  return rangeAt(start, body?.sizeBytes ?? root.live.sizeBytes);
}
