/** `hcr doctor`: can this machine, or this process, be patched, and if not why. Nothing is changed. */
import { machineConditions } from './doctor-machine.js';
import { processConditions } from './doctor-process.js';
import type { DoctorReport } from './report.js';

/** @param pid without it, only the machine is looked at */
export async function diagnose(pid: number | undefined): Promise<DoctorReport> {
  const [machine, process] = await Promise.all([
    machineConditions(),
    pid === undefined ? [] : processConditions(pid),
  ]);
  const conditions = [...machine, ...process];
  return {
    ...(pid === undefined ? {} : { pid }),
    patchable: conditions.every(({ state }) => state !== 'failed'),
    conditions,
  };
}
