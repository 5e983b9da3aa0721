/**
 * What an hcr that was killed in the middle left behind: a publication that has begun. Its writes
 * are looked up in memory; when all are made it is completed, when none is it is dropped, and when
 * some are they are taken back.
 */
import { HcrError } from '../core/failure.js';
import type { CodeWrite, Ledger, Pending } from '../patch/ledger.js';
import { equal } from '../patch/plan.js';
import { hazardsOf } from '../patch/safety.js';
import { assertCode } from '../ptrace/assert-code.js';
import { publishWrites } from '../ptrace/publish.js';
import { backtracerOf } from './backtrace.js';
import type { ProcessImage } from './observe.js';

type State = 'made' | 'not-made';

/** How far an interrupted publication came; undefined when there is none. */
export function interruptedState(image: ProcessImage): State | 'partly-made' | undefined {
  const { pending } = image.store.ledger;
  if (pending === undefined) return undefined;
  const states = new Set(pending.writes.map((write) => stateOf(image, write)));
  if (states.size > 1) return 'partly-made';
  return states.has('made') ? 'made' : 'not-made';
}

function stateOf(image: ProcessImage, write: CodeWrite): State {
  const found = image.target.memory.read(write.address, write.before.length);
  if (equal(found, write.after)) return 'made';
  if (equal(found, write.before)) return 'not-made';
  throw new HcrError({
    code: 'ledger-corrupt',
    pid: image.target.pid,
    detail: `an interrupted patch left bytes at 0x${write.address.toString(16)} that it cannot have written`,
  });
}

/** Completes or undoes an interrupted publication.
 *  @returns what was done, for the user
 *  @throws HcrError `busy`, `ledger-corrupt` */
export async function completeInterrupted(
  image: ProcessImage,
  timeoutMs: number,
): Promise<string[]> {
  const { store, target } = image;
  const { ledger } = store;
  const { pending } = ledger;
  const state = interruptedState(image);
  if (pending === undefined || state === undefined) return [];
  switch (state) {
    case 'made':
      store.save(settled(ledger, pending.to));
      return [
        `An earlier hcr was killed just after it published generation ${pending.to}; that is on record now.`,
      ];
    case 'not-made':
      store.save(withoutPending(ledger, pending));
      return [
        `An earlier hcr was killed before it published generation ${pending.to}; nothing of it was live.`,
      ];
    case 'partly-made': {
      const undo = pending.writes
        .filter((write) => stateOf(image, write) === 'made' && !staysMade(ledger, write))
        .map(({ address, before, after }) => ({ address, before: after, after: before }))
        .reverse();
      assertCode(target, undo);
      const hazards = hazardsOf(undo, ledger.entries);
      const backtracer = backtracerOf(image);
      await publishWrites(target, { writes: undo, hazards, timeoutMs, backtracer });
      // Its bodies may have been entered meanwhile: the record keeps their memory.
      store.save(settled(ledger, pending.from));
      return [
        `An earlier hcr was killed while it published generation ${pending.to}; it was taken back.`,
      ];
    }
  }
}

/** Unwinders go on searching hcr's index: frames of the bodies may be on a stack. */
function staysMade({ unwinders, entries }: Ledger, { address }: CodeWrite): boolean {
  return unwinders.some(
    ({ entry, slot }) =>
      slot === address ||
      entries.some(
        (record) =>
          record.entry === entry && record.originals.some((place) => place.address === address),
      ),
  );
}

function settled(ledger: Ledger, current: number): Ledger {
  const { pending: _, ...rest } = ledger;
  return { ...rest, current };
}

function withoutPending(ledger: Ledger, pending: Pending): Ledger {
  const generations = pending.created
    ? ledger.generations.filter((generation) => generation.number !== pending.to)
    : ledger.generations;
  return settled({ ...ledger, generations }, ledger.current);
}
