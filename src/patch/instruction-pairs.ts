/** Compiled and running versions of a function, instruction beside instruction. */
import type { Decoder, Instruction } from '../arch/decoder.js';
import type { Addr } from '../core/address.js';

export interface InstructionPairs {
  readonly ours: readonly Instruction[];
  readonly theirs: readonly Instruction[];
  /** Address of the running instruction that stands for a compiled one. */
  readonly places: ReadonlyMap<Addr, Addr>;
}

/** Undefined when they have not as many instructions, padding left out.
 *  @param entry where the live code begins; the compiled code has no address yet and is decoded
 *  there as well */
export function pairInstructions(
  compiled: Uint8Array,
  live: Uint8Array,
  entry: Addr,
  decoder: Decoder,
): InstructionPairs | undefined {
  const ours = withoutPadding(decoder.decode(compiled, entry));
  const theirs = withoutPadding(decoder.decode(live, entry));
  if (ours.length !== theirs.length) return undefined;
  const places = ours.map(({ address }, i) => [address, theirs[i]?.address ?? address] as const);
  return { ours, theirs, places: new Map(places) };
}

function withoutPadding(instructions: readonly Instruction[]): Instruction[] {
  return instructions.filter(({ isPadding }) => !isPadding);
}
