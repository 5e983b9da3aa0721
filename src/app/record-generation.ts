/** What a generation puts on record: its bodies, its variables, and the entries it redirects. */
import type { Decoder } from '../arch/decoder.js';
import {
  type Addr,
  type AddrRange,
  contains,
  offsetBy,
  rangeAt,
  unrelocate,
} from '../core/address.js';
import type { Memory } from '../core/memory.js';
import { STT } from '../elf/constants.js';
import { type LoadedModule, fileAddress } from '../elf/loaded-module.js';
import { variableKey } from '../link/live-counterparts.js';
import { isCompilerMade } from '../link/live-unit.js';
import { type ObjectFunction, datumKind, isCode, objectsIn } from '../link/object-unit.js';
import { fingerprintOf } from '../patch/fingerprint.js';
import type { Body, EntryRecord, Ledger, NewVariable } from '../patch/ledger.js';
import { OriginalMemory } from '../patch/original-memory.js';
import { type RedirectPlaces, branchesBackInto, chooseRedirect } from '../patch/redirect.js';
import type { ProcessImage } from './observe.js';
import type { PlacedUnit } from './placed-unit.js';
import { type PatchRoot, sourceOf } from './select-roots.js';

/** One body for each function that was linked. */
export function bodiesOf(image: ProcessImage, placed: PlacedUnit): Body[] {
  const { prepared, layout, image: linked } = placed;
  const { edited, binder, wanted } = prepared;
  const body = (
    fn: ObjectFunction,
    entry: Addr,
    start: Addr,
    root: PatchRoot | undefined,
  ): Body => {
    const source = root === undefined ? sourceOf(edited, fn) : root.source;
    return {
      name: root === undefined ? binder.counterparts.keyOf(fn) : fn.name,
      ...(root?.label === undefined ? {} : { label: root.label }),
      module: wanted.module.path,
      ...(source === undefined ? {} : { source }),
      entry,
      start,
      sizeBytes: fn.sizeBytes,
      cold: coldParts(placed, fn),
      target: linked.targetOf(fn) ?? start,
      fingerprint: fingerprintOf(fn, edited.unit, binder, image.target.machine, (section, offset) =>
        linked.addressInSection(section, offset),
      ),
      reason: root?.reason ?? 'new',
    };
  };
  const bodies: Body[] = [];
  for (const fn of edited.unit.functions) {
    const start = linked.addressOf(fn);
    if (start === undefined || !layout.sections.has(fn.section)) continue;
    const root = prepared.roots.find((candidate) => candidate.fn === fn);
    if (root !== undefined) bodies.push(body(fn, root.live.address, start, root));
    else if (binder.counterparts.entryOf(fn) === undefined && !isCompilerMade(fn.name))
      bodies.push(body(fn, start, start, undefined));
  }
  return bodies;
}

/** The rarely run parts of a linked function. */
export function coldParts(
  { prepared, image: linked }: PlacedUnit,
  fn: ObjectFunction,
): AddrRange[] {
  return prepared.edited.unit.functions
    .filter(({ name }) => name === `${fn.name}.cold`)
    .flatMap((part) => {
      const start = linked.addressOf(part);
      return start === undefined ? [] : [rangeAt(start, part.sizeBytes)];
    });
}

/** New writable variables, and constants that other units refer to, so that later generations find
 *  them. */
export function variablesOf({ prepared, layout, image: linked }: PlacedUnit): NewVariable[] {
  const { edited, wanted, live, brought } = prepared;
  const { unit } = edited;
  const variables: NewVariable[] = [];
  for (const section of layout.sections.keys()) {
    if (isCode(section)) continue;
    const isConstant = datumKind(section) !== 'writable';
    for (const symbol of objectsIn(unit.object, section)) {
      if (isConstant && !brought.some(({ index }) => index === symbol.index)) continue;
      const start = linked.addressInSection(section, symbol.value);
      if (start === undefined) continue;
      const isCopy = layout.copied.has(section);
      if (isCopy && prepared.binder.counterparts.variableOf(section, symbol) !== undefined)
        continue;
      const key = variableKey(live.name, symbol, unit.scopedName(section, symbol.value));
      variables.push({ module: wanted.module.path, key, start, sizeBytes: symbol.sizeBytes });
    }
  }
  return variables;
}

/** The entries of the ledger, with those that are redirected for the first time. */
export function withEntries(
  image: ProcessImage,
  ledger: Ledger,
  placed: readonly PlacedUnit[],
  decoder: Decoder,
): EntryRecord[] {
  const entries = [...ledger.entries];
  for (const { prepared } of placed) {
    for (const { live, fn } of prepared.roots) {
      if (entries.some((entry) => entry.entry === live.address)) continue;
      entries.push(
        newEntry(
          image,
          prepared.wanted.module,
          { name: fn.name, entry: live.address, sizeBytes: live.sizeBytes },
          entries,
          decoder,
        ),
      );
    }
  }
  return entries;
}

/** The record of an entry that has not been redirected before.
 *  @throws HcrError `function-not-patchable` when no jump fits */
export function newEntry(
  image: ProcessImage,
  module: LoadedModule,
  site: { readonly name: string; readonly entry: Addr; readonly sizeBytes: number },
  entries: readonly EntryRecord[],
  decoder: Decoder,
): EntryRecord {
  const { machine, memory } = image.target;
  const original = new OriginalMemory(memory, entries);
  const limit = nextSymbol(module, site.entry, site.sizeBytes);
  const isTaken = (start: Addr, sizeBytes: number): boolean =>
    entries.some(({ originals }) =>
      originals.some(
        ({ address, bytes }) => start < address + bytes.length && address < start + sizeBytes,
      ),
    );
  const body = original.read(site.entry, site.sizeBytes);
  const branchesInto = (places: RedirectPlaces): boolean =>
    branchesBackInto(body, site.entry, places, decoder);
  const places = chooseRedirect({ ...site, limit }, machine.jumps, machine.pageBytes, original, {
    isTaken,
    isFunctionEnd: (address) => endsFunction(module, address, original, decoder),
    branchesInto,
  });
  return {
    ...site,
    module: module.path,
    originals: places.places.map(({ address, sizeBytes }) => ({
      address,
      bytes: original.read(address, sizeBytes),
    })),
    branchesBack: branchesInto(places),
  };
}

/** Whether nothing runs on from before an address: a function ends there, or one whose symbol has no
 *  size (of the C runtime) returns there. */
function endsFunction(
  module: LoadedModule,
  address: Addr,
  original: Memory,
  decoder: Decoder,
): boolean {
  const { file, range, bias } = module;
  const last = offsetBy(address, -1);
  if (!contains(range, last)) return false;
  const table = file.symbols();
  const around = table.findAddress(unrelocate(last, bias)).filter(({ type }) => type === STT.FUNC);
  if (around.length > 0) {
    return around.some(({ value, sizeBytes }) => value + sizeBytes + bias === address);
  }
  let start = 0;
  for (const { type, sizeBytes, value } of table) {
    const at = value + bias;
    if (type === STT.FUNC && sizeBytes === 0 && at < address && at > start) start = at;
  }
  if (start === 0 || address - start > MAX_UNSIZED_BYTES) return false;
  const code = original.tryRead(start as Addr, address - start);
  const end = code && decoder.decode(code, start as Addr).at(-1);
  return end !== undefined && end.flow === 'return' && end.address + end.lengthBytes === address;
}

const MAX_UNSIZED_BYTES = 1024;

/** Padding is looked for this far behind a function, at most. */
const MAX_PADDING_BYTES = 16;

/** Where the next thing after a function begins, as far as its padding can matter. */
function nextSymbol(module: LoadedModule, entry: Addr, sizeBytes: number): Addr {
  const end = entry + sizeBytes;
  const limit = end + MAX_PADDING_BYTES;
  if (!contains(module.range, entry)) return end as Addr;
  for (let at = end; at < limit; at++) {
    if (
      module.file
        .symbols()
        .findAddress(fileAddress(module, at as Addr))
        .some((symbol) => symbol.value + module.bias === at)
    ) {
      return at as Addr;
    }
  }
  return Math.min(limit, module.range.end) as Addr;
}
