/**
 * Where the sections of the new object with data are in the live process, if they are there at all.
 *
 * A section symbol stands for a whole section. It is bound to live data only when everything in
 * that section is found live at the same distances; else the addend could point anywhere.
 */
import { type Addr, offsetBy } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { Section } from '../elf/sections.js';
import type { LiveCounterparts } from './live-counterparts.js';
import { isCompilerConstant } from './live-unit.js';
import { type ObjectUnit, datumKind, objectsIn } from './object-unit.js';

/** Whether a constant has the same content as the live one at an address. */
export type SameConstant = (section: Section, address: Addr) => boolean;

export class LiveSections {
  private readonly unit: ObjectUnit;
  private readonly counterparts: LiveCounterparts;
  private readonly sameConstant: SameConstant;
  private readonly bases = new Map<Section, Addr | undefined>();

  constructor(unit: ObjectUnit, counterparts: LiveCounterparts, sameConstant: SameConstant) {
    this.unit = unit;
    this.counterparts = counterparts;
    this.sameConstant = sameConstant;
  }

  /** Where the start of a section with variables or constants is; undefined for what is linked anew.
   *  @throws HcrError `function-not-patchable` when only a part of it is as it was */
  baseOf(section: Section): Addr | undefined {
    if (this.bases.has(section)) return this.bases.get(section);
    const base =
      datumKind(section) === 'writable' ? this.writableBase(section) : this.constantBase(section);
    this.bases.set(section, base);
    return base;
  }

  private constantBase(section: Section): Addr | undefined {
    // It may lead back to itself; meanwhile it is one that is linked anew.
    this.bases.set(section, undefined);
    try {
      return this.liveConstant(section);
    } finally {
      // Who asks again after a refusal is to be refused again.
      this.bases.delete(section);
    }
  }

  /** Where the start of a writable section is, when all its variables live on; undefined when all
   *  of them are new. */
  private writableBase(section: Section): Addr | undefined {
    const objects = objectsIn(this.unit.object, section);
    const bases = objects.map((symbol) => {
      const address = this.counterparts.variableOf(section, symbol)?.address;
      return address === undefined ? undefined : offsetBy(address, -symbol.value);
    });
    const base = bases[0];
    if (bases.every((candidate) => candidate === base)) return base;
    throw new HcrError({
      code: 'function-not-patchable',
      function: section.name,
      reason: `its variables ${objects.map((symbol) => symbol.name).join(', ')} share one section but are not at these distances in the program`,
      advice: 'Compile the object with -ffunction-sections -fdata-sections.',
    });
  }

  /** A named constant keeps its address while its content is the same. */
  private liveConstant(section: Section): Addr | undefined {
    const objects = objectsIn(this.unit.object, section);
    const [symbol] = objects;
    if (symbol === undefined || objects.length > 1 || symbol.value !== 0) return undefined;
    if (isCompilerConstant(symbol.name)) return undefined;
    const address = this.counterparts.constantOf(section, symbol);
    return address !== undefined && this.sameConstant(section, address) ? address : undefined;
  }
}
