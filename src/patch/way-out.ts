/**
 * Where a thread will be when it has left the code that is in the way: where the outermost frame of
 * such code returns to.
 */
import { type Addr, contains } from '../core/address.js';
import type { Frame, Trace } from '../dwarf/unwind.js';
import { type Hazard, returnRange } from './safety.js';

export interface WayOut {
  /** The next instruction outside. */
  readonly address: Addr;
  /** The stack pointer there. A deeper call of the same function returns to the address as well,
   *  with a lower one. */
  readonly stackPointer: Addr;
  /** False for what a signal has interrupted, perhaps on another stack. */
  readonly isReturn: boolean;
}

/** Undefined for a thread that no frame shows in a hazard, or that does not come back from it. */
export function findWayOut({ frames }: Trace, hazards: readonly Hazard[]): WayOut | undefined {
  const outermost = frames.findLastIndex((frame) => isInHazard(frame, hazards));
  const next = outermost < 0 ? undefined : frames[outermost + 1];
  return (
    next && {
      address: next.pc,
      stackPointer: next.stackPointer,
      isReturn: next.kind === 'caller',
    }
  );
}

function isInHazard({ pc, kind }: Frame, hazards: readonly Hazard[]): boolean {
  return hazards.some((hazard) =>
    contains(kind === 'caller' ? returnRange(hazard) : hazard.range, pc),
  );
}

/** Whether a thread at the address of its way out has come to it. */
export function hasComeOut(way: WayOut, stackPointer: number): boolean {
  return way.isReturn ? stackPointer >= way.stackPointer : stackPointer === way.stackPointer;
}
