/** Whether what is about to be written is where code is. */
import { hex } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { CodeWrite } from '../patch/ledger.js';
import { findAreas } from './patch-area.js';
import type { TargetProcess } from './process.js';
import { mappingAt } from './procfs.js';

/**
 * Where to write is told by a record that the program can change. It never leads out of code and of
 * hcr's own memory: not to the program's data, not to a library that has taken the place of another.
 * @throws HcrError `ledger-corrupt`
 */
export function assertCode(target: TargetProcess, writes: readonly CodeWrite[]): void {
  if (writes.length === 0) return;
  const mappings = target.maps();
  const areas = findAreas(mappings);
  for (const { address, before } of writes) {
    const last = address + before.length - 1;
    const isIn = areas.some(({ start, end }) => address >= start && last < end);
    const isCode = [address, last].every((at) => mappingAt(mappings, at)?.executable === true);
    if (isIn || isCode) continue;
    throw new HcrError({
      code: 'ledger-corrupt',
      pid: target.pid,
      detail: `it says that code is at ${hex(address)}, where there is none`,
    });
  }
}
