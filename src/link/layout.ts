/**
 * Which sections of the new object are linked, and how they lie relative to each other. Addresses
 * come later: the area that will hold them may not be reserved yet.
 */
import type { Machine } from '../arch/arch.js';
import type { RegisterSet } from '../arch/register-set.js';
import { type Addr, alignUp } from '../core/address.js';
import type { Part } from '../core/part.js';
import type { Relocation } from '../elf/relocations.js';
import type { Section } from '../elf/sections.js';
import type { Binder, Binding } from './bind.js';
import { frameIndexBytes } from './frame-index.js';
import { type ObjectFunction, type ObjectUnit, datumKind, isCode } from './object-unit.js';
import { type Reference, resolveReference, resolveReferences } from './resolve.js';
import { SLOT_WORDS, type SlotNeed, slotNeedOf } from './slots.js';
import { FrameLayout, type ObjectFrames, type StubFrame, framesOf } from './unwind-frames.js';

export interface Placement {
  readonly part: Part;
  /** From the start of the part, in bytes. */
  readonly offset: number;
}

export interface SectionPlacement extends Placement {
  readonly section: Section;
}

/** Something the linker makes itself. */
export interface Synthetic extends Placement {
  readonly binding: Binding;
}

/** A piece of code that the linker makes, which calls another: it has a frame. */
export interface FramedStub extends Placement {
  readonly frame: StubFrame;
}

/** Words that the new code reads through a relocation of this need. */
export interface Slot extends Synthetic {
  readonly need: SlotNeed;
}

export type ThreadFunction = 'descriptorFunction' | 'addressFunction';

/** A stub in front of a body that keeps what old callers rely on. */
export interface KeepingStub extends FramedStub, KeepingNeed {
  readonly fn: ObjectFunction;
}

/** What a stub in front of a body keeps: these registers, and always the stack's alignment. */
export interface KeepingNeed {
  readonly keep: RegisterSet;
}

export interface Layout {
  readonly unit: ObjectUnit;
  readonly sections: ReadonlyMap<Section, SectionPlacement>;
  /** Data that the program has already, laid out for their new initial values. */
  readonly copied: ReadonlySet<Section>;
  readonly references: readonly Reference[];
  /** Jumps to far functions and IFUNCs, by {@link bindingKey}. */
  readonly stubs: ReadonlyMap<string, Synthetic>;
  /** What the new code reads addresses and thread-local offsets from, by {@link slotKey}. */
  readonly slots: ReadonlyMap<string, Slot>;
  /** Where offsets into the slots are counted from, if anything does. */
  readonly gotBase: Placement | undefined;
  /** The linker's own functions for thread-local variables. */
  readonly threadFunctions: ReadonlyMap<ThreadFunction, Placement>;
  /** Writable slots of IFUNC stubs. */
  readonly ifuncSlots: ReadonlyMap<string, Synthetic>;
  readonly keepingStubs: readonly KeepingStub[];
  /** Descriptions of the frames of all this code, and where they go. */
  readonly frames: Placement & { readonly content: FrameLayout };
  /** Where the index of these descriptions goes. */
  readonly frameIndex: Placement & { readonly count: number };
  /** Functions whose own address in their own code must be that of their entry. */
  readonly selfEntries: ReadonlyMap<ObjectFunction, Addr>;
  readonly sizeBytes: Readonly<Record<Part, number>>;
  readonly alignment: Readonly<Record<Part, number>>;
}

export interface Root {
  readonly fn: ObjectFunction;
  /** Its original entry, which redirects to the new body. */
  readonly entry: Addr;
  /** The stub its body needs, if any. */
  readonly stub: KeepingNeed | undefined;
}

const WORD_BYTES = 8;
const STUB_ALIGNMENT = 16;
const FRAME_ALIGNMENT = 8;

export function bindingKey(binding: Binding): string {
  switch (binding.kind) {
    case 'live':
      return `live:${binding.address}`;
    case 'ifunc':
      return `ifunc:${binding.symbol.module.path}:${binding.symbol.address}`;
    case 'thread-local':
      return `tls:${binding.module.bias}:${binding.offset}`;
    case 'thread-function':
    case 'got-base':
      return binding.kind;
    case 'fresh':
      return `fresh:${binding.section.index}:${binding.offset}`;
    case 'absent':
      return 'absent';
  }
}

export function slotKey(need: SlotNeed, binding: Binding): string {
  return `${need} ${bindingKey(binding)}`;
}

/** All sections that the roots need, found through their relocations and those of their frames'
 *  descriptions.
 *  @throws HcrError as {@link resolveReferences} */
export function collectReferences(
  roots: readonly Section[],
  unit: ObjectUnit,
  frames: ObjectFrames,
  binder: Binder,
  machine: Machine,
): { sections: Set<Section>; references: Reference[] } {
  const sections = new Set<Section>(roots);
  const references: Reference[] = [];
  const described = new Set<Relocation>();
  const { relocations } = machine;
  for (const section of sections) {
    const found = [...resolveReferences(section, unit, binder, relocations)];
    for (const { section: from, at } of frames.relocationsOf(section)) {
      if (described.has(at)) continue;
      described.add(at);
      const reference = resolveReference(from, at, unit, binder, relocations);
      if (reference !== undefined) found.push(reference);
    }
    for (const reference of found) {
      references.push(reference);
      // A Set hands out what is added to it while it is walked.
      if (reference.binding.kind === 'fresh') sections.add(reference.binding.section);
    }
  }
  return { sections, references };
}

function partOf(section: Section): Part {
  if (isCode(section)) return 'code';
  return datumKind(section) === 'writable' ? 'data' : 'readonly';
}

class PartCursor {
  readonly sizeBytes: Record<Part, number> = { data: 0, readonly: 0, code: 0 };
  readonly alignment: Record<Part, number> = { data: 1, readonly: 1, code: 1 };

  place(part: Part, sizeBytes: number, alignment: number): Placement {
    const offset = alignUp(this.sizeBytes[part], alignment);
    this.sizeBytes[part] = offset + sizeBytes;
    this.alignment[part] = Math.max(this.alignment[part], alignment);
    return { part, offset };
  }
}

/** @param brought sections that other units refer to
 *  @param copied data to be laid out besides what the roots need
 *  @throws HcrError as {@link resolveReferences} */
export function layOut(
  roots: readonly Root[],
  brought: readonly Section[],
  unit: ObjectUnit,
  binder: Binder,
  machine: Machine,
  copied: readonly Section[] = [],
): Layout {
  const objectFrames = framesOf(unit);
  const collected = collectReferences(
    [...roots.map((root) => root.fn.section), ...brought, ...copied],
    unit,
    objectFrames,
    binder,
    machine,
  );
  const cursor = new PartCursor();
  const sections = new Map<Section, SectionPlacement>();
  for (const section of collected.sections) {
    const alignment = Math.max(1, section.alignment);
    sections.set(section, {
      section,
      ...cursor.place(partOf(section), section.sizeBytes, alignment),
    });
  }
  const stubs = new Map<string, Synthetic>();
  const slots = new Map<string, Slot>();
  const threadFunctions = new Map<ThreadFunction, Placement>();
  const ifuncSlots = new Map<string, Synthetic>();
  const { jumps, threadLocals } = machine;
  const placeFunction = (name: ThreadFunction): void => {
    if (threadFunctions.has(name)) return;
    threadFunctions.set(name, cursor.place('code', threadLocals[name].length, STUB_ALIGNMENT));
  };
  for (const { rule, binding, symbol } of collected.references) {
    const key = bindingKey(binding);
    const need = slotNeedOf(rule.needs, binding);
    if (need !== undefined && !slots.has(slotKey(need, binding))) {
      const sizeBytes = WORD_BYTES * SLOT_WORDS[need];
      const placement = cursor.place('readonly', sizeBytes, WORD_BYTES);
      slots.set(slotKey(need, binding), { need, binding, ...placement });
      if (need === 'tls-descriptor') placeFunction('descriptorFunction');
    }
    if (binding.kind === 'thread-function') placeFunction('addressFunction');
    if (binding.kind === 'ifunc' && !stubs.has(key)) {
      ifuncSlots.set(key, { binding, ...cursor.place('data', WORD_BYTES, WORD_BYTES) });
      stubs.set(key, { binding, ...cursor.place('code', jumps.ifuncStubBytes, STUB_ALIGNMENT) });
    }
    // Room for a stub wherever one may turn out to be needed: functions of other modules.
    const isForeign =
      binding.kind === 'live' &&
      binding.symbol?.kind !== 'object' &&
      (symbol.home === 'undefined' ||
        (binding.symbol !== undefined && binding.symbol.module !== binder.module));
    if (isForeign && rule.needs !== 'got' && !stubs.has(key)) {
      stubs.set(key, { binding, ...cursor.place('code', jumps.farStubBytes, STUB_ALIGNMENT) });
    }
  }
  const content = new FrameLayout(objectFrames, collected.sections, jumps);
  const countsFromBase = collected.references.some(
    ({ rule, binding }) => rule.fromGotBase || binding.kind === 'got-base',
  );
  const gotBase = countsFromBase ? cursor.place('readonly', WORD_BYTES, WORD_BYTES) : undefined;
  const keepingStubs = roots.flatMap(({ fn, stub }) =>
    stub === undefined
      ? []
      : [
          {
            ...{ fn, ...stub, frame: content.addStub(jumps.keepingStubCfi(stub.keep)) },
            ...cursor.place('code', jumps.keepingStubMaxBytes, STUB_ALIGNMENT),
          },
        ],
  );
  const count = content.covered.length + keepingStubs.length;
  return {
    unit,
    sections,
    copied: new Set(copied),
    references: collected.references,
    stubs,
    slots,
    gotBase,
    threadFunctions,
    ifuncSlots,
    keepingStubs,
    frames: { content, ...cursor.place('readonly', content.sizeBytes, FRAME_ALIGNMENT) },
    frameIndex: { count, ...cursor.place('readonly', frameIndexBytes(count), WORD_BYTES) },
    selfEntries: new Map(roots.map((root) => [root.fn, root.entry])),
    sizeBytes: cursor.sizeBytes,
    alignment: cursor.alignment,
  };
}
