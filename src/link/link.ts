/** Gives a layout its addresses and applies its relocations: what `ld` does, into memory that is
 *  already in use. Pure: the result is bytes and where they go. */
import type { Machine } from '../arch/arch.js';
import { type Addr, type AddrRange, hex, offsetBy, rangeAt } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { PARTS, type Part } from '../core/part.js';
import type { Section } from '../elf/sections.js';
import type { Binding } from './bind.js';
import { type CoveredRange, encodeFrameIndex, frameIndexBytes } from './frame-index.js';
import {
  type Layout,
  type Placement,
  type Slot,
  type ThreadFunction,
  bindingKey,
  slotKey,
} from './layout.js';
import { type ObjectFunction, isZeroFilled } from './object-unit.js';
import type { Reference } from './resolve.js';
import { type SlotNeed, slotNeedOf, threadLocalWords, threadOffsetOf } from './slots.js';

export interface LinkedPart {
  readonly part: Part;
  readonly start: Addr;
  readonly bytes: Uint8Array;
}

export interface LinkedImage {
  readonly parts: readonly LinkedPart[];
  /** Where a function of the object starts now; undefined when it was not linked. */
  addressOf(fn: ObjectFunction): Addr | undefined;
  /** Where the entry of a function must lead: its body, or the stub in front of it. */
  targetOf(fn: ObjectFunction): Addr | undefined;
  addressInSection(section: Section, offset: number): Addr | undefined;
  /** Where the index of the frame descriptions is; see `frame-index`. */
  readonly frameIndex: AddrRange;
}

interface FramedCode {
  readonly start: Addr;
  readonly sizeBytes: number;
}

export type PartStarts = Readonly<Partial<Record<Part, Addr>>>;

/**
 * @param starts where each part of non-zero size goes
 * @throws HcrError `out-of-reach` when a value does not fit its field
 */
export function linkAt(layout: Layout, starts: PartStarts, machine: Machine): LinkedImage {
  const linker = new Linker(layout, starts, machine);
  return linker.link();
}

class Linker {
  private readonly layout: Layout;
  private readonly starts: PartStarts;
  private readonly machine: Machine;
  private readonly bytes: Readonly<Record<Part, Uint8Array>>;

  constructor(layout: Layout, starts: PartStarts, machine: Machine) {
    this.layout = layout;
    this.starts = starts;
    this.machine = machine;
    const { sizeBytes } = layout;
    this.bytes = {
      data: new Uint8Array(sizeBytes.data),
      readonly: new Uint8Array(sizeBytes.readonly),
      code: new Uint8Array(sizeBytes.code),
    };
  }

  link(): LinkedImage {
    const { layout } = this;
    for (const placement of layout.sections.values())
      this.copySection(placement.section, placement);
    for (const slot of layout.slots.values()) this.writeWords(slot, this.slotWords(slot));
    for (const [key, stub] of layout.stubs) this.writeStub(key, stub, stub.binding);
    for (const [name, { part, offset }] of layout.threadFunctions)
      this.bytes[part].set(this.machine.threadLocals[name], offset);
    this.copyFrames();
    for (const reference of layout.references) this.relocate(reference);
    for (const [fn, entry] of layout.selfEntries) this.pointAtEntry(fn, entry);
    const keeping = new Map(
      layout.keepingStubs.map((stub) => [stub.fn, this.writeKeepingStub(stub)]),
    );
    this.writeFrameIndex(keeping);
    const addressInSection = (section: Section, offset: number): Addr | undefined => {
      const placement = layout.sections.get(section);
      return placement === undefined ? undefined : offsetBy(this.addressOf(placement), offset);
    };
    const addressOf = (fn: ObjectFunction): Addr | undefined =>
      addressInSection(fn.section, fn.offset);
    return {
      parts: PARTS.flatMap((part) => {
        const start = this.starts[part];
        return start === undefined || this.bytes[part].length === 0
          ? []
          : [{ part, start, bytes: this.bytes[part] }];
      }),
      addressOf,
      targetOf: (fn) => keeping.get(fn)?.start ?? addressOf(fn),
      addressInSection,
      frameIndex: rangeAt(
        this.addressOf(layout.frameIndex),
        frameIndexBytes(layout.frameIndex.count),
      ),
    };
  }

  private addressOf({ part, offset }: Placement): Addr {
    const start = this.starts[part];
    if (start === undefined)
      throw new HcrError({ code: 'unexpected', detail: `the ${part} part has no address` });
    return offsetBy(start, offset);
  }

  private copySection(section: Section, { part, offset }: Placement): void {
    if (!isZeroFilled(section))
      this.bytes[part].set(this.layout.unit.object.bytesOf(section), offset);
  }

  private copyFrames(): void {
    const { frames, unit } = this.layout;
    frames.content.copyInto(this.bytesAt(frames, frames.content.sizeBytes), unit);
  }

  /** @param keeping where the stubs are */
  private writeFrameIndex(keeping: ReadonlyMap<ObjectFunction, FramedCode>): void {
    const { frames, frameIndex, keepingStubs, unit } = this.layout;
    const { littleEndian } = unit.object.elf.header;
    const address = this.addressOf(frames);
    const bytes = this.bytesAt(frames, frames.content.sizeBytes);
    const ranges: CoveredRange[] = frames.content.covered.flatMap((code) => {
      const placement = this.layout.sections.get(code.section);
      if (placement === undefined) return [];
      const start = offsetBy(this.addressOf(placement), code.offset);
      const description = offsetBy(address, code.piece.offset);
      return [{ ...rangeAt(start, code.sizeBytes), description }];
    });
    for (const { fn, frame } of keepingStubs) {
      const code = keeping.get(fn);
      if (code === undefined) continue;
      frames.content.writeStub(bytes, address, frame, code, littleEndian);
      const description = offsetBy(address, frame.offset);
      ranges.push({ ...rangeAt(code.start, code.sizeBytes), description });
    }
    const index = this.bytesAt(frameIndex, frameIndexBytes(frameIndex.count));
    index.set(encodeFrameIndex(ranges, littleEndian));
  }

  private bytesAt({ part, offset }: Placement, sizeBytes: number): Uint8Array {
    return this.bytes[part].subarray(offset, offset + sizeBytes);
  }

  private writeWords({ part, offset }: Placement, words: readonly number[]): void {
    const bytes = this.bytes[part];
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { littleEndian } = this.layout.unit.object.elf.header;
    for (const [i, word] of words.entries())
      view.setBigInt64(offset + 8 * i, BigInt(word), littleEndian);
  }

  private slotWords({ need, binding }: Slot): readonly number[] {
    if (need === 'got') return [this.valueOf(binding)];
    if (binding.kind !== 'thread-local')
      throw new HcrError({ code: 'unexpected', detail: `a ${binding.kind} has no ${need}` });
    return threadLocalWords(need, binding, {
      descriptorFunction: this.threadFunction('descriptorFunction'),
      hasOwnAddressFunction: this.layout.threadFunctions.has('addressFunction'),
    });
  }

  private threadFunction(name: ThreadFunction): Addr | undefined {
    const placement = this.layout.threadFunctions.get(name);
    return placement === undefined ? undefined : this.addressOf(placement);
  }

  /** The address that a binding stands for. */
  private valueOf(binding: Binding): number {
    switch (binding.kind) {
      case 'live':
        return binding.address;
      case 'fresh': {
        const placement = this.layout.sections.get(binding.section);
        if (placement === undefined) {
          throw new HcrError({
            code: 'unexpected',
            detail: `section ${binding.section.name} was not laid out`,
          });
        }
        return offsetBy(this.addressOf(placement), binding.offset);
      }
      case 'ifunc':
        return this.stubFor(binding);
      case 'absent':
        return 0;
      case 'thread-function': {
        const placement = this.layout.threadFunctions.get('addressFunction');
        if (placement !== undefined) return this.addressOf(placement);
        break;
      }
      case 'got-base':
        return this.gotBase();
      case 'thread-local':
        break;
    }
    throw new HcrError({ code: 'unexpected', detail: `a ${binding.kind} has no address` });
  }

  private gotBase(): Addr {
    const { gotBase } = this.layout;
    if (gotBase === undefined)
      throw new HcrError({ code: 'unexpected', detail: 'the GOT base was not laid out' });
    return this.addressOf(gotBase);
  }

  private stubFor(binding: Binding): Addr {
    const stub = this.layout.stubs.get(bindingKey(binding));
    if (stub === undefined)
      throw new HcrError({ code: 'unexpected', detail: 'a stub was not laid out' });
    return this.addressOf(stub);
  }

  private writeStub(key: string, placement: Placement, binding: Binding): void {
    const { jumps } = this.machine;
    const code = this.bytes[placement.part];
    if (binding.kind === 'ifunc') {
      const slot = this.layout.ifuncSlots.get(key);
      if (slot === undefined) return;
      code.set(
        jumps.ifuncStub(this.addressOf(placement), binding.symbol.address, this.addressOf(slot)),
        placement.offset,
      );
    } else if (binding.kind === 'live') {
      code.set(jumps.farStub(binding.address), placement.offset);
    }
  }

  private writeKeepingStub(stub: Layout['keepingStubs'][number]): FramedCode {
    const at = this.addressOf(stub);
    const body = this.valueOf({
      kind: 'fresh',
      section: stub.fn.section,
      offset: stub.fn.offset,
    }) as Addr;
    const code = this.machine.jumps.keepingStub(at, body, stub.keep);
    if (code === undefined) {
      throw new HcrError({
        code: 'out-of-reach',
        symbol: stub.fn.name,
        detail: 'from its register-keeping stub',
      });
    }
    this.bytes[stub.part].set(code, stub.offset);
    return { start: at, sizeBytes: code.length };
  }

  /** The assembler resolves what a function says of its own address: a timer that arms itself
   *  again would hand out the address of a body, which the next patch does not redirect. */
  private pointAtEntry(fn: ObjectFunction, entry: Addr): void {
    const placement = this.layout.sections.get(fn.section);
    if (placement === undefined || this.findsGotFrom(fn)) return;
    const { patterns } = this.machine;
    const start = placement.offset + fn.offset;
    const code = this.bytes[placement.part].subarray(start, start + fn.sizeBytes);
    const at = offsetBy(this.addressOf(placement), fn.offset);
    for (const offset of patterns.selfReferences(code, 0)) {
      if (!patterns.retarget(code, offset, offsetBy(at, offset), entry)) {
        throw new HcrError({ code: 'out-of-reach', symbol: fn.name, detail: 'its own entry' });
      }
    }
  }

  /** In the large model a function adds the distance to the GOT to an address of its own, which may
   *  be that of its first instruction. Its calls and pointers go through the GOT then. */
  private findsGotFrom(fn: ObjectFunction): boolean {
    return this.layout.references.some(
      ({ section, relocation, rule }) =>
        section === fn.section &&
        rule.needs === 'got-base' &&
        relocation.offset - relocation.addend === fn.offset,
    );
  }

  /** Where the field of a relocation is. */
  private placeOf({ section, relocation }: Reference): Placement | undefined {
    const { sections, frames } = this.layout;
    const placement = sections.get(section);
    if (placement !== undefined)
      return { part: placement.part, offset: placement.offset + relocation.offset };
    const within = frames.content.offsetOf(section, relocation.offset);
    return within === undefined ? undefined : { part: frames.part, offset: frames.offset + within };
  }

  private relocate(reference: Reference): void {
    const placement = this.placeOf(reference);
    if (placement === undefined) return;
    const { relocation, rule, binding } = reference;
    const { offset } = placement;
    const P = this.addressOf(placement);
    const A = relocation.addend;
    const base = rule.fromGotBase ? this.gotBase() : 0;
    const apply = (value: number): boolean =>
      this.machine.relocations.apply(relocation.type, this.bytes[placement.part], offset, {
        S: value - base,
        A,
        P,
      });
    switch (rule.needs) {
      case 'address':
      case 'branch':
        if (apply(this.valueOf(binding))) return;
        // A function's address may be that of a stub where the real one does not fit.
        if (this.layout.stubs.has(bindingKey(binding)) && apply(this.stubFor(binding))) return;
        // A call of nothing is never made: it may lead anywhere.
        if (rule.needs === 'branch' && binding.kind === 'absent' && apply(P)) return;
        break;
      case 'got':
      case 'got-tp-offset':
      case 'tls-index':
      case 'tls-module':
      case 'tls-descriptor': {
        const address = this.slotAddress(rule.needs, binding);
        if (address !== undefined && apply(address)) return;
        break;
      }
      case 'tp-offset':
        if (binding.kind === 'thread-local' && apply(threadOffsetOf(binding))) return;
        break;
      case 'module-tls-offset':
        if (binding.kind === 'thread-local' && apply(binding.offset)) return;
        break;
      case 'got-base':
        if (apply(this.gotBase())) return;
        break;
      case 'size':
        if (apply(reference.symbol.sizeBytes)) return;
        break;
      case 'tls-call':
      case 'nothing':
        return;
    }
    throw new HcrError({
      code: 'out-of-reach',
      symbol: reference.symbol.name || reference.section.name,
      detail: `${rule.name} at ${hex(P)} cannot hold ${binding.kind === 'live' ? hex(binding.address) : 'its value'}`,
    });
  }

  private slotAddress(need: SlotNeed, binding: Binding): Addr | undefined {
    if (binding.kind === 'thread-local' && slotNeedOf(need, binding) === undefined)
      return binding.liveDescriptor;
    const slot = this.layout.slots.get(slotKey(need, binding));
    return slot === undefined ? undefined : this.addressOf(slot);
  }
}
