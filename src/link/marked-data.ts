/**
 * Which variables of a fresh object its source has marked with HCR_RESET or HCR_KEEP, and which
 * functions as hooks: each mark is a pointer in a section of its own, of which only the relocation is
 * looked at.
 * @see include/hcr.h
 */
import type { Section } from '../elf/sections.js';
import type { ElfSymbol } from '../elf/symbols.js';
import type { ObjectFile } from '../elf/object-file.js';
import type { ObjectFunction, ObjectUnit } from './object-unit.js';

const SECTIONS = { reset: 'hcr_reset', keep: 'hcr_keep' } as const;
export const HOOK_SECTIONS = { before: 'hcr_before', after: 'hcr_after' } as const;
/** What the header calls its marks, hooks included. */
const MARK = /^hcr_mark_\d+$/;

export type Mark = keyof typeof SECTIONS;
export type HookKind = keyof typeof HOOK_SECTIONS;

/** Whether a variable is one of the header's own. */
export function isMark(name: string): boolean {
  return MARK.test(name);
}

/** Of variables that the object defines itself. */
export class MarkedData {
  private readonly places: Readonly<Record<Mark, ReadonlySet<string>>>;

  constructor(object: ObjectFile) {
    this.places = {
      reset: new Set(placesIn(object, SECTIONS.reset)),
      keep: new Set(placesIn(object, SECTIONS.keep)),
    };
  }

  get isEmpty(): boolean {
    return this.places.reset.size + this.places.keep.size === 0;
  }

  has(mark: Mark, section: Section, symbol: ElfSymbol): boolean {
    return this.places[mark].has(placeKey(section, symbol.value));
  }
}

/** Functions of the object that its source asks hcr to call, before a change or after it. */
export function hooksIn({ object, functions }: ObjectUnit): ObjectFunction[] {
  const places = new Set(
    Object.values(HOOK_SECTIONS).flatMap((name) => [...placesIn(object, name)]),
  );
  return functions.filter(({ section, offset }) => places.has(placeKey(section, offset)));
}

function* placesIn(object: ObjectFile, name: string): IterableIterator<string> {
  for (const section of object.sections) {
    if (section.name !== name) continue;
    for (const { symbolIndex, addend } of object.relocationsOf(section)) {
      const symbol = object.symbolAt(symbolIndex);
      const home = object.sectionOf(symbol);
      if (home !== undefined) yield placeKey(home, symbol.value + addend);
    }
  }
}

function placeKey({ index }: Section, offset: number): string {
  return `${index}:${offset}`;
}
