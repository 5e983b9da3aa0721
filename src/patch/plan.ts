/** What has to be written to get from one generation to another. Pure. */
import type { Jumps } from '../arch/jumps.js';
import type { Addr } from '../core/address.js';
import { type Body, type CodeWrite, type EntryRecord, type Ledger, bodiesAt } from './ledger.js';
import { redirectBytes } from './redirect.js';

/** The bytes of each place of an entry while `body` is live; the original ones without a body, and
 *  while a function that a patch brought has its first one, which is at the entry.
 *  @throws HcrError `out-of-reach` */
export function entryBytes(
  entry: EntryRecord,
  body: Pick<Body, 'target'> | undefined,
  jumps: Jumps,
): readonly Uint8Array[] {
  if (body === undefined || body.target === entry.entry)
    return entry.originals.map(({ bytes }) => bytes);
  const places = entry.originals.map(({ address, bytes }) => ({
    address,
    sizeBytes: bytes.length,
  }));
  return redirectBytes(
    { kind: places.length > 1 ? 'island' : 'near', places },
    entry.name,
    body.target,
    jumps,
  );
}

/**
 * The writes between two states, each given by the body that every entry leads to.
 *
 * The order keeps each entry whole at every step: an island is written before the jump that leads
 * to it, and given back after.
 * @throws HcrError `out-of-reach`
 */
export function writesBetween(
  entries: readonly EntryRecord[],
  from: ReadonlyMap<Addr, Pick<Body, 'target'>>,
  to: ReadonlyMap<Addr, Pick<Body, 'target'>>,
  jumps: Jumps,
): CodeWrite[] {
  const writes: CodeWrite[] = [];
  for (const entry of entries) {
    const [before, after] = [redirectOf(entry, from), redirectOf(entry, to)];
    if (before?.target === after?.target) continue;
    const old = entryBytes(entry, before, jumps);
    const now = entryBytes(entry, after, jumps);
    const steps = entry.originals.map(({ address }, i) => ({
      address,
      before: old[i] ?? new Uint8Array(),
      after: now[i] ?? new Uint8Array(),
    }));
    if (after === undefined) steps.reverse();
    writes.push(...steps.filter((step) => !equal(step.before, step.after)));
  }
  return writes;
}

/** Undefined while an entry has its own code. */
function redirectOf(
  { entry }: EntryRecord,
  bodies: ReadonlyMap<Addr, Pick<Body, 'target'>>,
): Pick<Body, 'target'> | undefined {
  const body = bodies.get(entry);
  return body?.target === entry ? undefined : body;
}

/** The writes that bring generation `to` back, from the one that is live. */
export function writesTo(ledger: Ledger, to: number, jumps: Jumps): CodeWrite[] {
  return writesBetween(
    ledger.entries,
    bodiesAt(ledger, ledger.current),
    bodiesAt(ledger, to),
    jumps,
  );
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
