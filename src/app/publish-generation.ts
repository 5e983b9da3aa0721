/**
 * From prepared units to a live generation: layout, reserve, link, plan, publish, and the record
 * of it. The ledger is written before and after the entries change, so that whoever comes after a
 * killed hcr knows what was under way.
 */
import type { Decoder, RegisterSet } from '../arch/arch.js';
import { type Addr, type AddrRange, contains, hex, offsetBy } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { type LoadedModule, fileAddress, isFixedAddress } from '../elf/loaded-module.js';
import { variableKey } from '../link/bind.js';
import { type Layout, layOut } from '../link/layout.js';
import { isCompilerMade } from '../link/live-unit.js';
import { type LinkedImage, type PartStarts, linkAt } from '../link/link.js';
import { type ObjectFunction, datumKind, isCode, objectsIn } from '../link/object-unit.js';
import { allocateIn, blocksInUse } from '../patch/allocation.js';
import { fingerprintOf } from '../patch/fingerprint.js';
import {
  type Block,
  type Body,
  type EntryRecord,
  type GenerationRecord,
  type Ledger,
  type NewVariable,
  bodiesAt,
  nextGeneration,
} from '../patch/ledger.js';
import { OriginalMemory } from '../patch/original-memory.js';
import { writesBetween } from '../patch/plan.js';
import { branchesBackInto, chooseRedirect } from '../patch/redirect.js';
import { hazardsOf } from '../patch/safety.js';
import { planArea, reserveArea, windowAround } from '../ptrace/patch-area.js';
import { publishWrites } from '../ptrace/publish.js';
import type { ProcessImage } from './observe.js';
import type { PatchRoot, PreparedUnit } from './prepare-unit.js';
import type { PatchedFunction, ReportProgress } from './report.js';
import type { Stopwatch } from './stopwatch.js';

export interface PublishOptions {
  readonly dryRun: boolean;
  readonly timeoutMs: number;
}

export interface Published {
  readonly generation: number;
  readonly functions: readonly PatchedFunction[];
  readonly notes: readonly string[];
  readonly pauseMicros: number;
}

interface PlacedUnit {
  readonly prepared: PreparedUnit;
  readonly layout: Layout;
  readonly image: LinkedImage;
  readonly blocks: readonly Block[];
}

/** @throws HcrError whatever linking and publishing throw; the target is then as it was, but for
 *  an area that may have been reserved */
export async function publishGeneration(
  image: ProcessImage,
  units: readonly PreparedUnit[],
  options: PublishOptions,
  decoder: Decoder,
  watch: Stopwatch,
  onProgress: ReportProgress,
): Promise<Published> {
  const { target, store } = image;
  onProgress({ stage: 'link' });
  const number = nextGeneration(store.ledger);
  const placed = await watch.time('link', () => placeAll(image, units, options.dryRun));
  const before = store.ledger;
  const bodies = placed.flatMap((unit) => bodiesOf(image, unit));
  const entries = withEntries(image, before, placed, decoder);
  const generation: GenerationRecord = {
    number,
    parent: before.current,
    publishedAt: new Date().toISOString(),
    bodies,
    blocks: placed.flatMap((unit) => unit.blocks),
    variables: placed.flatMap((unit) => variablesOf(unit)),
    retired: false,
  };
  const planned: Ledger = { ...before, entries, generations: [...before.generations, generation] };
  const from = bodiesAt(before, before.current);
  const to = bodiesAt(planned, number);
  const writes = writesBetween(entries, from, to, target.machine.jumps);
  const functions = reportFunctions(placed);
  if (options.dryRun) return { generation: before.current, functions, notes: [], pauseMicros: 0 };

  onProgress({ stage: 'publish' });
  return await watch.time('publish', async () => {
    upload(image, placed);
    store.save({ ...planned, pending: { from: before.current, to: number, writes, created: true } });
    const watched = placed.flatMap((unit) => unit.prepared.roots.map((root) => liveRange(root, from)));
    let result;
    try {
      const hazards = hazardsOf(writes, entries);
      result = await publishWrites(target, writes, hazards, options.timeoutMs, watched, (reason) => {
        onProgress({ stage: 'waiting', reason });
      });
    } catch (error) {
      if (!isGone(error)) store.save(before);
      throw error;
    }
    store.save({ ...planned, current: number });
    const notes = activeNotes(placed, result.active, from);
    return { generation: number, functions, notes, pauseMicros: result.pauseMicros };
  });
}

function isGone(error: unknown): boolean {
  return error instanceof HcrError && (error.code === 'target-exited' || error.code === 'target-replaced');
}

// ---------------------------------------------------------------------------------------------
// Layout, reserve, link

const NO_REGISTERS: RegisterSet = 0n;

function placeAll(image: ProcessImage, units: readonly PreparedUnit[], dryRun: boolean): PlacedUnit[] {
  const placed: PlacedUnit[] = [];
  for (const prepared of units) {
    const { machine } = image.target;
    const roots = prepared.roots.map(({ fn, live }) => ({ fn, entry: live.address, keep: NO_REGISTERS }));
    const layout = layOut(roots, prepared.edited.unit, prepared.binder, machine);
    const taken = placed.flatMap((unit) => unit.blocks);
    const blocks = allocate(image, prepared.wanted.module, layout, taken, dryRun);
    const starts: PartStarts = Object.fromEntries(blocks.map((block) => [block.part, block.start]));
    placed.push({ prepared, layout, blocks, image: linkAt(layout, starts, machine) });
  }
  return placed;
}

/** Finds room in an area that the module reaches, or reserves one. A dry run only looks where it
 *  would be. */
function allocate(image: ProcessImage, module: LoadedModule, layout: Layout, taken: readonly Block[], dryRun: boolean): Block[] {
  const { target, store } = image;
  const window = windowAround(module.range, target.machine.jumps.nearReachBytes, isFixedAddress(module));
  const used = [...blocksInUse(store.ledger), ...taken];
  for (const area of store.ledger.areas) {
    const end = offsetBy(area.start, area.sizeBytes);
    if (!contains(window.reach, area.start) || end > window.reach.end) continue;
    const blocks = allocateIn(area, used, layout);
    if (blocks !== undefined) return blocks;
  }
  const area = dryRun ? planArea(target, window, layout.sizeBytes) : reserveArea(target, window, layout.sizeBytes, store.abandoned);
  if (!dryRun) store.save({ ...store.ledger, areas: [...store.ledger.areas, area] });
  const blocks = allocateIn(area, used, layout);
  if (blocks === undefined) throw new HcrError({ code: 'out-of-memory', detail: 'a new patch area is too small' });
  return blocks;
}

/** Puts the new code and data where they belong. Nothing leads there yet, so the target runs on. */
function upload(image: ProcessImage, placed: readonly PlacedUnit[]): void {
  const { memory } = image.target;
  for (const { part, start, bytes } of placed.flatMap((unit) => unit.image.parts)) {
    if (part === 'data') memory.writeData(start, bytes);
    else memory.writeProtected(start, bytes);
  }
}

// ---------------------------------------------------------------------------------------------
// The record

function bodiesOf(image: ProcessImage, { prepared, layout, image: linked }: PlacedUnit): Body[] {
  const { edited, binder, wanted } = prepared;
  const body = (fn: ObjectFunction, entry: Addr, start: Addr, root: PatchRoot | undefined): Body => ({
    name: root === undefined ? binder.functionKey(fn) : fn.name,
    module: wanted.module.path,
    ...(root?.source === undefined ? {} : { source: root.source }),
    entry,
    start,
    sizeBytes: fn.sizeBytes,
    fingerprint: fingerprintOf(fn, edited.unit, binder, image.target.machine),
    reason: root?.reason ?? 'new',
  });
  const bodies: Body[] = [];
  for (const fn of edited.unit.functions) {
    const start = linked.targetOf(fn);
    if (start === undefined || !layout.sections.has(fn.section)) continue;
    const root = prepared.roots.find((candidate) => candidate.fn === fn);
    if (root !== undefined) bodies.push(body(fn, root.live.address, start, root));
    else if (binder.liveEntry(fn) === undefined && !isCompilerMade(fn.name)) bodies.push(body(fn, start, start, undefined));
  }
  return bodies;
}

/** New writable variables, so that later generations find them. */
function variablesOf({ prepared, layout, image: linked }: PlacedUnit): NewVariable[] {
  const { edited, wanted, live } = prepared;
  const { unit } = edited;
  const variables: NewVariable[] = [];
  for (const section of layout.sections.keys()) {
    if (isCode(section) || datumKind(section) !== 'writable') continue;
    for (const symbol of objectsIn(unit.object, section)) {
      const start = linked.addressInSection(section, symbol.value);
      if (start === undefined) continue;
      const key = variableKey(live.name, symbol, unit.scopedName(section, symbol.value));
      variables.push({ module: wanted.module.path, key, start, sizeBytes: symbol.sizeBytes });
    }
  }
  return variables;
}

/** The entries of the ledger, with those that are redirected for the first time. */
function withEntries(image: ProcessImage, ledger: Ledger, placed: readonly PlacedUnit[], decoder: Decoder): EntryRecord[] {
  const entries = [...ledger.entries];
  for (const { prepared } of placed) {
    for (const { live, fn } of prepared.roots) {
      if (entries.some((entry) => entry.entry === live.address)) continue;
      entries.push(newEntry(image, prepared, { name: fn.name, entry: live.address, sizeBytes: live.sizeBytes }, entries, decoder));
    }
  }
  return entries;
}

function newEntry(
  image: ProcessImage,
  prepared: PreparedUnit,
  site: { readonly name: string; readonly entry: Addr; readonly sizeBytes: number },
  entries: readonly EntryRecord[],
  decoder: Decoder,
): EntryRecord {
  const { machine, memory } = image.target;
  const { module } = prepared.wanted;
  const original = new OriginalMemory(memory, entries);
  const limit = nextSymbol(module, site.entry, site.sizeBytes);
  const isTaken = (start: Addr, sizeBytes: number): boolean =>
    entries.some(({ originals }) =>
      originals.some(({ address, bytes }) => start < address + bytes.length && address < start + sizeBytes),
    );
  const places = chooseRedirect({ ...site, limit }, machine.jumps, machine.pageBytes, original, isTaken);
  return {
    ...site,
    module: module.path,
    originals: places.places.map(({ address, sizeBytes }) => ({ address, bytes: original.read(address, sizeBytes) })),
    branchesBack: branchesBackInto(original.read(site.entry, site.sizeBytes), site.entry, places, decoder),
  };
}

/** Padding is looked for this far behind a function, at most. */
const MAX_PADDING_BYTES = 16;

/** Where the next thing after a function begins, as far as its padding can matter. */
function nextSymbol(module: LoadedModule, entry: Addr, sizeBytes: number): Addr {
  const end = entry + sizeBytes;
  const limit = end + MAX_PADDING_BYTES;
  if (!contains(module.range, entry)) return end as Addr;
  for (let at = end; at < limit; at++) {
    if (module.file.symbols().findAddress(fileAddress(module, at as Addr)).some((symbol) => symbol.value + module.bias === at)) {
      return at as Addr;
    }
  }
  return Math.min(limit, module.range.end) as Addr;
}

// ---------------------------------------------------------------------------------------------
// What the user is told

function reportFunctions(placed: readonly PlacedUnit[]): PatchedFunction[] {
  return placed.flatMap(({ prepared, image: linked }) =>
    prepared.roots.map(({ fn, live, reason, source }) => ({
      name: fn.name,
      module: prepared.wanted.module.path,
      entry: hex(live.address),
      body: hex(linked.targetOf(fn) ?? live.address),
      ...(source === undefined ? {} : { source }),
      reason: reason === 'new' ? 'changed' : reason,
    })),
  );
}

/** The code that runs for a function now: its body, or the original. */
function liveRange(root: PatchRoot, bodies: ReadonlyMap<Addr, Body>): AddrRange {
  const body = bodies.get(root.live.address);
  const start = body?.start ?? root.live.address;
  return { start, end: offsetBy(start, body?.sizeBytes ?? root.live.sizeBytes) };
}

/** Old code that a thread is still in goes on until it returns: people wonder why nothing changed. */
function activeNotes(placed: readonly PlacedUnit[], active: readonly AddrRange[], from: ReadonlyMap<Addr, Body>): string[] {
  const names = placed.flatMap(({ prepared }) =>
    prepared.roots
      .filter((root) => active.some((range) => range.start === liveRange(root, from).start))
      .map(({ fn }) => fn.name),
  );
  if (names.length === 0) return [];
  return [`${names.join(', ')}: a thread is still in the old code and finishes there; the next call runs the new one.`];
}
