/** What is fuzzed: one way in for bytes that nobody vouches for. */
import { isHcrError } from '../src/core/failure.js';
import type { Failure } from '../src/core/failure-codes.js';
import type { Random } from '../test/support/random.js';

export interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Target {
  readonly name: string;
  /** Sound inputs to begin with, by name; see seeds. */
  readonly seeds: (all: ReadonlyMap<string, Uint8Array>) => readonly Seed[];
  /** A damaged copy. @param others inputs to take pieces from */
  readonly mutate: (input: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array;
  /** Reads an input as hcr would. Returns, or throws what is in {@link accepts}. */
  readonly run: (input: Uint8Array) => void;
}

/** Refusals of damaged input. Every other failure is a finding. */
export const ACCEPTED: readonly Failure['code'][] = [
  'malformed-file',
  'unsupported-relocation',
  'debug-file-missing',
  'ledger-corrupt',
];

/** One question to a reader: its answer, or undefined when it refuses. What is asked next must not
 *  depend on whether it refuses, or half of the readers are never reached. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isHcrError(error) && ACCEPTED.includes(error.failure.code)) return undefined;
    throw error;
  }
}
