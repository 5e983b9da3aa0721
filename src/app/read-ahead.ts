/**
 * Reads of a live unit what its comparison with a new object will ask for. Done while nobody waits,
 * or while the compiler runs, it takes no time of its own; what is read is remembered by whom it
 * belongs to, for as long as the file is open.
 */
import { isHcrError } from '../core/failure.js';
import { compareTypes } from '../dwarf/changed-types.js';
import { identityOf } from '../dwarf/source-name.js';
import type { Unit } from '../dwarf/unit.js';
import { fileAddress } from '../elf/loaded-module.js';
import { readLiveUnit } from '../link/read-live-unit.js';
import type { WantedUnit } from './locate.js';
import type { ProcessImage } from './observe.js';

const known = new WeakSet<Unit>();

/** Never fails for what it reads: who needs it meets the same, and says so. */
export function readAhead(image: ProcessImage, wanted: WantedUnit): void {
  const { module, unit, sourceName = '', inside } = wanted;
  if (unit === undefined || known.has(unit)) return;
  known.add(unit);
  try {
    readLiveUnit(module, unit, sourceName, inside);
    for (const fn of unit.functions()) image.symbols.inModule(identityOf(fn), module);
    module.file.symbols().findAddress(fileAddress(module, inside));
    unit.inlinedCopies();
    // With itself: so all its types are read, and the engine has run what compares them.
    compareTypes(unit.dies, unit.dies);
  } catch (error) {
    if (!isHcrError(error)) throw error;
  }
}
