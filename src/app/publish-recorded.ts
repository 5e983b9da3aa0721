/**
 * A publication with its record: the ledger is written before and after the entries change, so that
 * whoever comes after a killed hcr knows what was under way.
 */
import type { AddrRange } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { CodeWrite, Ledger } from '../patch/ledger.js';
import { equal } from '../patch/plan.js';
import { type Hazard, hazardsOf } from '../patch/safety.js';
import { assertCode } from '../ptrace/assert-code.js';
import { type Publication, publishWrites } from '../ptrace/publish.js';
import { rehearsePublication } from '../ptrace/rehearse.js';
import { backtracerOf } from './backtrace.js';
import type { ProcessImage } from './observe.js';
import type { ReportProgress } from './report.js';

export interface Transition {
  /** The record without the publication; its `current` is where it starts from. */
  readonly before: Ledger;
  /** The record with all that the publication needs, still at the same `current`. */
  readonly planned: Ledger;
  readonly to: number;
  /** True when generation `to` is new. */
  readonly created: boolean;
  readonly writes: readonly CodeWrite[];
  /** Places, besides those written to, that no thread may be in. */
  readonly hazards: readonly Hazard[];
}

/** @param watched functions of which to tell whether a thread was in them
 *  @throws HcrError those of `publishWrites`; the record then says what memory says */
export async function publishRecorded(
  image: ProcessImage,
  { before, planned, to, created, writes, hazards: further }: Transition,
  watched: readonly AddrRange[],
  timeoutMs: number,
  onProgress: ReportProgress,
): Promise<Publication> {
  const { store, target } = image;
  assertCode(target, writes);
  await rehearsePublication();
  store.save({ ...planned, pending: { from: before.current, to, writes, created } });
  const hazards = [...further, ...hazardsOf(writes, planned.entries)];
  const onWait = (reason: string): void => {
    onProgress({ stage: 'waiting', reason });
  };
  const backtracer = backtracerOf(image);
  const request = { writes, hazards, timeoutMs, watched, backtracer, onWait };
  let published: Publication;
  try {
    published = await publishWrites(target, request);
  } catch (error) {
    // What is made or half made stays pending, for the next hcr to complete or to take back.
    if (!hasEnded(error) && !writes.some((write) => isMade(image, write))) store.save(before);
    throw error;
  }
  store.save({ ...planned, current: to });
  return published;
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
