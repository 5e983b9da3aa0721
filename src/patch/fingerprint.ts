/**
 * A name for the code of a function that two compilations share exactly when they mean the same:
 * its bytes without the relocated fields, what those refer to by name, and the content of the
 * unnamed constants it uses, wherever the compiler put them. Tells a later hcr whether a body it
 * finds is already the edited one.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Machine } from '../arch/arch.js';
import type { Addr } from '../core/address.js';
import type { Section } from '../elf/sections.js';
import type { Binder, Binding } from '../link/bind.js';
import { ConstantExtents } from '../link/constant-extents.js';
import { handledTypes } from '../link/handled-types.js';
import { framesOf } from '../link/unwind-frames.js';
import { isColdPart, isCompilerMade, numberedName, sourceName } from '../link/live-unit.js';
import { type ObjectFunction, type ObjectUnit, datumKind, isCode } from '../link/object-unit.js';
import {
  type Reference,
  constantOffset,
  resolveReferences,
  targetOffset,
} from '../link/resolve.js';

const HEX_DIGITS = 32;
const MAX_DEPTH = 16;

/** Where a place in the object is linked to, with all that goes live now; undefined when it is not
 *  linked. */
export type LinkedPlace = (section: Section, offset: number) => Addr | undefined;

/** @param placeOf of what is new in the process: the next compilation finds it live
 *  @throws HcrError as `resolveReferences` */
export function fingerprintOf(
  fn: ObjectFunction,
  unit: ObjectUnit,
  binder: Binder,
  machine: Machine,
  placeOf: LinkedPlace = () => undefined,
): string {
  return new Fingerprint(fn, unit, binder, machine, placeOf).digest();
}

class Fingerprint {
  private readonly fn: ObjectFunction;
  private readonly unit: ObjectUnit;
  private readonly binder: Binder;
  private readonly machine: Machine;
  private readonly placeOf: LinkedPlace;
  private readonly extents: ConstantExtents;
  private readonly hash: Hash = createHash('sha256');
  /** Constants and parts that are in already, so that a circle ends. */
  private readonly seen = new Map<string, number>();

  constructor(
    fn: ObjectFunction,
    unit: ObjectUnit,
    binder: Binder,
    machine: Machine,
    placeOf: LinkedPlace,
  ) {
    this.placeOf = placeOf;
    this.fn = fn;
    this.unit = unit;
    this.binder = binder;
    this.machine = machine;
    this.extents = new ConstantExtents(unit.object, machine.relocations);
  }

  digest(): string {
    const { section, offset, sizeBytes } = this.fn;
    this.add(section, offset, offset + sizeBytes, 0);
    this.addHandlers();
    return this.hash.digest('hex').slice(0, HEX_DIGITS);
  }

  /** What its exception handlers are for. */
  private addHandlers(): void {
    const { fn, unit, binder, machine } = this;
    for (const { reference } of handledTypes(
      fn,
      unit,
      framesOf(unit),
      binder,
      machine.relocations,
    )) {
      this.hash.update('|handles ');
      this.addMeaning(reference, 0);
    }
  }

  /** Bytes between the relocated fields, and what each of those means. */
  private add(section: Section, start: number, end: number, depth: number): void {
    const { unit, binder, machine } = this;
    const bytes = unit.object.bytesOf(section);
    let at = start;
    for (const reference of resolveReferences(section, unit, binder, machine.relocations)) {
      const { relocation, rule } = reference;
      if (relocation.offset < start || relocation.offset >= end) continue;
      this.hash.update(bytes.subarray(at, relocation.offset));
      this.hash.update(`|${rule.name} `);
      this.addMeaning(reference, depth);
      at = relocation.offset + rule.widthBytes;
    }
    this.hash.update(bytes.subarray(at, end));
  }

  private addMeaning(reference: Reference, depth: number): void {
    const { binding, relocation } = reference;
    const { addend } = relocation;
    switch (binding.kind) {
      case 'live':
        this.addLive(binding.address, addend);
        return;
      case 'ifunc':
        this.hash.update(`ifunc ${binding.symbol.name} ${addend}|`);
        return;
      case 'thread-local':
        this.hash.update(`thread-local ${binding.module.path} ${binding.offset} ${addend}|`);
        return;
      case 'thread-function':
      case 'got-base':
        this.hash.update(`${binding.kind} ${addend}|`);
        return;
      case 'absent':
        this.hash.update(`absent ${addend}|`);
        return;
      case 'fresh':
        this.addFresh(reference, binding, depth);
    }
  }

  private addFresh(
    reference: Reference,
    { section, offset }: Extract<Binding, { kind: 'fresh' }>,
    depth: number,
  ): void {
    const target = targetOffset(reference, this.machine.relocations);
    if (!isCode(section) && datumKind(section) === 'constant') {
      this.addConstant(reference, section, depth);
      return;
    }
    const owner = isCode(section) ? this.ownerOf(section) : undefined;
    const staysNew = owner !== undefined && (owner === this.fn || isCompilerMade(owner.name));
    const address = staysNew ? undefined : this.placeOf(section, offset);
    if (address !== undefined) this.addLive(address, reference.relocation.addend);
    else if (isCode(section)) this.addCode(section, owner, target, depth);
    else this.hash.update(`variable ${this.nameIn(section)} ${target}|`);
  }

  private addLive(address: Addr, addend: number): void {
    this.hash.update(`live ${address} ${addend}|`);
  }

  private ownerOf(section: Section): ObjectFunction | undefined {
    if (section === this.fn.section) return this.fn;
    return this.unit.functions.find((candidate) => candidate.section === section);
  }

  private addCode(
    section: Section,
    owner: ObjectFunction | undefined,
    target: number,
    depth: number,
  ): void {
    const { fn } = this;
    if (owner === fn) {
      this.hash.update(`self ${target - fn.offset}|`);
      return;
    }
    this.hash.update(`code ${sourceName(owner?.name ?? '')} ${target - (owner?.offset ?? 0)}|`);
    const isOwnPart =
      owner !== undefined &&
      isColdPart(owner.name) &&
      sourceName(owner.name) === sourceName(fn.name);
    if (isOwnPart && this.isFirst(section, 0)) this.add(section, 0, section.sizeBytes, depth + 1);
  }

  private addConstant(reference: Reference, section: Section, depth: number): void {
    const { relocations } = this.machine;
    const start = constantOffset(reference, relocations);
    const below = start - targetOffset(reference, relocations);
    if (below > 0) this.hash.update(`below ${below}|`);
    if (start > section.sizeBytes || depth > MAX_DEPTH) {
      this.hash.update(`outside ${start}|`);
    } else if (this.isFirst(section, start)) {
      this.add(section, start, this.extents.endOf(section, start), depth + 1);
    }
  }

  /** Says whether a place comes up for the first time; else which of the earlier ones it is. */
  private isFirst(section: Section, offset: number): boolean {
    const key = `${section.index}:${offset}`;
    const known = this.seen.get(key);
    if (known === undefined) this.seen.set(key, this.seen.size);
    else this.hash.update(`again ${known}|`);
    return known === undefined;
  }

  private nameIn(section: Section): string {
    const name = this.unit.object.symbolsIn(section)[0]?.name ?? '';
    return numberedName(name)?.base ?? name;
  }
}
