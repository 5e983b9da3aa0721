/**
 * Layout, reserve and link for the units of one transaction: where the new code goes, and its bytes.
 *
 * A body is linked once as it is, which shows what it does to registers and stack; when the live
 * callers count on more than it keeps, it is linked once more behind a stub.
 */
import type { Decoder } from '../arch/arch.js';
import { type KeepingNeed, layOut } from '../link/layout.js';
import { type PartStarts, linkAt } from '../link/link.js';
import type { Block } from '../patch/ledger.js';
import { contractOf } from './contracts.js';
import { findRoom } from './find-room.js';
import { assertNoConstructors } from './new-objects.js';
import type { ProcessImage } from './observe.js';
import type { PlacedUnit } from './placed-unit.js';
import type { PreparedUnit } from './prepare-unit.js';
import type { PatchRoot } from './select-roots.js';
import { assertDataIsKnown } from './stripped-data.js';
import { assertUnwindable } from './unwinding.js';

/** @throws HcrError `out-of-reach`, `out-of-memory`, `abi-changed`, and those of binding */
export function placeUnits(
  image: ProcessImage,
  units: readonly PreparedUnit[],
  decoder: Decoder,
  dryRun: boolean,
): PlacedUnit[] {
  const placed: PlacedUnit[] = [];
  for (const prepared of units) {
    const taken = placed.flatMap((unit) => unit.blocks);
    const plain = placeUnit(image, prepared, new Map(), taken, decoder, dryRun);
    const needs = new Map<PatchRoot, KeepingNeed>();
    for (const root of prepared.roots) {
      const need = contractOf(image, plain, root, decoder);
      if (need !== undefined) needs.set(root, need);
    }
    placed.push(
      needs.size === 0 ? plain : placeUnit(image, prepared, needs, taken, decoder, dryRun),
    );
  }
  return placed;
}

function placeUnit(
  image: ProcessImage,
  prepared: PreparedUnit,
  needs: ReadonlyMap<PatchRoot, KeepingNeed>,
  taken: readonly Block[],
  decoder: Decoder,
  dryRun: boolean,
): PlacedUnit {
  const { machine } = image.target;
  const roots = prepared.roots.map((root) => ({
    fn: root.fn,
    entry: root.live.address,
    stub: needs.get(root),
  }));
  const layout = layOut(roots, prepared.edited.unit, prepared.binder, machine);
  // Before anything is asked of the target.
  assertNoConstructors(layout, prepared);
  assertDataIsKnown(layout, prepared);
  assertUnwindable(image, layout, prepared, decoder);
  const blocks = findRoom(image, prepared.wanted.module, layout, taken, dryRun);
  const starts: PartStarts = Object.fromEntries(blocks.map((block) => [block.part, block.start]));
  return { prepared, layout, blocks, image: linkAt(layout, starts, machine) };
}
