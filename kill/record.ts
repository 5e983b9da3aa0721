/** What hcr's record says of the target, against what its code says. */
import { ProcessImage } from '../src/app/observe.js';
import { interruptedState } from '../src/app/recover.js';
import { readStatus } from '../src/app/status.js';
import { type Ledger, bodiesAt } from '../src/patch/ledger.js';
import type { CodeWatch, Lead } from './code.js';
import { Loss } from './health.js';
import type { Target } from './target.js';

/** How far an interrupted publication came. */
export type Left = 'nothing' | 'not-made' | 'partly-made' | 'made';

export interface RecordSeen {
  /** Whether there is a record at all. */
  readonly exists: boolean;
  readonly generation: number;
  /** Numbers of all that can be gone back to. */
  readonly kept: readonly number[];
  /** When each generation was made: a number is given again when nothing of it was live. */
  readonly madeAt: ReadonlyMap<number, string>;
  /** The generation of an interrupted publication; otherwise the live one. */
  readonly pendingTo: number;
  readonly left: Left;
  /** All parts lead to the code of the generation that is being published. */
  readonly isNew: boolean;
  /** Some parts lead to old code and some to new. */
  readonly isHalfPublished: boolean;
  /** Memory of hcr's that no record knows of. */
  readonly abandoned: number;
}

/** @throws Loss when the record is damaged, or does not tell what the code is */
export async function compareRecord(target: Target, code: CodeWatch): Promise<RecordSeen> {
  const { ledger, left, abandoned } = readRecord(target);
  const { pending } = ledger;
  const leads = code.leads();
  const before = leadsAt(ledger, ledger.current, code);
  const after = pending === undefined ? before : leadsAt(ledger, pending.to, code);
  leads.forEach((lead, part) => {
    if (lead !== before[part] && lead !== after[part])
      throw new Loss(
        `part ${part} leads to ${String(lead)}; the record has ${String(before[part])} at generation ${ledger.current}${pending === undefined ? '' : ` and ${String(after[part])} at ${pending.to}`} (${left})`,
      );
  });
  const isOld = leads.some((lead, part) => lead !== after[part]);
  const isNew = leads.some((lead, part) => lead !== before[part]);
  const isHalfPublished = isOld && isNew;
  if (isHalfPublished && left !== 'partly-made')
    throw new Loss(`half published, and the record takes it for ${left}`);
  if (!code.isRestAsBefore()) throw new Loss('code was changed beside the entries');
  const notes = left === 'nothing' ? [] : (await readStatus(target.pid)).notes;
  if (notes.some((note) => /was killed/.test(note)) !== (left !== 'nothing'))
    throw new Loss(`what was left is ${left}, and status says: ${notes.join(' ') || 'nothing'}`);
  return {
    exists: ledger.areas.length > 0,
    generation: ledger.current,
    kept: ledger.generations.filter(({ retired }) => !retired).map((kept) => kept.number),
    madeAt: new Map(ledger.generations.map(({ number, publishedAt }) => [number, publishedAt])),
    pendingTo: pending?.to ?? ledger.current,
    left,
    isNew: !isOld,
    isHalfPublished,
    abandoned,
  };
}

interface Reading {
  readonly ledger: Ledger;
  readonly left: Left;
  readonly abandoned: number;
}

function readRecord({ pid }: Target): Reading {
  try {
    using image = ProcessImage.of(pid);
    const { ledger, abandoned } = image.store;
    return { ledger, left: interruptedState(image) ?? 'nothing', abandoned: abandoned.length };
  } catch (error) {
    throw new Loss('the record cannot be read', { cause: error });
  }
}

function leadsAt(ledger: Ledger, generation: number, code: CodeWatch): Lead[] {
  const bodies = bodiesAt(ledger, generation);
  const byEntry = new Map([...bodies.values()].map((body) => [Number(body.entry), body]));
  return code.entries.map((entry) => {
    const target = byEntry.get(entry)?.target;
    return target === undefined ? 'original' : Number(target);
  });
}
