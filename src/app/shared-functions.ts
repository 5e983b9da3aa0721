/**
 * Functions that several translation units define (templates, inline functions of C++): the program
 * kept the code of one of them, so one new body replaces it.
 */
import type { Addr } from '../core/address.js';
import type { Unit } from '../dwarf/unit.js';
import { fileAddressWithin } from '../elf/loaded-module.js';
import type { ProcessImage } from './observe.js';
import type { PreparedUnit } from './prepare-unit.js';
import type { PatchRoot } from './select-roots.js';

/** The units, each with the functions that it is to give. The unit whose code the program kept goes
 *  first; another one counts in its place only if it was compiled with the same flags. */
export function withoutSharedFunctions(
  image: ProcessImage,
  units: readonly PreparedUnit[],
): PreparedUnit[] {
  const taken = new Set<Addr>();
  const kept = new Map<PreparedUnit, Set<PatchRoot>>(units.map((unit) => [unit, new Set()]));
  const take = (accepts: (unit: PreparedUnit, owner: Unit | undefined) => boolean): void => {
    for (const unit of units) {
      for (const root of unit.roots) {
        const { address } = root.live;
        if (taken.has(address) || !accepts(unit, ownerOf(image, unit, address))) continue;
        taken.add(address);
        kept.get(unit)?.add(root);
      }
    }
  };
  take(({ wanted }, owner) => owner !== undefined && owner === wanted.unit);
  take(
    ({ wanted }, owner) =>
      owner === undefined || wanted.unit === undefined || owner.producer === wanted.unit.producer,
  );
  return units.map((unit) => ({
    ...unit,
    roots: unit.roots.filter((root) => kept.get(unit)?.has(root)),
  }));
}

function ownerOf(image: ProcessImage, { wanted }: PreparedUnit, entry: Addr): Unit | undefined {
  const at = fileAddressWithin(wanted.module, entry);
  return at === undefined ? undefined : image.debugInfo(wanted.module)?.unitAt(at);
}
