/**
 * The freshly compiled object, seen as functions and variables with names that can be compared
 * with the live program's.
 */
import { SHF, SHT, STB, STT } from '../elf/constants.js';
import type { Vaddr } from '../core/address.js';
import type { ElfFile } from '../elf/elf-file.js';
import type { ObjectFile } from '../elf/object-file.js';
import type { Section } from '../elf/sections.js';
import type { ElfSymbol } from '../elf/symbols.js';

export interface ObjectFunction {
  readonly name: string;
  readonly section: Section;
  /** Offset of its first byte in the section. */
  readonly offset: number;
  readonly sizeBytes: number;
  readonly isLocal: boolean;
  /** Whether another unit's definition may have taken its place in the program; copies of inline
   *  functions are all the same one. */
  readonly isReplaceable: boolean;
}

export type DatumKind = 'writable' | 'constant' | 'thread-local';

export interface ObjectUnit {
  readonly object: ObjectFile;
  readonly functions: readonly ObjectFunction[];
  /** Scoped name of the variable that starts at an offset of a section, where the object's debug
   *  information tells. */
  scopedName(section: Section, offset: number): string | undefined;
}

export function isCode(section: Section): boolean {
  return (section.flags & SHF.EXECINSTR) !== 0;
}

export function isAllocated(section: Section): boolean {
  return (section.flags & SHF.ALLOC) !== 0;
}

/** What is at an address of a linked file; undefined outside its sections. */
export function datumKindAt({ sections }: ElfFile, at: Vaddr): DatumKind | undefined {
  const section = sections.find(
    (candidate) =>
      isAllocated(candidate) &&
      at >= candidate.address &&
      at < candidate.address + candidate.sizeBytes,
  );
  return section && datumKind(section);
}

/** Pages that are writable only until the dynamic linker has relocated them count as constant. */
export function datumKind(section: Section): DatumKind {
  if ((section.flags & SHF.TLS) !== 0) return 'thread-local';
  if ((section.flags & SHF.WRITE) === 0) return 'constant';
  return /^\.data\.rel\.ro(\.|$)/.test(section.name) ? 'constant' : 'writable';
}

export function isZeroFilled(section: Section): boolean {
  return section.type === SHT.NOBITS;
}

export function readObjectFunctions(object: ObjectFile): ObjectFunction[] {
  const functions: ObjectFunction[] = [];
  for (const symbol of object.symbols) {
    const section = symbol.type === STT.FUNC ? object.sectionOf(symbol) : undefined;
    if (section === undefined) continue;
    functions.push({
      name: symbol.name,
      section,
      offset: symbol.value,
      sizeBytes: symbol.sizeBytes,
      isLocal: symbol.binding === STB.LOCAL,
      isReplaceable: symbol.binding === STB.WEAK && object.groupOf(section)?.isComdat !== true,
    });
  }
  return functions;
}

/** Variables defined in a section, the one at the lowest offset first. */
export function objectsIn(object: ObjectFile, section: Section): ElfSymbol[] {
  return object
    .symbolsIn(section)
    .filter((symbol) => symbol.type === STT.OBJECT || symbol.type === STT.TLS)
    .sort((a, b) => a.value - b.value);
}
