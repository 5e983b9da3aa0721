/**
 * Whether a field of the running code means what a relocation of the compiled code means.
 *
 * The live field is read back as the S it was relocated with, which must be where the new code's
 * symbol is. A field that leads through the PLT or the GOT is followed; one that the linker relaxed
 * is recognised. Strings and tables, which every compilation places anew, are compared by content.
 */
import type { RelaxedTlsAccess } from '../arch/patterns.js';
import { type Addr, type Vaddr, addr, contains, offsetBy } from '../core/address.js';
import { signedWordAt, wordAt } from '../core/memory.js';
import { isHcrError } from '../core/failure.js';
import { DT } from '../elf/constants.js';
import { type LoadedModule, liveAddress } from '../elf/loaded-module.js';
import type { Section } from '../elf/sections.js';
import { type Binding, GOT_BASE_NAME } from '../link/bind.js';
import { ConstantExtents } from '../link/constant-extents.js';
import { isCompilerMade } from '../link/live-unit.js';
import { isCode } from '../link/object-unit.js';
import {
  type Reference,
  constantOffset,
  resolveReferences,
  targetOffset,
} from '../link/resolve.js';
import { isSameRelaxed, isSameThreadLocal } from './compare-thread-locals.js';
import {
  BODY,
  CONSTANT,
  type CompareContext,
  type Comparison,
  SAME,
  sameBytes,
} from './comparison.js';
import { LiveLabels } from './live-labels.js';

const PLT_ENTRY_BYTES = 16;
/** Constants may refer to constants, and in a circle. */
const MAX_DEPTH = 16;

/** A relocated field in both versions of the code. */
export interface Field {
  /** Code or data around the field: the compiled one and the live one, which is as long. */
  readonly compiled: Uint8Array;
  readonly live: Uint8Array;
  /** Of the field in both. */
  readonly offset: number;
  /** Address of the live field. */
  readonly place: Addr;
  readonly placeOf: PlaceOf;
  /** How much the instruction with the field reads where it leads; 0 or absent if unknown. */
  readonly accessBytes?: number;
  readonly depth: number;
}

/** What is known around a field whose value has been read. */
type Surroundings = Pick<Field, 'placeOf' | 'accessBytes' | 'depth'>;

/** Where the live program has what is at an offset of a section that is being compared; undefined
 *  for other sections, and for what the live code has no counterpart of. */
export type PlaceOf = (section: Section, offset: number) => number | undefined;

export class TargetComparer {
  private readonly context: CompareContext;
  private readonly references = new Map<Section, readonly Reference[] | undefined>();
  private readonly extents: ConstantExtents;
  private readonly labels: LiveLabels;
  private slotNames: Map<Addr, string> | undefined;

  constructor(context: CompareContext) {
    this.context = context;
    this.extents = new ConstantExtents(context.unit.object, context.machine.relocations);
    this.labels = new LiveLabels(context);
  }

  /** Those of a part of a section; undefined when the section refers to something that cannot be
   *  linked: then it is not the code that runs. */
  referencesWithin(
    section: Section,
    start: number,
    sizeBytes: number,
  ): readonly Reference[] | undefined {
    return this.referencesOf(section)?.filter(
      ({ relocation }) => relocation.offset >= start && relocation.offset < start + sizeBytes,
    );
  }

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

  /** Whether a constant, or one that it points at, has addresses of code that is linked anew. */
  holdsLabels(section: Section, seen = new Set<Section>()): boolean {
    seen.add(section);
    return (this.referencesOf(section) ?? []).some(({ binding }) => {
      if (binding.kind !== 'fresh') return false;
      if (isCode(binding.section)) return true;
      return !seen.has(binding.section) && this.holdsLabels(binding.section, seen);
    });
  }

  /** Whether the live field means what the reference means. */
  compare(reference: Reference, field: Field): Comparison {
    const { rule, binding } = reference;
    const { compiled, live, offset, place } = field;
    if (offset + rule.widthBytes > live.length) return BODY;
    const liveS = this.symbolValueIn(reference, field);
    if (binding.kind === 'thread-local') {
      const { threads } = this.context.symbols;
      return isSameThreadLocal(binding, rule.needs, liveS, this.wordAt, threads) ? SAME : BODY;
    }
    switch (rule.needs) {
      case 'got': {
        const access = isRelaxable(reference)
          ? this.context.machine.patterns.gotAccess(compiled, live, offset)
          : { kind: 'slot', target: () => liveS };
        if (access === undefined) return BODY;
        const target = access.target(place);
        const value = access.kind === 'address' ? target : this.pointerAt(target);
        if (value === undefined) return BODY;
        return this.compareMeaning(reference, value, field, target);
      }
      case 'got-base':
        return liveS === this.gotBase() ? SAME : BODY;
      default:
        return this.compareMeaning(reference, liveS, field);
    }
  }

  /** Whether an access that the linker relaxed leads to the variable that the reference means.
   *  @param place where the compiled field would be in the live code */
  compareRelaxed({ binding, rule }: Reference, access: RelaxedTlsAccess, place: Addr): Comparison {
    if (binding.kind !== 'thread-local') return BODY;
    return isSameRelaxed(binding, rule.needs, access, place, this.wordAt) ? SAME : BODY;
  }

  /** Whether the live address `liveS` is what the symbol stands for.
   *  @param slot the GOT slot that it was read from */
  compareMeaning(
    reference: Reference,
    liveS: number,
    field: Surroundings,
    slot?: number,
  ): Comparison {
    const { binding } = reference;
    switch (binding.kind) {
      case 'live':
        if (liveS === binding.address) return SAME;
        return this.leadsTo(binding.address, liveS) ||
          this.isSameName(binding.symbol?.name ?? binding.name, liveS, slot)
          ? SAME
          : BODY;
      case 'ifunc':
        return liveS === binding.symbol.address || this.isSameName(binding.symbol.name, liveS, slot)
          ? SAME
          : BODY;
      case 'absent':
        return liveS === 0 ? SAME : BODY;
      case 'thread-local':
      case 'thread-function':
      case 'got-base':
        return BODY;
      case 'fresh':
        return this.compareFresh(reference, binding, liveS, field);
    }
  }

  /** What has to be taken off an address that a branch leads to, for its symbol's value. */
  distanceFromSymbol(reference: Reference): number {
    return targetOffset(reference, this.context.machine.relocations) - reference.symbol.value;
  }

  private symbolValueIn({ relocation, rule }: Reference, { live, offset, place }: Field): number {
    const { relocations } = this.context.machine;
    const terms = { A: relocation.addend, P: place };
    const value = relocations.read(relocation.type, live, offset, terms);
    return rule.fromGotBase ? value + (this.gotBase() ?? NaN) : value;
  }

  /** Where the live code counts offsets into its GOT from. */
  private gotBase(): Addr | undefined {
    const { file, bias } = this.context.module;
    const symbol = file.symbols().findByName(GOT_BASE_NAME)[0];
    const tag = file.dynamic().entries.find((entry) => entry.tag === DT.PLTGOT);
    const at = symbol?.value ?? tag?.value;
    return at === undefined ? undefined : addr(at + bias);
  }

  /** The live value points at a PLT entry whose slot holds this address by now. */
  private leadsTo(address: Addr, liveS: number): boolean {
    const through = this.pltSlotAt(liveS);
    return through !== undefined && this.pointerAt(through) === address;
  }

  /** The live value points at a PLT entry, or came from a GOT slot, of this name. */
  private isSameName(name: string, liveS: number, slot: number | undefined): boolean {
    if (name === '') return false;
    this.slotNames ??= readSlotNames(this.context.module);
    if (slot !== undefined && this.slotNames.get(slot as Addr) === name) return true;
    const through = this.pltSlotAt(liveS);
    return through !== undefined && this.slotNames.get(through) === name;
  }

  private pltSlotAt(address: number): Addr | undefined {
    const { module, original, machine } = this.context;
    if (!contains(module.range, address)) return undefined;
    const code = original.tryRead(addr(address), PLT_ENTRY_BYTES);
    return code && machine.patterns.pltSlot(code, addr(address));
  }

  private compareFresh(
    reference: Reference,
    { section, offset }: Extract<Binding, { kind: 'fresh' }>,
    liveS: number,
    field: Surroundings,
  ): Comparison {
    const target = targetOffset(reference, this.context.machine.relocations);
    const liveTarget = liveS - offset + target;
    const place = field.placeOf(section, target);
    if (place !== undefined || section === reference.section)
      return liveTarget === place ? SAME : BODY;
    if (liveS <= 0 || liveTarget <= 0) return BODY;
    if (isCode(section)) return this.compareFreshCode(section, target, addr(liveTarget));
    const start = constantOffset(reference, this.context.machine.relocations);
    const liveStart = addr(liveS - offset + start);
    return this.compareConstant(section, start, liveStart, field) ? SAME : CONSTANT;
  }

  /** A clone or part that the compiler made: the same when the live one has its name. Within a
   *  function, the place where the live one has that instruction. Its code is compared on its own:
   *  it may well refer back. */
  private compareFreshCode(section: Section, target: number, liveTarget: Addr): Comparison {
    const fn = this.context.unit.functions.find(
      (candidate) =>
        candidate.section === section &&
        candidate.offset <= target &&
        target < candidate.offset + candidate.sizeBytes,
    );
    if (fn === undefined) return BODY;
    const { offset, name } = fn;
    if (target !== offset)
      return this.labels.placeIn(fn, target - offset) === liveTarget ? SAME : BODY;
    if (!isCompilerMade(name)) return BODY;
    const { module } = this.context;
    const names = module.file.symbols().findAddress((liveTarget - module.bias) as Vaddr);
    return names.some((symbol) => symbol.name === name) ? SAME : BODY;
  }

  /** As much as belongs to the constant; see constant-extents. */
  private compareConstant(
    section: Section,
    start: number,
    address: Addr,
    { placeOf: placeOutside, accessBytes = 0, depth }: Surroundings,
  ): boolean {
    if (depth > MAX_DEPTH || start < 0 || start > section.sizeBytes) return false;
    const end =
      accessBytes > 0
        ? Math.min(start + accessBytes, section.sizeBytes)
        : this.extents.endOf(section, start);
    const compiled = this.context.unit.object.bytesOf(section).subarray(start, end);
    const live = this.context.original.tryRead(address, compiled.length);
    const references = this.referencesWithin(section, start, end - start);
    if (live === undefined || references === undefined) return false;
    const placeOf: PlaceOf = (other, at) =>
      other === section ? address - start + at : placeOutside(other, at);
    const labels = new LabelDistances();
    let at = 0;
    for (const reference of references) {
      const offset = reference.relocation.offset - start;
      if (!sameBytes(compiled, live, at, offset)) return false;
      at = offset + reference.rule.widthBytes;
      const place = offsetBy(address, offset);
      const field = { compiled, live, offset, place, placeOf, depth: depth + 1 };
      const { binding } = reference;
      const isSame =
        binding.kind === 'fresh' && isCode(binding.section)
          ? this.compareLabel(reference, binding, start, field, labels)
          : this.compare(reference, field) === SAME;
      if (!isSame) return false;
    }
    return sameBytes(compiled, live, at, compiled.length);
  }

  /** An entry of a table of labels, which starts at `start`. The distances in the table of a switch
   *  are counted from there. */
  private compareLabel(
    reference: Reference,
    { section, offset }: Extract<Binding, { kind: 'fresh' }>,
    start: number,
    field: Field,
    labels: LabelDistances,
  ): boolean {
    const { relocation, rule } = reference;
    const fromStart = rule.pcRelative ? relocation.offset - start : 0;
    const label = offset + relocation.addend - fromStart;
    const liveLabel = this.symbolValueIn(reference, field) - offset + label;
    const place = field.placeOf(section, label);
    return place === undefined ? labels.agree(section, liveLabel - label) : liveLabel === place;
  }

  private pointerAt(address: number): number | undefined {
    return wordAt(this.context.original, addr(address));
  }

  private readonly wordAt = (address: number): number | undefined =>
    address <= 0 ? undefined : signedWordAt(this.context.original, addr(address));
}

/** The linker rewrites accesses through 32-bit fields only. */
function isRelaxable({ rule }: Reference): boolean {
  return rule.pcRelative && rule.widthBytes === 4;
}

/** Labels of code that is not being compared along: all of one section must be at one distance from
 *  where the compiled code has them. */
class LabelDistances {
  private readonly known = new Map<Section, number>();

  agree(section: Section, distance: number): boolean {
    const known = this.known.get(section);
    if (known === undefined) this.known.set(section, distance);
    return known === undefined || known === distance;
  }
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
