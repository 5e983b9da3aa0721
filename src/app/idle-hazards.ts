/**
 * Functions that hand each other data of a type whose layout changes. An old frame of one that
 * calls another would hand old data to new code, so no such frame may be left.
 */
import { type Addr, type AddrRange, offsetBy } from '../core/address.js';
import type { LiveUnit } from '../link/live-unit.js';
import type { Body } from '../patch/ledger.js';
import type { Hazard } from '../patch/safety.js';
import type { PreparedUnit } from './prepare-unit.js';
import type { PatchRoot } from './select-roots.js';

/** @param bodies those that run now */
export function idleHazards(
  { idle, live }: PreparedUnit,
  bodies: ReadonlyMap<Addr, Body>,
): Hazard[] {
  return idle.flatMap((root) => {
    const { name } = root.fn;
    const cold = bodies.get(root.live.address)?.cold ?? originalColdParts(live, name);
    return [liveRange(root, bodies), ...cold].map((range) => ({
      range,
      function: name,
      why: 'shares-data' as const,
    }));
  });
}

/** The code that runs for a function now: its body, or the original. */
export function liveRange(root: PatchRoot, bodies: ReadonlyMap<Addr, Body>): AddrRange {
  const body = bodies.get(root.live.address);
  const start = body?.start ?? root.live.address;
  return { start, end: offsetBy(start, body?.sizeBytes ?? root.live.sizeBytes) };
}

function originalColdParts({ functions }: LiveUnit, name: string): AddrRange[] {
  const part = functions.get(`${name}.cold`);
  return part === undefined
    ? []
    : [{ start: part.address, end: offsetBy(part.address, part.sizeBytes) }];
}
