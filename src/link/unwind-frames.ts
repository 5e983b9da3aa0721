/**
 * Frame descriptions for code that is linked into the process, so that exceptions, cancellation and
 * backtraces pass through it.
 *
 * Of an object's `.eh_frame` the entries that cover linked sections are taken, with the CIEs they
 * refer to, and packed; what they refer to in turn (the personality routine, the tables of handlers
 * in `.gcc_except_table`, the types these name) is linked like anything else. hcr's own stubs get
 * entries as well. An index lists all of them with the code they cover; see `frame-index`.
 */
import type { Jumps } from '../arch/jumps.js';
import { type Addr, offsetBy } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { type CieEntry, type FdeEntry, readCallFrames } from '../dwarf/call-frames.js';
import type { Relocation } from '../elf/relocations.js';
import type { Section } from '../elf/sections.js';
import type { ObjectUnit } from './object-unit.js';

/** One entry of the object's section, and where it goes. */
export interface FramePiece {
  readonly section: Section;
  readonly entry: CieEntry | FdeEntry;
  /** From the start of the packed entries, in bytes. */
  readonly offset: number;
}

/** The description of a linked section, as part of a {@link FramePiece}. */
export interface CoveredCode {
  readonly piece: FramePiece;
  readonly section: Section;
  /** Of the first byte covered, in the section. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** A description that hcr writes itself. */
export interface StubFrame {
  readonly offset: number;
  readonly sizeBytes: number;
  readonly instructions: Uint8Array;
}

const FRAME_ALIGNMENT = 8;
/** Length, CIE pointer, start and size of the code, empty augmentation. */
const STUB_FDE_HEADER_BYTES = 17;

const NOTHING: readonly Described[] = [];

interface Described {
  readonly frames: Section;
  readonly entry: FdeEntry;
  readonly codeOffset: number;
}

const known = new WeakMap<ObjectUnit, ObjectFrames>();

/** Read once for each object.
 *  @throws HcrError `malformed-file` */
export function framesOf(unit: ObjectUnit): ObjectFrames {
  const frames = known.get(unit) ?? new ObjectFrames(unit);
  known.set(unit, frames);
  return frames;
}

/** What an object says of the frames of its code. */
export class ObjectFrames {
  private readonly unit: ObjectUnit;
  private readonly bySection = new Map<Section, Described[]>();

  /** @throws HcrError `malformed-file` */
  constructor(unit: ObjectUnit) {
    this.unit = unit;
    const { object } = unit;
    for (const section of object.sections) {
      if (section.name !== '.eh_frame') continue;
      const { littleEndian } = object.elf.header;
      const starts = new Map(object.relocationsOf(section).map((r) => [r.offset, r]));
      for (const entry of readCallFrames(object.bytesOf(section), littleEndian, object.what)) {
        const start = entry.kind === 'fde' ? starts.get(entry.startOffset) : undefined;
        if (entry.kind === 'fde' && start !== undefined) this.add(section, entry, start);
      }
    }
  }

  private add(frames: Section, entry: FdeEntry, start: Relocation): void {
    const { object } = this.unit;
    const symbol = object.symbols.at(start.symbolIndex);
    const code = object.sectionOf(symbol);
    if (code === undefined) return;
    const described = { frames, entry, codeOffset: symbol.value + start.addend };
    const known = this.bySection.get(code);
    if (known === undefined) this.bySection.set(code, [described]);
    else known.push(described);
  }

  /** The descriptions of a section's code. */
  of(code: Section): readonly Described[] {
    return this.bySection.get(code) ?? NOTHING;
  }

  /** The relocation that leads to the handlers of the code at an offset of a section. */
  handlersOf(
    code: Section,
    offset: number,
  ): { readonly section: Section; readonly at: Relocation } | undefined {
    const described = this.of(code).find(
      ({ codeOffset, entry }) => offset >= codeOffset && offset < codeOffset + entry.codeBytes,
    );
    const at =
      described &&
      this.unit.object
        .relocationsOf(described.frames)
        .find((relocation) => relocation.offset === described.entry.handlersOffset);
    return described && at && { section: described.frames, at };
  }

  /** The relocations of the descriptions of a section's code, and of their CIEs. */
  relocationsOf(code: Section): readonly { readonly section: Section; readonly at: Relocation }[] {
    return this.of(code).flatMap(({ frames, entry }) =>
      this.unit.object
        .relocationsOf(frames)
        .filter(({ offset }) => isWithin(entry, offset) || isWithin(entry.cie, offset))
        .map((at) => ({ section: frames, at })),
    );
  }
}

function isWithin(entry: CieEntry | FdeEntry, offset: number): boolean {
  return offset >= entry.offset && offset < entry.offset + entry.sizeBytes;
}

/** The packed descriptions of some code: what goes where, without addresses. */
export class FrameLayout {
  readonly covered: readonly CoveredCode[];
  private readonly pieces = new Map<Section, FramePiece[]>();
  private readonly stubs: StubFrame[] = [];
  private readonly stubCieOffset: number;
  private readonly jumps: Jumps;
  private end = 0;

  constructor(frames: ObjectFrames, sections: Iterable<Section>, jumps: Jumps) {
    this.jumps = jumps;
    const covered: CoveredCode[] = [];
    for (const section of sections) {
      for (const { frames: from, entry, codeOffset } of frames.of(section)) {
        if (this.pieceAt(from, entry.cie.offset) === undefined) this.place(from, entry.cie);
        const piece = this.place(from, entry);
        covered.push({ piece, section, offset: codeOffset, sizeBytes: entry.codeBytes });
      }
    }
    this.covered = covered;
    this.stubCieOffset = this.take(jumps.stubCie.length);
  }

  /** Adds the description of a stub: the call frame instructions that follow those of its CIE. */
  addStub(instructions: Uint8Array): StubFrame {
    const sizeBytes = roundUp(STUB_FDE_HEADER_BYTES + instructions.length);
    const stub = { offset: this.take(sizeBytes), sizeBytes, instructions };
    this.stubs.push(stub);
    return stub;
  }

  get sizeBytes(): number {
    return this.end;
  }

  /** Whether a catch, a destructor or a cleanup is reached through the unwinder. */
  get hasPersonality(): boolean {
    return [...this.pieces.values()].some((list) =>
      list.some(({ entry }) => entry.kind === 'cie' && entry.hasPersonality),
    );
  }

  /** Where a place of the object's section went. */
  offsetOf(section: Section, offset: number): number | undefined {
    const piece = this.pieceAt(section, offset);
    return piece && piece.offset + offset - piece.entry.offset;
  }

  /** The entries' bytes, to be relocated. */
  copyInto(bytes: Uint8Array, unit: ObjectUnit): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { littleEndian } = unit.object.elf.header;
    for (const [section, pieces] of this.pieces) {
      const source = unit.object.bytesOf(section);
      for (const { entry, offset } of pieces) {
        bytes.set(source.subarray(entry.offset, entry.offset + entry.sizeBytes), offset);
        if (entry.kind === 'cie') continue;
        const field = offset + entry.ciePointerOffset - entry.offset;
        const cie = this.offsetOf(section, entry.cie.offset) ?? 0;
        view.setUint32(field, field - cie, littleEndian);
      }
    }
    bytes.set(this.jumps.stubCie, this.stubCieOffset);
  }

  /**
   * Writes the description of a stub.
   * @param address where the packed entries will be
   * @throws HcrError `out-of-reach`
   */
  writeStub(
    bytes: Uint8Array,
    address: Addr,
    stub: StubFrame,
    code: { readonly start: Addr; readonly sizeBytes: number },
    littleEndian: boolean,
  ): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { offset, sizeBytes, instructions } = stub;
    view.setUint32(offset, sizeBytes - 4, littleEndian);
    view.setUint32(offset + 4, offset + 4 - this.stubCieOffset, littleEndian);
    const distance = code.start - offsetBy(address, offset + 8);
    if (distance < -(2 ** 31) || distance >= 2 ** 31)
      throw new HcrError({
        code: 'out-of-reach',
        symbol: 'a stub',
        detail: 'from its frame description',
      });
    view.setInt32(offset + 8, distance, littleEndian);
    view.setUint32(offset + 12, code.sizeBytes, littleEndian);
    bytes.set(instructions, offset + STUB_FDE_HEADER_BYTES);
  }

  private place(section: Section, entry: CieEntry | FdeEntry): FramePiece {
    const piece = { section, entry, offset: this.take(entry.sizeBytes) };
    const known = this.pieces.get(section);
    if (known === undefined) this.pieces.set(section, [piece]);
    else known.push(piece);
    return piece;
  }

  private take(sizeBytes: number): number {
    const offset = this.end;
    this.end = roundUp(offset + sizeBytes);
    return offset;
  }

  private pieceAt(section: Section, offset: number): FramePiece | undefined {
    return this.pieces.get(section)?.find(({ entry }) => isWithin(entry, offset));
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
}
