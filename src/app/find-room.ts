/** Room in the target for new code and data: in an area that is there, or in another. */
import { contains } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { type LoadedModule, isFixedAddress } from '../elf/loaded-module.js';
import { type PartSizes, allocateIn } from '../patch/allocation.js';
import { type Block, type Ledger, blocksInUse } from '../patch/ledger.js';
import { planArea, reserveArea, windowAround } from '../ptrace/patch-area.js';
import { indexInUse } from './index-in-use.js';
import { retireForRoom, shortenLedger } from './make-room.js';
import type { ProcessImage } from './observe.js';

/**
 * Finds room in an area that the module reaches, makes room in one, or reserves another. A dry run
 * only looks where it would be.
 * @param taken blocks that are not on record yet
 * @throws HcrError `out-of-reach`, `out-of-memory`
 */
export function findRoom(
  image: ProcessImage,
  module: LoadedModule,
  sizes: PartSizes,
  taken: readonly Block[],
  dryRun: boolean,
): Block[] {
  const { target, store } = image;
  const window = windowAround(
    module.range,
    target.machine.jumps.nearReachBytes,
    isFixedAddress(module),
  );
  const index = indexInUse(image);
  const find = (ledger: Ledger): Block[] | undefined => {
    const used = [...blocksInUse(ledger), ...index, ...taken];
    const inReach = ledger.areas.filter(
      ({ start, sizeBytes }) =>
        contains(window.reach, start) && start + sizeBytes <= window.reach.end,
    );
    for (const area of inReach) {
      const blocks = allocateIn(area, used, sizes);
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
    ? planArea(target, window, sizes.sizeBytes)
    : reserveArea(target, window, sizes.sizeBytes, store.takeAbandoned());
  if (!dryRun) store.save({ ...store.ledger, areas: [...store.ledger.areas, area] });
  blocks = allocateIn(area, [...blocksInUse(store.ledger), ...taken], sizes);
  if (blocks === undefined)
    throw new HcrError({ code: 'out-of-memory', detail: 'a new patch area is too small' });
  return blocks;
}
