/**
 * What the live callers of a function expect of it beyond the calling convention.
 *
 * A compiler that sees a callee while it compiles the caller uses what it sees: registers that the
 * callee leaves alone (see call-clobbers and relied-registers), a stack that need not be aligned
 * (see stack-alignment). A new body that does not keep to this breaks its callers in silence. The
 * callers cannot be changed while they run, so the body is entered through a stub that keeps the
 * contract.
 */
import type { Decoder } from '../arch/decoder.js';
import type { RegisterSet } from '../arch/register-set.js';
import type { Addr } from '../core/address.js';
import { analyzeClobbers } from './call-clobbers.js';
import type { CodeSource } from './function-code.js';
import { registersCallersRely } from './relied-registers.js';
import { mayEnterMisaligned, needsAlignedStack } from './stack-alignment.js';

export interface CallerContract {
  /** Registers that must survive a call. */
  readonly keep: RegisterSet;
  /** True when the stack must be aligned before the body runs. */
  readonly realign: boolean;
}

export const NO_CONTRACT: CallerContract = { keep: 0n, realign: false };

/**
 * @param before the code as the compilers of live callers saw it: the original program, and each
 *   generation whose bodies may still call the function
 * @param after the code with the new body in place
 */
export function callerContract(
  decoder: Decoder,
  before: readonly CodeSource[],
  after: CodeSource,
  entry: Addr,
): CallerContract {
  const { clobbersOf, graphOf } = analyzeClobbers(decoder, after);
  const { possible } = clobbersOf(entry);
  const body = after.functionAt(entry);
  const needsAlignment = body === undefined || needsAlignedStack(decoder, graphOf(body));
  let contract = NO_CONTRACT;
  for (const source of before) {
    const extra = possible & ~analyzeClobbers(decoder, source).clobbersOf(entry).assumed;
    const keep = extra === 0n ? 0n : registersCallersRely(decoder, source, entry, extra);
    contract = {
      keep: contract.keep | keep,
      realign: contract.realign || (needsAlignment && mayEnterMisaligned(decoder, source, entry)),
    };
  }
  return contract;
}
