/**
 * Whether freshly compiled code is the code that runs: the same instructions, and the same targets
 * by name. No old object file is needed, and the comparison proves the compiler and the flags
 * right: with wrong ones nearly every function differs. (Ksplice calls it run-pre matching.)
 *
 * Bytes decide. Where the new object has a relocation, the live field is read back as the S it
 * was relocated with, which must be where the new code's symbol is. A field that leads through the
 * PLT or the GOT is followed; one that the linker relaxed is recognised. Strings and tables, which
 * every compilation places anew, are compared by content.
 *
 * When a function is longer or shorter but for branches that the assembler sized differently
 * (`-ffunction-sections` turns a short jump into a neighbour into a long one), instructions decide.
 */
import type { Decoder, Instruction, Machine } from '../arch/arch.js';
import { type Addr, type Vaddr, addr, contains, offsetBy } from '../core/address.js';
import { isHcrError } from '../core/failure.js';
import type { Memory } from '../core/memory.js';
import { type LoadedModule, liveAddress } from '../elf/loaded-module.js';
import type { Section } from '../elf/sections.js';
import type { Binder, Binding } from '../link/bind.js';
import { ConstantExtents } from '../link/constant-extents.js';
import type { LiveSymbols } from '../link/live-symbols.js';
import { isCompilerMade } from '../link/live-unit.js';
import { type ObjectFunction, type ObjectUnit, isCode } from '../link/object-unit.js';
import { type Reference, resolveReferences, targetOffset } from '../link/resolve.js';

export type Comparison =
  | { readonly same: true }
  | { readonly same: false; readonly reason: 'body' | 'constant' };

const SAME: Comparison = { same: true };
const BODY: Comparison = { same: false, reason: 'body' };
const CONSTANT: Comparison = { same: false, reason: 'constant' };
const PLT_ENTRY_BYTES = 16;
const MAX_DEPTH = 16;

export interface CompareContext {
  readonly unit: ObjectUnit;
  readonly binder: Binder;
  readonly symbols: LiveSymbols;
  readonly module: LoadedModule;
  readonly machine: Machine;
  /** With redirects undone. */
  readonly original: Memory;
  /** Undefined while it is not loaded: then only bytes decide. */
  readonly decoder: Decoder | undefined;
}

export class CodeComparer {
  private readonly context: CompareContext;
  private readonly references = new Map<Section, readonly Reference[] | undefined>();
  private readonly extents: ConstantExtents;
  private slotNames: Map<Addr, string> | undefined;

  constructor(context: CompareContext) {
    this.context = context;
    this.extents = new ConstantExtents(context.unit.object, context.machine.relocations);
  }

  /** Compares a function with the live code at `entry`. */
  compareFunction(fn: ObjectFunction, entry: Addr, liveBytes: number): Comparison {
    const { unit, original } = this.context;
    const live = original.tryRead(entry, liveBytes);
    if (live === undefined) return BODY;
    const compiled = unit.object.bytesOf(fn.section).subarray(fn.offset, fn.offset + fn.sizeBytes);
    const references = this.referencesOf(fn.section)?.filter(
      ({ relocation }) =>
        relocation.offset >= fn.offset && relocation.offset < fn.offset + fn.sizeBytes,
    );
    if (references === undefined) return BODY;
    if (compiled.length === live.length) {
      const verdict = this.compareBytes(compiled, live, entry, references, fn.offset, 0);
      if (verdict !== BODY) return verdict;
    }
    return this.compareInstructions(compiled, live, fn, entry, references);
  }

  /** Compares a constant with the live one at an address. */
  compareConstant(section: Section, address: Addr, depth = 0): boolean {
    if (depth > MAX_DEPTH) return false;
    const compiled = this.context.unit.object.bytesOf(section);
    const live = this.context.original.tryRead(address, compiled.length);
    const references = this.referencesOf(section);
    if (live === undefined || references === undefined) return false;
    return this.compareBytes(compiled, live, address, references, 0, depth).same;
  }

  /** Undefined when the section refers to something that cannot be linked: then it is not the
   *  code that runs. */
  private referencesOf(section: Section): readonly Reference[] | undefined {
    if (!this.references.has(section)) {
      const { unit, binder, machine } = this.context;
      let found: readonly Reference[] | undefined;
      try {
        found = resolveReferences(section, unit, binder, machine.relocations);
      } catch (error) {
        if (!isHcrError(error)) throw error;
        found = undefined;
      }
      this.references.set(section, found);
    }
    return this.references.get(section);
  }

  private compareBytes(
    compiled: Uint8Array,
    live: Uint8Array,
    address: Addr,
    references: readonly Reference[],
    sectionOffset: number,
    depth: number,
  ): Comparison {
    let at = 0;
    for (const reference of references) {
      const offset = reference.relocation.offset - sectionOffset;
      const access =
        reference.rule.needs === 'got'
          ? this.context.machine.patterns.gotAccess(compiled, live, offset)
          : undefined;
      const start = access === undefined ? offset : Math.min(offset, access.start);
      if (!equalBytes(compiled, live, at, Math.max(at, start))) return BODY;
      at = Math.max(at, offset + reference.rule.widthBytes, access?.end ?? 0);
      const place = offsetBy(address, offset);
      const verdict = this.compareTarget(
        reference,
        live,
        offset,
        place,
        address,
        sectionOffset,
        depth,
      );
      if (verdict !== SAME) return verdict;
    }
    return equalBytes(compiled, live, at, compiled.length) ? SAME : BODY;
  }

  /** Whether the live field means what the reference means. */
  private compareTarget(
    reference: Reference,
    live: Uint8Array,
    offset: number,
    place: Addr,
    liveSection: Addr,
    sectionOffset: number,
    depth: number,
  ): Comparison {
    const { rule, relocation, binding } = reference;
    const { machine, unit } = this.context;
    if (offset + rule.widthBytes > live.length) return BODY;
    const liveS = machine.relocations.read(relocation.type, live, offset, {
      A: relocation.addend,
      P: place,
    });
    switch (rule.needs) {
      case 'got': {
        const compiled = unit.object.bytesOf(reference.section);
        const around = compiled.subarray(sectionOffset, sectionOffset + live.length);
        const access = machine.patterns.gotAccess(around, live, offset);
        if (access === undefined) return BODY;
        const target = access.target(place);
        const value = access.kind === 'address' ? target : this.pointerAt(target);
        if (value === undefined) return BODY;
        return this.means(binding, value, reference, liveSection, sectionOffset, depth, target);
      }
      case 'got-tp-offset': {
        const value = this.signedAt(liveS);
        return binding.kind === 'thread-local' && value === binding.threadOffset ? SAME : BODY;
      }
      case 'tp-offset':
        return binding.kind === 'thread-local' && liveS === binding.threadOffset ? SAME : BODY;
      default:
        return this.means(binding, liveS, reference, liveSection, sectionOffset, depth);
    }
  }

  /** Whether a live address is what the binding stands for. */
  private means(
    binding: Binding,
    liveS: number,
    reference: Reference,
    liveSection: Addr,
    sectionOffset: number,
    depth: number,
    slot?: number,
  ): Comparison {
    switch (binding.kind) {
      case 'live':
        if (liveS === binding.address) return SAME;
        return this.isSameName(binding.symbol?.name ?? binding.name, liveS, slot) ? SAME : BODY;
      case 'ifunc':
        return liveS === binding.symbol.address || this.isSameName(binding.symbol.name, liveS, slot)
          ? SAME
          : BODY;
      case 'absent':
        return liveS === 0 ? SAME : BODY;
      case 'thread-local':
        return BODY;
      case 'fresh':
        return this.compareFresh(binding, liveS, reference, liveSection, sectionOffset, depth);
    }
  }

  /** The live value points at a PLT entry, or came from a GOT slot, of this name. */
  private isSameName(name: string, liveS: number, slot: number | undefined): boolean {
    if (name === '') return false;
    this.slotNames ??= readSlotNames(this.context.module);
    if (slot !== undefined && this.slotNames.get(slot as Addr) === name) return true;
    if (!contains(this.context.module.range, liveS)) return false;
    const code = this.context.original.tryRead(addr(liveS), PLT_ENTRY_BYTES);
    const through =
      code === undefined ? undefined : this.context.machine.patterns.pltSlot(code, addr(liveS));
    return through !== undefined && this.slotNames.get(through) === name;
  }

  private compareFresh(
    binding: Extract<Binding, { kind: 'fresh' }>,
    liveS: number,
    reference: Reference,
    liveSection: Addr,
    sectionOffset: number,
    depth: number,
  ): Comparison {
    const { section, offset } = binding;
    // Labels of the function's own section: the same distance from its start.
    if (section === reference.section)
      return liveS === liveSection - sectionOffset + offset ? SAME : BODY;
    if (liveS <= 0) return BODY;
    if (isCode(section)) return this.compareFreshCode(section, liveS - offset, depth);
    const target = targetOffset(reference, this.context.machine.relocations);
    return this.compareContent(section, target, liveS - offset + target, depth) ? SAME : CONSTANT;
  }

  /** A clone or part that the compiler made: the same when the live one has its name and code. */
  private compareFreshCode(section: Section, liveStart: number, depth: number): Comparison {
    if (depth > MAX_DEPTH) return BODY;
    const fn = this.context.unit.functions.find((candidate) => candidate.section === section);
    if (fn === undefined || !isCompilerMade(fn.name) || liveStart <= 0) return BODY;
    const entry = addr(liveStart + fn.offset);
    const { module } = this.context;
    const names = module.file.symbols().findAddress((entry - module.bias) as Vaddr);
    if (!names.some((symbol) => symbol.name === fn.name)) return BODY;
    // Compared on its own; here only the reference counts, which may well go round in a circle.
    return SAME;
  }

  /** As much as belongs to the constant; see constant-extents. */
  private compareContent(
    section: Section,
    offset: number,
    liveAddress: number,
    depth: number,
  ): boolean {
    if (depth > MAX_DEPTH || offset < 0 || offset > section.sizeBytes || liveAddress <= 0)
      return false;
    return this.compareTable(section, offset, addr(liveAddress), depth);
  }

  private compareTable(section: Section, offset: number, address: Addr, depth: number): boolean {
    const end = this.extents.endOf(section, offset);
    const compiled = this.context.unit.object.bytesOf(section).subarray(offset, end);
    const live = this.context.original.tryRead(address, compiled.length);
    const references = this.referencesOf(section)?.filter(
      ({ relocation }) => relocation.offset >= offset && relocation.offset < end,
    );
    if (live === undefined || references === undefined) return false;
    return this.compareTableEntries(compiled, live, address, references, offset, depth);
  }

  private compareTableEntries(
    compiled: Uint8Array,
    live: Uint8Array,
    address: Addr,
    references: readonly Reference[],
    sectionOffset: number,
    depth: number,
  ): boolean {
    let at = 0;
    // Entries are labels: all of them must be at one distance from where the labels' section is
    // live, which is known only when the function that owns them is compared.
    const distances = new Map<Section, number>();
    for (const reference of references) {
      const offset = reference.relocation.offset - sectionOffset;
      if (!equalBytes(compiled, live, at, offset)) return false;
      at = offset + reference.rule.widthBytes;
      const { binding, relocation } = reference;
      const place = offsetBy(address, offset);
      if (binding.kind === 'fresh' && isCode(binding.section)) {
        const liveS = this.context.machine.relocations.read(relocation.type, live, offset, {
          A: relocation.addend,
          P: place,
        });
        const base = liveS - binding.offset;
        const known = distances.get(binding.section) ?? base;
        if (known !== base) return false;
        distances.set(binding.section, base);
      } else if (
        this.compareTarget(reference, live, offset, place, address, sectionOffset, depth + 1) !==
        SAME
      ) {
        return false;
      }
    }
    return equalBytes(compiled, live, at, compiled.length);
  }

  private isLive(bytes: Uint8Array, address: Addr): boolean {
    const live = this.context.original.tryRead(address, bytes.length);
    return live !== undefined && equalBytes(bytes, live, 0, bytes.length);
  }

  private pointerAt(address: number): number | undefined {
    const bytes = this.context.original.tryRead(addr(address), 8);
    return bytes === undefined
      ? undefined
      : Number(new DataView(bytes.buffer).getBigUint64(0, true));
  }

  private signedAt(address: number): number | undefined {
    const bytes = this.context.original.tryRead(addr(address), 8);
    return bytes === undefined
      ? undefined
      : Number(new DataView(bytes.buffer).getBigInt64(0, true));
  }

  /** Instruction by instruction, when sizes of branches may differ. */
  private compareInstructions(
    compiled: Uint8Array,
    live: Uint8Array,
    fn: ObjectFunction,
    entry: Addr,
    references: readonly Reference[],
  ): Comparison {
    const { decoder } = this.context;
    if (decoder === undefined) return BODY;
    // The compiled code has no address yet: decode it where the live code is.
    const ours = decoder.decode(compiled, entry).filter((instruction) => !instruction.isPadding);
    const theirs = decoder.decode(live, entry).filter((instruction) => !instruction.isPadding);
    if (ours.length !== theirs.length) return BODY;
    const ourIndex = new Map(ours.map((instruction, i) => [instruction.address, i]));
    const theirIndex = new Map(theirs.map((instruction, i) => [instruction.address, i]));
    const pending = [...references];
    for (const [i, our] of ours.entries()) {
      const their = theirs[i];
      if (their === undefined) return BODY;
      const start = our.address - entry + fn.offset;
      const own = takeWhile(
        pending,
        ({ relocation }) => relocation.offset < start + our.lengthBytes,
      );
      const verdict = this.compareInstruction(our, their, own, {
        compiled,
        live,
        fn,
        entry,
        ourIndex,
        theirIndex,
      });
      if (verdict !== SAME) return verdict;
    }
    return SAME;
  }

  private compareInstruction(
    our: Instruction,
    their: Instruction,
    references: readonly Reference[],
    code: DecodedPair,
  ): Comparison {
    const { fn, entry, compiled, live } = code;
    const [reference] = references;
    if (our.target !== undefined && their.target !== undefined) {
      if (our.shape !== their.shape) return BODY;
      if (reference !== undefined) {
        const target =
          targetOffset(reference, this.context.machine.relocations) - reference.symbol.value;
        return this.means(reference.binding, their.target - target, reference, entry, fn.offset, 0);
      }
      const ourTarget = code.ourIndex.get(our.target);
      if (ourTarget !== undefined)
        return ourTarget === code.theirIndex.get(their.target) ? SAME : BODY;
      return BODY;
    }
    if (references.length > 1) return BODY;
    if (reference === undefined || our.lengthBytes !== their.lengthBytes) {
      const ourBytes = compiled.subarray(
        our.address - entry,
        our.address - entry + our.lengthBytes,
      );
      const theirBytes = live.subarray(
        their.address - entry,
        their.address - entry + their.lengthBytes,
      );
      return ourBytes.length === theirBytes.length &&
        equalBytes(ourBytes, theirBytes, 0, ourBytes.length)
        ? SAME
        : BODY;
    }
    if (our.shape !== their.shape && reference.rule.needs !== 'got') return BODY;
    const within = reference.relocation.offset - fn.offset - (our.address - entry);
    const base = fn.offset + our.address - entry;
    const ourBytes = compiled.subarray(our.address - entry, our.address - entry + our.lengthBytes);
    const theirBytes = live.subarray(
      their.address - entry,
      their.address - entry + their.lengthBytes,
    );
    const place = offsetBy(their.address, within);
    if (reference.rule.needs === 'got') {
      return this.compareTarget(reference, theirBytes, within, place, their.address, base, 0);
    }
    const width = reference.rule.widthBytes;
    if (
      !equalBytes(ourBytes, theirBytes, 0, within) ||
      !equalBytes(ourBytes, theirBytes, within + width, ourBytes.length)
    ) {
      return BODY;
    }
    return this.compareTarget(reference, theirBytes, within, place, their.address, base, 0);
  }
}

interface DecodedPair {
  readonly compiled: Uint8Array;
  readonly live: Uint8Array;
  readonly fn: ObjectFunction;
  readonly entry: Addr;
  readonly ourIndex: ReadonlyMap<Addr, number>;
  readonly theirIndex: ReadonlyMap<Addr, number>;
}

function takeWhile<T>(items: T[], matches: (item: T) => boolean): T[] {
  const end = items.findIndex((item) => !matches(item));
  return items.splice(0, end < 0 ? items.length : end);
}

function equalBytes(a: Uint8Array, b: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Which symbol each dynamically relocated slot of the module belongs to. */
function readSlotNames(module: LoadedModule): Map<Addr, string> {
  const names = new Map<Addr, string>();
  const table = module.file.dynamicSymbols();
  for (const { offset, symbolIndex } of module.file.dynamicRelocations()) {
    if (symbolIndex === 0 || symbolIndex >= table.count) continue;
    names.set(liveAddress(module, offset as Vaddr), table.at(symbolIndex).name);
  }
  return names;
}
