/** The debug sections of an ELF file, read in ranges where they are not compressed. */
import { SHT } from '../elf/constants.js';
import type { ElfFile } from '../elf/elf-file.js';
import { isCompressed } from '../elf/section-content.js';
import {
  checkRange,
  type DebugSection,
  type DebugSections,
  sectionFromBytes,
} from './debug-sections.js';

/** @param elf borrowed for as long as the result is used */
export function sectionsOfElf(elf: ElfFile): DebugSections {
  const opened = new Map<string, DebugSection | undefined>();
  return {
    what: elf.what,
    littleEndian: elf.header.littleEndian,
    section: (name) => {
      if (!opened.has(name)) opened.set(name, open(elf, name));
      return opened.get(name);
    },
  };
}

function open(elf: ElfFile, name: string): DebugSection | undefined {
  const section = elf.section(name);
  // Where debug information was split off, its sections can still be listed, without bytes.
  if (section === undefined || section.type === SHT.NOBITS) return undefined;
  const what = `${elf.what} (section ${name})`;
  const { littleEndian } = elf.header;
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
