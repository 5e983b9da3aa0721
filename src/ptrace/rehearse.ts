/**
 * Runs the stop of a publication several times on a process of hcr's own.
 *
 * A JavaScript engine runs code slowly at first: the first stop would take ten times as long as the
 * eighth, with the target standing still meanwhile. So there is a rehearsal: while the compiler runs,
 * where it costs nobody any time, or else right before the first publication.
 */
import { constants } from 'node:os';
import { offsetBy, pid as toPid } from '../core/address.js';
import type { Hazard } from '../patch/safety.js';
import { libc } from './libc.js';
import { TargetProcess } from './process.js';
import { publishWrites } from './publish.js';
import { WAIT } from './requests.js';
import { startProgram } from './start-program.js';

/** It ends when this many in a row were no faster than the best before them. */
const NO_FASTER = 2;
const MAX_REHEARSALS = 12;
/** Killed when the rehearsal is over; ends by itself soon after an hcr that was killed meanwhile. */
const STAND_IN = ['sleep', '2'] as const;

let rehearsed = false;

/** Once is enough for a process of hcr. Never fails: a target that cannot be traced is found out when
 *  it is the real one. */
export async function rehearsePublication(): Promise<void> {
  if (rehearsed) return;
  const calls = libc();
  const child = startProgram(STAND_IN[0], STAND_IN, process.env);
  if (child <= 0) return;
  try {
    using target = TargetProcess.open(toPid(child));
    const code = target.maps().find((mapping) => mapping.executable && mapping.inode !== 0);
    if (code === undefined) return;
    const bytes = target.memory.read(code.start, 5);
    const writes = [{ address: code.start, before: bytes, after: bytes }];
    // No thread is there, so that the whole stack is searched.
    const hazard: Hazard = {
      range: { start: offsetBy(code.start, 1), end: offsetBy(code.start, 5) },
      function: '',
      why: 'overwritten',
    };
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0, noFaster = 0; i < MAX_REHEARSALS && noFaster < NO_FASTER; i++) {
      const { pauseMicros } = await publishWrites(target, {
        writes,
        hazards: [hazard],
        timeoutMs: 0,
      });
      noFaster = pauseMicros < best ? 0 : noFaster + 1;
      best = Math.min(best, pauseMicros);
    }
    rehearsed = true;
  } catch {
    // See above.
  } finally {
    calls.kill(child, constants.signals.SIGKILL);
    while (calls.waitpid(child, WAIT.NOHANG | WAIT.ALL) === undefined) calls.sleepMicros(50);
  }
}
