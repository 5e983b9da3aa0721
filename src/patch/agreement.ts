/**
 * How far freshly compiled code agrees with the program's: the functions that exist on both sides
 * vote on whether compiler and flags are those of the program.
 */
import type { Decoder } from '../arch/decoder.js';
import { type Addr, addr } from '../core/address.js';
import type { Memory } from '../core/memory.js';
import { isCompilerMade } from '../link/live-unit.js';
import type { ObjectUnit } from '../link/object-unit.js';
import type { FunctionState } from './changed-functions.js';

/** Shorter ones look alike whatever they were compiled with. */
const MIN_VOTER_BYTES = 16;

export interface Agreement {
  /** Functions that can tell. */
  readonly voters: number;
  /** Names of those whose instructions differ. A constant that differs is an edit, no flag. */
  readonly differing: readonly string[];
  /** Median over those that differ of the share of instructions that both versions have, 0 to 1. */
  readonly likeness: number;
  /** The same with the short ones, who are heard where there are too few others. */
  readonly ofAnyLength: { readonly voters: number; readonly differing: number };
}

export interface AgreementInput {
  readonly states: readonly FunctionState[];
  readonly unit: ObjectUnit;
  /** With redirects undone. */
  readonly original: Memory;
  readonly decoder: Decoder;
  /** Entries that are patched: they were compared with a body of hcr's own. */
  readonly patched: ReadonlySet<Addr>;
  /** Functions that differ for a reason of their own. */
  readonly abstains: (state: FunctionState) => boolean;
}

export function agreementOf(input: AgreementInput): Agreement {
  const all = input.states.filter((state) => {
    const { fn, live } = state;
    return (
      live !== undefined &&
      !isCompilerMade(fn.name) &&
      !input.patched.has(live.address) &&
      !input.abstains(state)
    );
  });
  const voters = all.filter(
    ({ fn, live }) => Math.min(live?.sizeBytes ?? 0, fn.sizeBytes) >= MIN_VOTER_BYTES,
  );
  const differing = voters.filter(differs);
  const likenesses = differing.map((state) => likenessOf(state, input)).sort((a, b) => a - b);
  return {
    voters: voters.length,
    differing: differing.map(({ fn }) => fn.name),
    likeness: likenesses[Math.floor(likenesses.length / 2)] ?? 1,
    ofAnyLength: { voters: all.length, differing: all.filter(differs).length },
  };
}

function differs({ comparison }: FunctionState): boolean {
  return !comparison.same && comparison.reason === 'body';
}

/** Share of instructions, in any order, that the compiled and the live version have in common. */
function likenessOf({ fn, live }: FunctionState, { unit, original, decoder }: AgreementInput) {
  const code = live === undefined ? undefined : original.tryRead(live.address, live.sizeBytes);
  if (code === undefined) return 0;
  const compiled = unit.object.bytesOf(fn.section).subarray(fn.offset, fn.offset + fn.sizeBytes);
  const shapes = (bytes: Uint8Array): string[] =>
    decoder
      .decode(bytes, addr(live?.address ?? 0))
      .filter((instruction) => !instruction.isPadding)
      .map((instruction) => instruction.shape);
  const [ours, theirs] = [shapes(compiled), shapes(code)];
  const left = new Map<string, number>();
  for (const shape of ours) left.set(shape, (left.get(shape) ?? 0) + 1);
  let common = 0;
  for (const shape of theirs) {
    const count = left.get(shape) ?? 0;
    if (count === 0) continue;
    left.set(shape, count - 1);
    common += 1;
  }
  return (2 * common) / Math.max(1, ours.length + theirs.length);
}
