/** The debug sections of an ELF file, read in ranges where they are not compressed. */
import { PT, SHT } from '../elf/constants.js';
import type { ElfFile } from '../elf/elf-file.js';
import { isCompressed } from '../elf/section-content.js';
import type { Section } from '../elf/sections.js';
import {
  checkRange,
  type DebugSection,
  type DebugSections,
  joinBytes,
  sectionFromBytes,
} from './debug-sections.js';

/** @param elf borrowed for as long as the result is used */
export function sectionsOfElf(elf: ElfFile): DebugSections {
  const segment = elf.segments.find(({ type }) => type === PT.TLS);
  const threadLocals = segment && {
    start: segment.address,
    end: segment.address + segment.memorySizeBytes,
  };
  return { ...sectionsNamed(elf, (name) => elf.section(name)), threadLocals };
}

/** Those of split debug information: `.debug_info.dwo` is what `.debug_info` is in a program. Each
 *  type that other files may have too is in a section of its own; sections of one name are joined.
 *  @param elf borrowed for as long as the result is used */
export function splitSectionsOfElf(elf: ElfFile): DebugSections {
  return sectionsNamed(elf, (name) => elf.sections.filter((s) => s.name === `${name}.dwo`));
}

type Found = Section | readonly Section[] | undefined;

function sectionsNamed(elf: ElfFile, find: (name: string) => Found): DebugSections {
  const opened = new Map<string, DebugSection | undefined>();
  return {
    what: elf.what,
    littleEndian: elf.header.littleEndian,
    section: (name) => {
      if (!opened.has(name)) opened.set(name, open(elf, name, [find(name) ?? []].flat()));
      return opened.get(name);
    },
  };
}

function open(elf: ElfFile, name: string, found: readonly Section[]): DebugSection | undefined {
  // Where debug information was split off, its sections can still be listed, without bytes.
  const [section, ...others] = found.filter(({ type }) => type !== SHT.NOBITS);
  if (section === undefined) return undefined;
  const what = `${elf.what} (section ${section.name || name})`;
  const { littleEndian } = elf.header;
  if (others.length > 0) {
    const parts = [section, ...others].map((part) => elf.sectionBytes(part));
    return sectionFromBytes(what, joinBytes(parts), littleEndian);
  }
  if (isCompressed(section)) return sectionFromBytes(what, elf.sectionBytes(section), littleEndian);
  const { sizeBytes } = section;
  return {
    what,
    sizeBytes,
    littleEndian,
    bytes: (offset, lengthBytes) => {
      checkRange(what, sizeBytes, offset, lengthBytes);
      return elf.sectionRange(section, offset, lengthBytes);
    },
  };
}
