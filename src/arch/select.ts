/** The machines that hcr can patch: one line each. */
import type { Machine } from './arch.js';
import { x8664 } from './x86-64/machine.js';

const MACHINES: readonly Machine[] = [x8664];

/** The machine of an ELF file, by its `e_machine`. */
export function machineFor(elfMachine: number): Machine | undefined {
  return MACHINES.find((machine) => machine.elfMachine === elfMachine);
}

/** A machine by its {@link Machine.name}. */
export function machineNamed(name: string): Machine | undefined {
  return MACHINES.find((machine) => machine.name === name);
}
