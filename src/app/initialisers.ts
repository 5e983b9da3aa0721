/** Whether the initialiser of a variable was edited: what the program was started with is in its file,
 *  and what hcr has given the variable since is on record. */
import { type Addr, contains, vaddr } from '../core/address.js';
import { PT } from '../elf/constants.js';
import { liveAddress } from '../elf/loaded-module.js';
import type { Section } from '../elf/sections.js';
import type { ElfSymbol } from '../elf/symbols.js';
import { InitialMemory } from '../link/initial-memory.js';
import type { LiveVariable } from '../link/live-unit.js';
import { isZeroFilled } from '../link/object-unit.js';
import { CodeComparer } from '../patch/compare-code.js';
import { fingerprintOf } from '../patch/fingerprint.js';
import { lastInitialiser } from '../patch/ledger.js';
import type { ProcessImage } from './observe.js';
import type { PreparedUnit } from './prepare-unit.js';

export class Initialisers {
  private readonly image: ProcessImage;
  private readonly unit: PreparedUnit;
  private readonly comparer: CodeComparer;

  constructor(image: ProcessImage, unit: PreparedUnit, initial = initialMemoryOf(image)) {
    this.image = image;
    this.unit = unit;
    this.comparer = new CodeComparer({
      unit: unit.edited.unit,
      binder: unit.binder,
      symbols: image.symbols,
      module: unit.wanted.module,
      machine: image.target.machine,
      original: initial,
      decoder: undefined,
    });
  }

  /** Whether the program was started with another value, or has been given another one by a patch. Of
   *  other variables that an earlier patch brought nobody knows. */
  isEdited(section: Section, symbol: ElfSymbol, live: LiveVariable): boolean {
    const { value, sizeBytes } = symbol;
    if (live.sizeBytes !== undefined && live.sizeBytes !== sizeBytes) return false;
    const given = lastInitialiser(this.image.store.ledger, live.address);
    if (given !== undefined && live.blockOffset === undefined)
      return given !== this.fingerprint(section, symbol);
    const address = this.initialAddress(live);
    if (address === 'zeros') {
      const bytes = this.unit.edited.unit.object.bytesOf(section);
      return (
        !isZeroFilled(section) && bytes.subarray(value, value + sizeBytes).some((b) => b !== 0)
      );
    }
    const { symbols } = this.image;
    const isOfProgram = symbols.modules.some(({ range }) => contains(range, address));
    return isOfProgram && !this.comparer.compareDatum(section, value, sizeBytes, address);
  }

  /** A name for an initialiser, which two compilations share exactly when they mean the same. */
  fingerprint(section: Section, { name, value, sizeBytes }: ElfSymbol): string {
    const { edited, binder } = this.unit;
    const datum = { name, section, offset: value, sizeBytes, isLocal: true, isReplaceable: false };
    return fingerprintOf(datum, edited.unit, binder, this.image.target.machine);
  }

  private initialAddress({ address, blockOffset }: LiveVariable): Addr | 'zeros' {
    if (blockOffset === undefined) return address;
    const { module } = this.unit.wanted;
    const segment = module.file.segments.find(({ type }) => type === PT.TLS);
    if (segment === undefined || blockOffset >= segment.fileSizeBytes) return 'zeros';
    return liveAddress(module, vaddr(segment.address + blockOffset));
  }
}

export function initialMemoryOf(image: ProcessImage): InitialMemory {
  return new InitialMemory(image.symbols, image.target.machine.relocations);
}
