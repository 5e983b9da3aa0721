/**
 * From prepared units to a live generation: layout, reserve, link, plan, publish, and the record
 * of it. The ledger is written before and after the entries change, so that whoever comes after a
 * killed hcr knows what was under way.
 */
import type { Decoder } from '../arch/decoder.js';
import { type Addr, type AddrRange, hex, rangeAt } from '../core/address.js';
import {
  type Body,
  type GenerationRecord,
  type Ledger,
  bodiesAt,
  nextGeneration,
  sharingBetween,
} from '../patch/ledger.js';
import type { LinkedPart } from '../link/link.js';
import type { NewNames } from '../link/new-names.js';
import { writesBetween } from '../patch/plan.js';
import type { ProcessImage } from './observe.js';
import { idleHazards, liveRange, whenIdleHazards } from './idle-hazards.js';
import type { WantedUnit } from './locate.js';
import { placeLines } from './place-lines.js';
import { placeUnits } from './place-units.js';
import type { PlacedUnit } from './placed-unit.js';
import type { PreparedUnit } from './prepare-unit.js';
import { publishRecorded } from './publish-recorded.js';
import { bodiesOf, variablesOf, withEntries } from './record-generation.js';
import { dataWritesOf, givenInitialisers } from './resets.js';
import type { HookNames, PatchedFunction, ReportProgress } from './report.js';
import type { Stopwatch } from './stopwatch.js';
import { planUnwinding } from './unwinding.js';

export interface PublishOptions {
  readonly dryRun: boolean;
  readonly timeoutMs: number;
  /** Wait until no thread is in any of the functions. */
  readonly whenIdle?: boolean;
}

export interface Published {
  readonly generation: number;
  readonly functions: readonly PatchedFunction[];
  readonly hooks?: HookNames;
  readonly notes: readonly string[];
  readonly pauseMicros: number;
}

/** @throws HcrError whatever linking and publishing throw; the target is then as it was, but for
 *  an area that may have been reserved */
export async function publishGeneration(
  image: ProcessImage,
  units: readonly PreparedUnit[],
  names: NewNames<WantedUnit>,
  options: PublishOptions,
  decoder: Decoder,
  watch: Stopwatch,
  onProgress: ReportProgress,
): Promise<Published> {
  const { target, store } = image;
  onProgress({ stage: 'link' });
  const number = nextGeneration(store.ledger);
  const placed = await watch.time('link', () =>
    placeUnits(image, units, names, decoder, options.dryRun),
  );
  const known = withEntries(image, store.ledger, placed, decoder);
  const unwinding = planUnwinding(image, placed, known, decoder, options.dryRun);
  const lines = options.dryRun ? [] : placeLines(image, placed, unwinding.taken);
  // Only now: finding room may have added an area.
  const before = store.ledger;
  const bodies = placed.flatMap((unit) => bodiesOf(image, unit));
  const { entries, unwinders } = unwinding;
  const initialisers = givenInitialisers(image, placed, number);
  const generation: GenerationRecord = {
    number,
    parent: before.current,
    publishedAt: new Date().toISOString(),
    bodies,
    blocks: [...placed.flatMap((unit) => unit.blocks), ...lines.flatMap(({ blocks }) => blocks)],
    variables: placed.flatMap((unit) => variablesOf(unit)),
    shared: placed.flatMap(({ prepared }) => prepared.shared),
    ...(initialisers.length === 0 ? {} : { initialisers }),
    frameIndexes: placed.map((unit) => unit.image.frameIndex),
    lineTables: lines.map(({ part: { start, bytes } }) => rangeAt(start, bytes.length)),
    retired: false,
  };
  const generations = [...before.generations, generation];
  const planned: Ledger = { ...before, entries, unwinders, generations };
  const from = bodiesAt(before, before.current);
  const to = bodiesAt(planned, number);
  const writes = [...unwinding.writes, ...writesBetween(entries, from, to, target.machine.jumps)];
  const functions = reportFunctions(placed);
  if (options.dryRun) return { generation: before.current, functions, notes: [], pauseMicros: 0 };

  onProgress({ stage: 'publish' });
  return await watch.time('publish', async () => {
    upload(image, [
      ...placed.flatMap((unit) => unit.image.parts),
      ...lines.map(({ part }) => part),
      ...unwinding.uploads,
    ]);
    // With --when-idle it is known that none is, whatever dead words are left on stacks.
    const watched = placed.flatMap((unit) =>
      options.whenIdle === true ? [] : unit.prepared.roots.map((root) => liveRange(root, from)),
    );
    const data = dataWritesOf(placed);
    const hazards = [
      ...unwinding.hazards,
      ...idleHazards(image, planned, sharingBetween(planned, before.current, number)),
      ...(options.whenIdle === true
        ? whenIdleHazards(image, planned, new Set(bodies.map(({ entry }) => entry)))
        : []),
    ];
    const transition = { before, planned, to: number, created: true, writes, data, hazards };
    const result = await publishRecorded(image, transition, watched, options.timeoutMs, onProgress);
    const { hooks, pauseMicros } = result;
    const notes = [...activeNotes(placed, result.active, from), ...result.notes];
    return {
      generation: number,
      functions,
      ...(hooks === undefined ? {} : { hooks }),
      notes,
      pauseMicros,
    };
  });
}

/** Puts the new code and data where they belong. Nothing leads there yet, so the target runs on. */
function upload(image: ProcessImage, parts: readonly LinkedPart[]): void {
  const { memory } = image.target;
  for (const { part, start, bytes } of parts) {
    if (part === 'data') memory.writeData(start, bytes);
    else memory.writeProtected(start, bytes);
  }
}

function reportFunctions(placed: readonly PlacedUnit[]): PatchedFunction[] {
  return placed.flatMap(({ prepared, image: linked }) =>
    prepared.roots.map(({ fn, live, reason, source, label, why, diff }) => ({
      name: fn.name,
      ...(label === undefined ? {} : { label }),
      module: prepared.wanted.module.path,
      entry: hex(live.address),
      body: hex(linked.addressOf(fn) ?? live.address),
      ...(source === undefined ? {} : { source }),
      reason: reason === 'new' ? 'changed' : reason,
      ...(why === undefined ? {} : { why }),
      ...(diff === undefined ? {} : { diff }),
    })),
  );
}

/** Old code that a thread is still in goes on until it returns: people wonder why nothing changed. */
function activeNotes(
  placed: readonly PlacedUnit[],
  active: readonly AddrRange[],
  from: ReadonlyMap<Addr, Body>,
): string[] {
  const names = placed.flatMap(({ prepared }) =>
    prepared.roots
      .filter((root) => active.some((range) => range.start === liveRange(root, from).start))
      .map(({ fn, label }) => label ?? fn.name),
  );
  if (names.length === 0) return [];
  return [
    `${names.join(', ')}: a thread is still in the old code and finishes there; the next call runs the new one.`,
  ];
}
