/**
 * How far an unnamed constant goes that code refers to by an offset into its section. Strings end
 * at their NUL, mergeable constants have a size, and a table goes on to the next place that
 * anything refers to.
 */
import type { Relocations } from '../arch/relocations.js';
import { SHF } from '../elf/constants.js';
import type { ObjectFile } from '../elf/object-file.js';
import type { Section } from '../elf/sections.js';
import { isAllocated } from './object-unit.js';
import { targetOffset } from './resolve.js';

/** A string longer than this is cut off. */
const MAX_STRING_BYTES = 1 << 16;

export class ConstantExtents {
  private readonly object: ObjectFile;
  private readonly relocations: Relocations;
  /** Places that something refers to, ascending, by section. */
  private targets: Map<number, number[]> | undefined;

  constructor(object: ObjectFile, relocations: Relocations) {
    this.object = object;
    this.relocations = relocations;
  }

  /** Where the constant ends that starts at an offset of an unnamed section. */
  endOf(section: Section, offset: number): number {
    if ((section.flags & SHF.STRINGS) !== 0) return this.endOfString(section, offset);
    if ((section.flags & SHF.MERGE) !== 0 && section.entrySizeBytes > 0) {
      // gcc takes half of a vector for a number of the same value.
      const within = offset % section.entrySizeBytes;
      return Math.min(section.sizeBytes, offset - within + section.entrySizeBytes);
    }
    this.targets ??= this.findTargets();
    const next = this.targets.get(section.index)?.find((target) => target > offset);
    return Math.min(section.sizeBytes, next ?? section.sizeBytes);
  }

  private endOfString(section: Section, offset: number): number {
    const bytes = this.object.bytesOf(section);
    const unitBytes = Math.max(1, section.entrySizeBytes);
    const limit = Math.min(bytes.length, offset + MAX_STRING_BYTES);
    for (let at = offset; at < limit; at += unitBytes) {
      if (bytes.subarray(at, at + unitBytes).every((byte) => byte === 0)) return at + unitBytes;
    }
    return limit;
  }

  private findTargets(): Map<number, number[]> {
    const found = new Map<number, number[]>();
    const { object } = this;
    for (const section of object.sections) {
      if (!isAllocated(section)) continue;
      for (const relocation of object.relocationsOf(section)) {
        const symbol = object.symbolAt(relocation.symbolIndex);
        const rule = this.relocations.rule(relocation.type);
        if (rule === undefined || symbol.home !== 'section') continue;
        const target = targetOffset({ section, relocation, rule, symbol }, this.relocations);
        const list = found.get(symbol.sectionIndex);
        if (list === undefined) found.set(symbol.sectionIndex, [target]);
        else list.push(target);
      }
    }
    for (const list of found.values()) list.sort((a, b) => a - b);
    return found;
  }
}
