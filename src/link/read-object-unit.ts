/** Reads a freshly compiled object: its functions, its data, and what its debug information says. */
import type { Machine } from '../arch/arch.js';
import { openObjectDebugInfo } from '../dwarf/object-debug-info.js';
import type { FunctionEntry } from '../dwarf/functions.js';
import type { SourceLine, Unit } from '../dwarf/unit.js';
import type { VariableEntry } from '../dwarf/variables.js';
import { bytesInMemory } from '../elf/file-bytes.js';
import { type ObjectFile, readObjectFile } from '../elf/object-file.js';
import type { Section } from '../elf/sections.js';
import { type ObjectFunction, type ObjectUnit, readObjectFunctions } from './object-unit.js';
import { scopedNameOf } from './read-live-unit.js';
import { STT } from '../elf/constants.js';

export interface EditedUnit {
  readonly unit: ObjectUnit;
  /** Basename of the source, from the object's own symbol table. */
  readonly sourceName: string | undefined;
  /** Undefined when the object was compiled without -g. */
  readonly debug: Unit | undefined;
  debugEntryOf(fn: ObjectFunction): FunctionEntry | undefined;
  /** The variable that starts at an offset of a section. */
  debugVariableAt(section: Section, offset: number): VariableEntry | undefined;
  /** Rows of the line table, by the index of the section that their code is in; the last row of a
   *  piece of code has no source. */
  linesIn(sections: ReadonlySet<number>): ReadonlyMap<number, readonly SectionLine[]>;
}

export interface SectionLine {
  readonly offset: number;
  readonly source: SourceLine | undefined;
}

/** @param what names the object in messages
 *  @throws HcrError `malformed-file` when it is no relocatable object of this machine */
export function readObject(bytes: Uint8Array, what: string, machine: Machine): ObjectFile {
  return readObjectFile(bytesInMemory(bytes, what), machine.elfMachine, what);
}

/** @param what names the object in messages
 *  @throws HcrError `malformed-file` when it is no relocatable object of this machine */
export function readEditedUnit(bytes: Uint8Array, what: string, machine: Machine): EditedUnit {
  const object = readObject(bytes, what, machine);
  const info = openObjectDebugInfo(object, machine.relocations);
  const units = info === undefined ? [] : [...info.info.units()];
  const variables = new Map<string, VariableEntry>();
  const names = new Map<string, string>();
  const entries = new Map<string, FunctionEntry>();
  const key = (sectionIndex: number, offset: number): string => `${sectionIndex}:${offset}`;
  for (const unit of units) {
    for (const variable of unit.variables()) {
      const { location } = variable;
      if (location === undefined) continue;
      const place = info?.sectionAt(location.kind === 'static' ? location.vaddr : location.offset);
      if (place === undefined) continue;
      variables.set(key(place.sectionIndex, place.offset), variable);
      names.set(key(place.sectionIndex, place.offset), scopedNameOf(variable));
    }
    for (const entry of unit.functions()) {
      const place = entry.entry === undefined ? undefined : info?.sectionAt(entry.entry);
      if (place !== undefined) entries.set(key(place.sectionIndex, place.offset), entry);
    }
  }
  let sourceName: string | undefined;
  for (const symbol of object.symbols) {
    if (symbol.type === STT.FILE) {
      sourceName = symbol.name;
      break;
    }
  }
  const variableAt = (section: Section, offset: number): VariableEntry | undefined =>
    variables.get(key(section.index, offset));
  return {
    unit: {
      object,
      functions: readObjectFunctions(object),
      scopedName: (section, offset) => names.get(key(section.index, offset)),
    },
    sourceName,
    debug: units[0],
    debugVariableAt: variableAt,
    debugEntryOf: (fn) => entries.get(key(fn.section.index, fn.offset)),
    linesIn: (sections) => {
      const lines = new Map<number, SectionLine[]>([...sections].map((index) => [index, []]));
      for (const { address, source } of units.flatMap((unit) => [...unit.lines()])) {
        const place = info?.sectionAt(address);
        if (place !== undefined)
          lines.get(place.sectionIndex)?.push({ offset: place.offset, source });
      }
      return lines;
    },
  };
}
