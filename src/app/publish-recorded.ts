/**
 * A publication with its record: the ledger is written before and after the entries change, so that
 * whoever comes after a killed hcr knows what was under way.
 */
import type { AddrRange } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { type CodeWrite, type Ledger, entriesBetween } from '../patch/ledger.js';
import { equal } from '../patch/plan.js';
import { type Hazard, hazardsOf } from '../patch/safety.js';
import { assertCode } from '../ptrace/assert-code.js';
import type { DataWrite } from '../ptrace/data-writer.js';
import { type Publication, publishWrites } from '../ptrace/publish.js';
import { rehearsePublication } from '../ptrace/rehearse.js';
import { backtracerOf } from './backtrace.js';
import { HookCalls } from './call-hooks.js';
import { whenIdleHazards } from './idle-hazards.js';
import type { ProcessImage } from './observe.js';
import type { HookNames, ReportProgress } from './report.js';

export interface Transition {
  /** The record without the publication; its `current` is where it starts from. */
  readonly before: Ledger;
  /** The record with all that the publication needs, still at the same `current`. */
  readonly planned: Ledger;
  readonly to: number;
  /** True when generation `to` is new. */
  readonly created: boolean;
  readonly writes: readonly CodeWrite[];
  /** New values of variables. */
  readonly data?: readonly DataWrite[];
  /** Places, besides those written to, that no thread may be in. */
  readonly hazards: readonly Hazard[];
}

export interface RecordedPublication extends Publication {
  readonly hooks: HookNames | undefined;
  /** Of hooks. */
  readonly notes: readonly string[];
}

/** @param watched functions of which to tell whether a thread was in them
 *  @throws HcrError `hook-failed` and those of `publishWrites`; the record then says what memory says */
export async function publishRecorded(
  image: ProcessImage,
  { before, planned, to, created, writes, data = [], hazards: further }: Transition,
  watched: readonly AddrRange[],
  timeoutMs: number,
  onProgress: ReportProgress,
): Promise<RecordedPublication> {
  const { store, target } = image;
  assertCode(target, writes);
  await rehearsePublication();
  const changing = (): AddrRange[] => {
    const entries = entriesBetween(planned, before.current, to);
    return whenIdleHazards(image, planned, entries).map(({ range }) => range);
  };
  const hooks = new HookCalls(image, changing, timeoutMs, onProgress);
  await hooks.before(to);
  store.save({ ...planned, pending: { from: before.current, to, writes, created } });
  const hazards = [...further, ...hazardsOf(writes, planned.entries)];
  const onWait = (reason: string): void => {
    onProgress({ stage: 'waiting', reason });
  };
  const backtracer = backtracerOf(image);
  const request = { writes, data, hazards, timeoutMs, watched, backtracer, onWait };
  let published: Publication;
  try {
    published = await publishWrites(target, request);
  } catch (error) {
    // What is made or half made stays pending, for the next hcr to complete or to take back.
    const isGone = hasEnded(error);
    const isUndone = !isGone && !writes.some((write) => isMade(image, write));
    if (isUndone) store.save(before);
    // They come in pairs.
    if (isUndone) await hooks.after(before.current);
    throw error;
  }
  store.save({ ...planned, current: to });
  const notes = [...hooks.notes, ...(await hooks.after(to))];
  return { ...published, hooks: hooks.report, notes };
}

function isMade({ target }: ProcessImage, { address, after }: CodeWrite): boolean {
  const found = target.memory.tryRead(address, after.length);
  return found !== undefined && equal(found, after);
}

function hasEnded(error: unknown): boolean {
  return (
    error instanceof HcrError &&
    (error.code === 'target-exited' || error.code === 'target-replaced')
  );
}
