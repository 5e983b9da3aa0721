/**
 * Variables that a patch gives a new initial value, because their source says HCR_RESET and the
 * initialiser was edited. The new value is linked like new data, as a copy in the patch area in which
 * all addresses are right, and copied over the variable in the stop in which the new code goes live.
 */
import type { Addr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { ObjectFile } from '../elf/object-file.js';
import type { Section } from '../elf/sections.js';
import type { ElfSymbol } from '../elf/symbols.js';
import { linkedBytes } from '../link/linked-bytes.js';
import { MarkedData } from '../link/marked-data.js';
import { isCode, datumKind, isAllocated, objectsIn } from '../link/object-unit.js';
import type { GivenInitialiser } from '../patch/ledger.js';
import type { DataWrite } from '../ptrace/data-writer.js';
import { Initialisers } from './initialisers.js';
import { madeByInitialisers } from './new-objects.js';
import type { ProcessImage } from './observe.js';
import type { PlacedUnit } from './placed-unit.js';
import type { DataReset, PreparedUnit } from './prepare-unit.js';
import { checkData } from './variable-check.js';

/** @throws HcrError `layout-changed`, `malformed-file` */
export function withResets(
  image: ProcessImage,
  unit: PreparedUnit,
  unchecked: boolean,
): PreparedUnit {
  const { object } = unit.edited.unit;
  const marked = new MarkedData(object);
  if (marked.isEmpty) return unit;
  const initialisers = new Initialisers(image, unit);
  const constructed = madeByInitialisers(unit.edited.unit);
  const resets: DataReset[] = [];
  for (const { section, symbol } of resettable(object, marked, object.sections)) {
    if (constructed.has(section) || hasDistances(image, object, section)) continue;
    const live = unit.binder.counterparts.variableOf(section, symbol);
    if (live === undefined || !initialisers.isEdited(section, symbol, live)) continue;
    const fingerprint = initialisers.fingerprint(section, symbol);
    resets.push({ section, symbol, address: live.address, fingerprint });
  }
  const sections = new Set(resets.map(({ section }) => section));
  const [problem] = unchecked ? [] : checkData(unit.wanted, unit.edited, unit.binder, sections);
  if (problem !== undefined) throw problem;
  return { ...unit, resets };
}

/** The variables with HCR_RESET in the sections of an object. */
function* resettable(
  object: ObjectFile,
  marked: MarkedData,
  sections: Iterable<Section>,
): Generator<{ readonly section: Section; readonly symbol: ElfSymbol }> {
  for (const section of sections) {
    if (!isAllocated(section) || isCode(section) || datumKind(section) !== 'writable') continue;
    for (const symbol of objectsIn(object, section))
      if (marked.has('reset', section, symbol)) yield { section, symbol };
  }
}

/** Whether it holds distances from itself, which mean something else in a copy. */
function hasDistances({ target }: ProcessImage, object: ObjectFile, section: Section): boolean {
  const { relocations } = target.machine;
  return object
    .relocationsOf(section)
    .some(({ type }) => relocations.rule(type)?.pcRelative !== false);
}

/** What is to be written over the variables, each of them once. */
export function dataWritesOf(placed: readonly PlacedUnit[]): DataWrite[] {
  const writes = new Map<Addr, DataWrite>();
  for (const { prepared, image: linked } of placed) {
    for (const { section, symbol, address } of prepared.resets) {
      const start = linked.addressInSection(section, symbol.value);
      const bytes =
        start === undefined ? undefined : linkedBytes(linked.parts, start, symbol.sizeBytes);
      if (bytes === undefined)
        throw new HcrError({ code: 'unexpected', detail: `${symbol.name} has no new value` });
      writes.set(address, { address, bytes: bytes.slice() });
    }
  }
  return [...writes.values()];
}

/** For the record: the initialisers that variables are given, and those of new variables that may be
 *  given another one later. */
export function givenInitialisers(
  image: ProcessImage,
  placed: readonly PlacedUnit[],
  generation: number,
): GivenInitialiser[] {
  return placed.flatMap(({ prepared, layout, image: linked }) => {
    const { object } = prepared.edited.unit;
    const marked = new MarkedData(object);
    if (marked.isEmpty) return [];
    const initialisers = new Initialisers(image, prepared);
    const brought = [...resettable(object, marked, layout.sections.keys())]
      .filter(({ section, symbol }) => !prepared.binder.counterparts.variableOf(section, symbol))
      .flatMap(({ section, symbol }) => {
        const address = linked.addressInSection(section, symbol.value);
        const fingerprint = initialisers.fingerprint(section, symbol);
        return address === undefined ? [] : [{ address, fingerprint, generation }];
      });
    const given = prepared.resets.map(({ address, fingerprint }) => ({
      address,
      fingerprint,
      generation,
    }));
    return [...given, ...brought];
  });
}
