/**
 * Makes the unwinders of a process find the frames of new code: exceptions and thread cancellation
 * pass through bodies as through any function.
 *
 * Each copy of libgcc in the process looks frame descriptions up with one function. It is redirected
 * to a search of hcr's own, once and for all generations: an old body may be on a stack long after
 * it was rolled back. With every publication the search gets a new index, of all bodies that are
 * still in memory; the one before is free as soon as no thread is in the search.
 */
import type { Decoder } from '../arch/decoder.js';
import { type Addr, addr, offsetBy, rangeAt } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import {
  type CoveredRange,
  decodeFrameIndex,
  encodeFrameIndex,
  frameIndexBytes,
} from '../link/frame-index.js';
import { C_LANGUAGES } from '../dwarf/type-text.js';
import type { LoadedModule } from '../elf/loaded-module.js';
import { type FoundFunction, symbolsNamed } from '../link/find-function.js';
import type { Layout } from '../link/layout.js';
import { isCode } from '../link/object-unit.js';
import type { LinkedPart } from '../link/link.js';
import { linkedBytes } from '../link/linked-bytes.js';
import type { PartSizes } from '../patch/allocation.js';
import type { Block, CodeWrite, EntryRecord, Unwinder } from '../patch/ledger.js';
import { OriginalMemory } from '../patch/original-memory.js';
import { equal, writesBetween } from '../patch/plan.js';
import type { Hazard } from '../patch/safety.js';
import { findRoom } from './find-room.js';
import type { ProcessImage } from './observe.js';
import type { PlacedUnit } from './placed-unit.js';
import type { PreparedUnit } from './prepare-unit.js';
import { newEntry } from './record-generation.js';

/** @see gcc libgcc/unwind-dw2-fde.h */
const LOOKUP = '_Unwind_Find_FDE';
/** Every unwinder has it, and it is what a throw calls. @see Itanium C++ ABI, Level I */
const RAISE = '_Unwind_RaiseException';
/** How names of C++ begin in a symbol table. @see Itanium C++ ABI, 5.1.2 */
const MANGLED = '_Z';
const WORD_BYTES = 8;

export interface UnwindingPlan {
  readonly entries: readonly EntryRecord[];
  readonly unwinders: readonly Unwinder[];
  /** Bytes that nothing refers to before the writes. */
  readonly uploads: readonly LinkedPart[];
  /** To be made before any entry leads to new code, and never to be taken back. */
  readonly writes: readonly CodeWrite[];
  readonly hazards: readonly Hazard[];
  /** Blocks that are not on record yet, those of the units among them. */
  readonly taken: readonly Block[];
}

/**
 * @param entries those on record, with those of the new generation
 * @throws HcrError `function-not-patchable` when exceptions could not pass through the new code
 */
export function planUnwinding(
  image: ProcessImage,
  placed: readonly PlacedUnit[],
  entries: readonly EntryRecord[],
  decoder: Decoder,
  dryRun: boolean,
): UnwindingPlan {
  const plan = new Planner(image, placed, entries, decoder, dryRun);
  return plan.make();
}

function lookupsIn({ modules }: ProcessImage): FoundFunction[] {
  return modules.flatMap((module) => symbolsNamed(module, LOOKUP));
}

/** Modules with an unwinder that looks descriptions up in a way of its own. Which unwinder a throw
 *  gets to is a matter of link order, so one of them is enough to doubt. */
function foreignUnwinders({ modules }: ProcessImage): LoadedModule[] {
  return modules.filter(
    (module) => symbolsNamed(module, RAISE).length > 0 && symbolsNamed(module, LOOKUP).length === 0,
  );
}

/** A program that is linked statically and stripped names nothing that is in it. */
function mayHideAnUnwinder({ modules }: ProcessImage): boolean {
  return modules.some(({ file }) => file.symbols().count <= 1 && file.dynamicSymbols().count <= 1);
}

/** Whether an exception can come to a frame of the new code: to be handled, or on its way. In C it
 *  passes only where the compiler was told that it may. */
function exceptionsMayPass(
  { linked, wanted, edited }: PreparedUnit,
  layout: Layout,
  decoder: Decoder,
): boolean {
  if (layout.frames.content.hasPersonality) return true;
  const { object } = edited.unit;
  const language = edited.debug?.language ?? wanted.unit?.language;
  const isC =
    language === undefined
      ? ![...object.symbols].some(({ name }) => name.startsWith(MANGLED))
      : C_LANGUAGES.has(language);
  if (isC) return false;
  return [...linked.sections]
    .filter(isCode)
    .some((section) =>
      decoder
        .decode(object.bytesOf(section), addr(0))
        .some(({ flow }) => flow === 'call' || flow === 'indirect-call'),
    );
}

/** Whether exceptions will be able to pass through new code.
 *  @throws HcrError `function-not-patchable` */
export function assertUnwindable(
  image: ProcessImage,
  layout: Layout,
  prepared: PreparedUnit,
  decoder: Decoder,
): void {
  const { unwinders, entries } = image.store.ledger;
  const lookups = lookupsIn(image);
  const [foreign] = foreignUnwinders(image);
  const isDoubtful = foreign !== undefined || (lookups.length === 0 && mayHideAnUnwinder(image));
  if (
    (lookups.length === 0 && layout.frames.content.hasPersonality) ||
    (isDoubtful && exceptionsMayPass(prepared, layout, decoder))
  ) {
    const why =
      foreign === undefined
        ? `no module of the program names libgcc's ${LOOKUP}, through which they could be made to pass`
        : `the program has another unwinder than libgcc's, in ${foreign.name}, which would end it there`;
    throw new HcrError({
      code: 'function-not-patchable',
      function: prepared.roots[0]?.fn.name ?? '',
      reason: `exceptions may pass through its new code, and ${why}`,
      advice:
        'Link the program with libgcc (libgcc_s.so, or libgcc_eh.a with its symbols), and with no other unwinder such as LLVM’s libunwind.',
    });
  }
  for (const { entry, module, sizeBytes } of lookups) {
    if (unwinders.some((unwinder) => unwinder.entry === entry)) continue;
    displacedBy(
      image,
      newEntry(image, module, { name: LOOKUP, entry, sizeBytes }, entries, decoder),
      decoder,
    );
  }
}

/** The instructions that the jump at the entry takes the place of: they must mean the same
 *  elsewhere, and nothing may lead to those after the first.
 *  @throws HcrError `function-not-patchable` */
function displacedBy(
  image: ProcessImage,
  { originals, branchesBack, entry, sizeBytes }: EntryRecord,
  decoder: Decoder,
): { readonly code: Uint8Array; readonly back: Addr } {
  const place = originals.at(-1) ?? { address: entry, bytes: new Uint8Array() };
  const original = new OriginalMemory(image.target.memory, image.store.ledger.entries);
  const body = original.read(place.address, entry + sizeBytes - place.address);
  let lengthBytes = 0;
  for (const instruction of decoder.decode(body, place.address)) {
    if (lengthBytes >= place.bytes.length) break;
    if (instruction.flow !== 'next' || instruction.pcRelative || branchesBack) {
      throw new HcrError({
        code: 'function-not-patchable',
        function: LOOKUP,
        reason:
          'its first instructions cannot be moved, so exceptions could not pass through new code',
        advice: 'Report the version of libgcc that the program runs with.',
      });
    }
    lengthBytes += instruction.lengthBytes;
  }
  return { code: body.slice(0, lengthBytes), back: offsetBy(place.address, lengthBytes) };
}

class Planner {
  private readonly image: ProcessImage;
  private readonly placed: readonly PlacedUnit[];
  private readonly decoder: Decoder;
  private readonly dryRun: boolean;
  private readonly entries: EntryRecord[];
  private readonly unwinders: Unwinder[];
  private readonly taken: Block[];
  private readonly uploads: LinkedPart[] = [];

  constructor(
    image: ProcessImage,
    placed: readonly PlacedUnit[],
    entries: readonly EntryRecord[],
    decoder: Decoder,
    dryRun: boolean,
  ) {
    this.image = image;
    this.placed = placed;
    this.decoder = decoder;
    this.dryRun = dryRun;
    this.entries = [...entries];
    this.unwinders = [...image.store.ledger.unwinders];
    this.taken = placed.flatMap(({ blocks }) => blocks);
  }

  make(): UnwindingPlan {
    const { entries, unwinders, uploads, taken } = this;
    const lookups = lookupsIn(this.image);
    for (const lookup of lookups) {
      if (!unwinders.some(({ entry }) => entry === lookup.entry)) this.add(lookup);
    }
    if (unwinders.length === 0)
      return { entries, unwinders, uploads, writes: [], hazards: [], taken };
    const index = this.placeIndex();
    const writes = [
      ...unwinders.map(({ slot }) => this.pointAt(slot, index)),
      ...unwinders.flatMap((unwinder) => this.redirect(unwinder)),
    ];
    const hazards = unwinders.map(({ search, blocks }) => {
      const code = blocks.find(({ part }) => part === 'code');
      const range = rangeAt(search, code?.sizeBytes ?? 0);
      return { range, function: LOOKUP, why: 'overwritten' as const };
    });
    return { entries, unwinders, uploads, writes, hazards, taken };
  }

  /** @throws HcrError `function-not-patchable` */
  private add(lookup: FoundFunction): void {
    const { image, entries, decoder } = this;
    const { machine } = image.target;
    const site = { name: LOOKUP, entry: lookup.entry, sizeBytes: lookup.sizeBytes };
    const entry = newEntry(image, lookup.module, site, entries, decoder);
    const displaced = displacedBy(image, entry, decoder);
    const blocks = this.room(lookup, {
      data: 0,
      readonly: WORD_BYTES,
      code: machine.jumps.frameSearchBytes + displaced.code.length,
    });
    const [search, slot] = [startOf(blocks, 'code'), startOf(blocks, 'readonly')];
    const code = machine.jumps.frameSearch(search, slot, displaced.code, displaced.back);
    if (code === undefined)
      throw new HcrError({ code: 'out-of-reach', symbol: LOOKUP, detail: 'from its search' });
    this.uploads.push({ part: 'code', start: search, bytes: code });
    this.uploads.push({ part: 'readonly', start: slot, bytes: new Uint8Array(WORD_BYTES) });
    entries.push(entry);
    this.unwinders.push({ entry: lookup.entry, search, slot, blocks });
  }

  private room(near: Pick<FoundFunction, 'module'>, sizeBytes: PartSizes['sizeBytes']): Block[] {
    const alignment = { data: 1, readonly: WORD_BYTES, code: 16 };
    const sizes = { sizeBytes, alignment };
    const blocks = findRoom(this.image, near.module, sizes, this.taken, this.dryRun);
    this.taken.push(...blocks);
    return blocks;
  }

  /** Puts an index of all code that is in memory where nothing is, and tells where. */
  private placeIndex(): Addr {
    const ranges = [...this.rangesOnRecord(), ...this.newRanges()];
    const [unit] = this.placed;
    const module = unit?.prepared.wanted.module ?? this.image.modules[0];
    if (module === undefined) return addr(0);
    const sizes = { data: 0, readonly: frameIndexBytes(ranges.length), code: 0 };
    const start = startOf(this.room({ module }, sizes), 'readonly');
    this.uploads.push({ part: 'readonly', start, bytes: encodeFrameIndex(ranges, true) });
    return start;
  }

  private rangesOnRecord(): CoveredRange[] {
    const { target, store } = this.image;
    return store.ledger.generations
      .flatMap(({ frameIndexes }) => frameIndexes)
      .flatMap(({ start, end }) => decodeFrameIndex(target.memory.read(start, end - start), true));
  }

  private newRanges(): CoveredRange[] {
    return this.placed.flatMap(({ image: { parts, frameIndex } }) => {
      const { start, end } = frameIndex;
      const bytes = linkedBytes(parts, start, end - start);
      return bytes === undefined ? [] : decodeFrameIndex(bytes, true);
    });
  }

  private pointAt(slot: Addr, index: Addr): CodeWrite {
    const isNew = this.uploads.some(({ start }) => start === slot);
    const before = isNew
      ? new Uint8Array(WORD_BYTES)
      : this.image.target.memory.read(slot, WORD_BYTES);
    const after = new Uint8Array(WORD_BYTES);
    new DataView(after.buffer).setBigUint64(0, BigInt(index), true);
    return { address: slot, before, after };
  }

  /** The jump to the search, where it is not in place yet: a killed hcr may not have come to it. */
  private redirect({ entry, search }: Unwinder): CodeWrite[] {
    const { machine, memory } = this.image.target;
    const record = this.entries.filter((candidate) => candidate.entry === entry);
    const writes = writesBetween(
      record,
      new Map(),
      new Map([[entry, { target: search }]]),
      machine.jumps,
    );
    const isMade = writes.every(({ address, after }) =>
      equal(memory.read(address, after.length), after),
    );
    return isMade ? [] : writes;
  }
}

function startOf(blocks: readonly Block[], part: Block['part']): Addr {
  const block = blocks.find((candidate) => candidate.part === part);
  if (block === undefined)
    throw new HcrError({ code: 'unexpected', detail: `no room in the ${part} part` });
  return block.start;
}
