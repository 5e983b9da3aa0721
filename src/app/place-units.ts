/**
 * Layout, reserve and link for the units of one transaction: where the new code goes, and its bytes.
 *
 * A body is linked once as it is, which shows what it does to registers and stack; when the live
 * callers count on more than it keeps, it is linked once more behind a stub.
 */
import type { Decoder } from '../arch/arch.js';
import { contains } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { type LoadedModule, isFixedAddress } from '../elf/loaded-module.js';
import { type KeepingNeed, type Layout, layOut } from '../link/layout.js';
import { type PartStarts, linkAt } from '../link/link.js';
import { allocateIn, blocksInUse } from '../patch/allocation.js';
import type { Block, Ledger } from '../patch/ledger.js';
import { planArea, reserveArea, windowAround } from '../ptrace/patch-area.js';
import { contractOf } from './contracts.js';
import { retireForRoom, shortenLedger } from './make-room.js';
import type { ProcessImage } from './observe.js';
import type { PlacedUnit } from './placed-unit.js';
import type { PreparedUnit } from './prepare-unit.js';
import type { PatchRoot } from './select-roots.js';

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
    const plain = placeUnit(image, prepared, new Map(), taken, dryRun);
    const needs = new Map<PatchRoot, KeepingNeed>();
    for (const root of prepared.roots) {
      const need = contractOf(image, plain, root, decoder);
      if (need !== undefined) needs.set(root, need);
    }
    placed.push(needs.size === 0 ? plain : placeUnit(image, prepared, needs, taken, dryRun));
  }
  return placed;
}

function placeUnit(
  image: ProcessImage,
  prepared: PreparedUnit,
  needs: ReadonlyMap<PatchRoot, KeepingNeed>,
  taken: readonly Block[],
  dryRun: boolean,
): PlacedUnit {
  const { machine } = image.target;
  const roots = prepared.roots.map((root) => ({
    fn: root.fn,
    entry: root.live.address,
    stub: needs.get(root),
  }));
  const layout = layOut(roots, prepared.edited.unit, prepared.binder, machine);
  const blocks = allocate(image, prepared.wanted.module, layout, taken, dryRun);
  const starts: PartStarts = Object.fromEntries(blocks.map((block) => [block.part, block.start]));
  return { prepared, layout, blocks, image: linkAt(layout, starts, machine) };
}

/** Finds room in an area that the module reaches, makes room in one, or reserves another. A dry run
 *  only looks where it would be. */
function allocate(
  image: ProcessImage,
  module: LoadedModule,
  layout: Layout,
  taken: readonly Block[],
  dryRun: boolean,
): Block[] {
  const { target, store } = image;
  const window = windowAround(
    module.range,
    target.machine.jumps.nearReachBytes,
    isFixedAddress(module),
  );
  const find = (ledger: Ledger): Block[] | undefined => {
    const used = [...blocksInUse(ledger), ...taken];
    const inReach = ledger.areas.filter(
      ({ start, sizeBytes }) =>
        contains(window.reach, start) && start + sizeBytes <= window.reach.end,
    );
    for (const area of inReach) {
      const blocks = allocateIn(area, used, layout);
      if (blocks !== undefined) return blocks;
    }
    return undefined;
  };
  if (!dryRun) shortenLedger(image);
  let blocks = find(store.ledger);
  if (blocks === undefined && !dryRun) {
    retireForRoom(image, (ledger) => find(ledger) !== undefined);
    blocks = find(store.ledger);
  }
  if (blocks !== undefined) return blocks;
  const area = dryRun
    ? planArea(target, window, layout.sizeBytes)
    : reserveArea(target, window, layout.sizeBytes, store.abandoned);
  if (!dryRun) store.save({ ...store.ledger, areas: [...store.ledger.areas, area] });
  blocks = allocateIn(area, [...blocksInUse(store.ledger), ...taken], layout);
  if (blocks === undefined)
    throw new HcrError({ code: 'out-of-memory', detail: 'a new patch area is too small' });
  return blocks;
}
