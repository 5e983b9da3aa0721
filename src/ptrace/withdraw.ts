/** Ends the tracing of a program that runs on. */
import { TargetProcess } from './process.js';
import { StoppedWorld } from './stopped-world.js';
import type { Supervisor } from './supervisor.js';
import { MomentaryTracing, type Tracing } from './tracing.js';
import { libc } from './libc.js';

const STOP_MS = 1000;

/** Stops all threads for a moment, as a patch does, and detaches from them instead of letting them go
 *  on traced. No thread may stand at a fatal signal.
 *  @throws HcrError `target-exited`, `busy`; the program is traced then as before */
export function withdraw(supervisor: Supervisor): void {
  const momentary = new MomentaryTracing(libc());
  let isLeaving = false;
  const leaving: Tracing = {
    isStanding: false,
    reserve: () => undefined,
    acquire: (tid) => supervisor.acquire(tid),
    awaitSignal: (tracee, signal) => momentary.awaitSignal(tracee, signal),
    pass: (tracee) => {
      momentary.pass(tracee);
    },
    release: (tracees, prepare) => {
      // Where not all have stopped, all of them stay traced.
      if (isLeaving) momentary.release(tracees, prepare);
      else supervisor.release(tracees);
    },
    awaitLate: (deadlineMs) => momentary.awaitLate(deadlineMs),
  };
  using target = TargetProcess.open(supervisor.pid, leaving);
  using world = new StoppedWorld(target);
  world.stop(performance.now() + STOP_MS);
  isLeaving = true;
  supervisor[Symbol.dispose]();
}
