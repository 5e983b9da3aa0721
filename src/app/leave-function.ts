/** Takes a stopped thread out of a function: back to its caller, or to the start of the same call. */
import type { Machine } from '../arch/arch.js';
import type { Addr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { FrameRegisters } from '../dwarf/unwind.js';
import type { Tracee } from '../ptrace/tracee.js';

/** As if the function had returned.
 *  @param caller registers of the frame that it returns to
 *  @param result an integer, or a floating-point number of that size */
export function returnToCaller(
  { unwinding, registers }: Machine,
  tracee: Tracee,
  caller: FrameRegisters | undefined,
  result: bigint | number | undefined,
  sizeBytes: number,
): void {
  const contents = [...known(caller)];
  if (typeof result === 'number') {
    const extended = tracee.readRegisterSet(registers.extendedSet);
    tracee.writeRegisterSet(
      registers.extendedSet,
      unwinding.withFloatingResult(extended, result, sizeBytes),
    );
  } else if (result !== undefined) contents[unwinding.integerResult] = result;
  tracee.writeRegisters(unwinding.resumedAt(tracee.readRegisters(), contents));
}

/** As if the caller had only just called it; the registers of its arguments are as they are. */
export function callAgain(
  { unwinding }: Machine,
  tracee: Tracee,
  caller: FrameRegisters | undefined,
  entry: Addr,
): void {
  const contents = unwinding.atEntry(known(caller), entry);
  tracee.writeRegisters(unwinding.resumedAt(tracee.readRegisters(), contents));
}

function known(caller: FrameRegisters | undefined): FrameRegisters {
  if (caller !== undefined) return caller;
  throw new HcrError({ code: 'unexpected', detail: 'a function left whose caller is not known' });
}
