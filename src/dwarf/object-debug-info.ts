/**
 * The debug information of an object file, as the compiler left it: full of places for a linker
 * to fill in. They are filled in here, with addresses made up for the purpose, so that the
 * readers of linked programs read it too.
 *
 * An object may have several sections of one name: each type that other objects may share is in
 * one of its own. As a linker would, this joins them.
 */
import type { Vaddr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { Relocations } from '../arch/relocations.js';
import { SHF, SHT, STT } from '../elf/constants.js';
import type { ObjectFile } from '../elf/object-file.js';
import type { Section } from '../elf/sections.js';
import type { ElfSymbol } from '../elf/symbols.js';
import { type DebugInfo, debugInfoIn } from './debug-info.js';
import {
  type DebugSection,
  type DebugSections,
  joinBytes,
  sectionFromBytes,
} from './debug-sections.js';
import { type SectionPlace, SyntheticAddresses } from './synthetic-addresses.js';

export interface ObjectDebugInfo {
  /** Its addresses, and the offsets of its thread-locals, are made up: see {@link sectionAt}. */
  readonly info: DebugInfo;
  /** What a made-up address stands for. */
  sectionAt(address: Vaddr | number): SectionPlace | undefined;
  /** The made-up address of a place in a section; `undefined` for a section not loaded. */
  addressOf(place: SectionPlace): Vaddr | undefined;
}

/**
 * `undefined` when the object has no debug information.
 * @param object borrowed for as long as the result is used
 * @throws HcrError `malformed-file` when a section is damaged. Readers of the result also throw
 *   `unsupported-relocation`, for one that debug information never has
 */
export function openObjectDebugInfo(
  object: ObjectFile,
  relocations: Relocations,
): ObjectDebugInfo | undefined {
  const addresses = new SyntheticAddresses(object.what, object.sections);
  const info = debugInfoIn(new RelocatedSections(object, relocations, addresses));
  return (
    info && {
      info,
      sectionAt: (address) => addresses.sectionAt(address),
      addressOf: ({ sectionIndex, offset }) => {
        const base = addresses.baseOf(sectionIndex);
        return base === undefined ? undefined : ((base + offset) as Vaddr);
      },
    }
  );
}

class RelocatedSections implements DebugSections {
  readonly what: string;
  readonly littleEndian: boolean;
  private readonly object: ObjectFile;
  private readonly relocations: Relocations;
  private readonly addresses: SyntheticAddresses;
  private readonly byName: ReadonlyMap<string, readonly Section[]>;
  /** Where each debug section starts in the joined one of its name. */
  private readonly joinedAt: ReadonlyMap<number, number>;
  /** By the symbol's index; most relocations are against the same few. */
  private readonly values = new Map<number, number | undefined>();
  private readonly opened = new Map<string, DebugSection | undefined>();

  constructor(object: ObjectFile, relocations: Relocations, addresses: SyntheticAddresses) {
    this.what = object.what;
    this.littleEndian = object.elf.header.littleEndian;
    this.object = object;
    this.relocations = relocations;
    this.addresses = addresses;
    const debugSections = object.sections.filter(isDebugSection);
    const byName = new Map<string, Section[]>();
    for (const section of debugSections) {
      const name = plainName(section.name);
      const known = byName.get(name);
      if (known === undefined) byName.set(name, [section]);
      else known.push(section);
    }
    this.byName = byName;
    this.joinedAt = joinSections(object, byName.values());
  }

  section(name: string): DebugSection | undefined {
    if (!this.opened.has(name)) this.opened.set(name, this.open(name));
    return this.opened.get(name);
  }

  private open(name: string): DebugSection | undefined {
    const sections = this.byName.get(name);
    if (sections === undefined) return undefined;
    const what = `${this.what} (section ${name})`;
    return sectionFromBytes(
      what,
      joinBytes(sections.map((section) => this.relocated(section))),
      this.littleEndian,
    );
  }

  /** A copy with its relocations applied. */
  private relocated(section: Section): Uint8Array {
    const bytes = this.object.bytesOf(section).slice();
    for (const relocation of this.object.relocationsOf(section)) {
      const { type, offset, symbolIndex, addend } = relocation;
      const S = this.valueOf(symbolIndex);
      // What is defined elsewhere is nowhere yet, like code that was discarded.
      const terms = S === undefined ? { S: 0, A: 0, P: 0 } : { S, A: addend, P: offset };
      const rule = this.relocations.rule(type);
      const isInside = rule !== undefined && offset + rule.widthBytes <= bytes.length;
      if (!isInside || !this.relocations.apply(type, bytes, offset, terms)) {
        throw new HcrError({
          code: 'unsupported-relocation',
          relocation: this.relocations.nameOf(type),
          section: section.name,
          symbol: this.object.symbols.at(symbolIndex).name,
        });
      }
    }
    return bytes;
  }

  /** The address or the offset in a debug section that a symbol stands for. */
  private valueOf(symbolIndex: number): number | undefined {
    if (!this.values.has(symbolIndex)) {
      this.values.set(symbolIndex, this.resolve(this.object.symbols.at(symbolIndex)));
    }
    return this.values.get(symbolIndex);
  }

  private resolve(symbol: ElfSymbol): number | undefined {
    if (symbol.home === 'absolute') return symbol.value;
    if (symbol.home !== 'section') return undefined;
    const { sectionIndex } = symbol;
    const base = this.addresses.baseOf(sectionIndex) ?? this.joinedAt.get(sectionIndex);
    if (base === undefined) return undefined;
    return base + (symbol.type === STT.SECTION ? 0 : symbol.value);
  }
}

/** Where each section starts among those of its name. */
function joinSections(
  object: ObjectFile,
  groups: Iterable<readonly Section[]>,
): ReadonlyMap<number, number> {
  const joinedAt = new Map<number, number>();
  for (const sections of groups) {
    let at = 0;
    for (const section of sections) {
      joinedAt.set(section.index, at);
      if (sections.length > 1) at += object.bytesOf(section).length;
    }
  }
  return joinedAt;
}

function isDebugSection({ name, flags, type }: Section): boolean {
  const isNamed = name.startsWith('.debug_') || name.startsWith('.zdebug_');
  return isNamed && (flags & SHF.ALLOC) === 0 && type !== SHT.NOBITS;
}

function plainName(name: string): string {
  return name.startsWith('.zdebug') ? `.${name.slice(2)}` : name;
}
