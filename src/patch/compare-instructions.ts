/** Comparison of a function instruction by instruction, where sizes of branches may differ. */
import type { Decoder, Instruction } from '../arch/decoder.js';
import type { CodePatterns } from '../arch/patterns.js';
import { type Addr, offsetBy } from '../core/address.js';
import type { ObjectFunction } from '../link/object-unit.js';
import type { Reference } from '../link/resolve.js';
import type { Field, PlaceOf, TargetComparer } from './compare-targets.js';
import { BODY, type Comparison, SAME, sameBytes } from './comparison.js';
import { pairInstructions } from './instruction-pairs.js';
import { restoreRelaxed } from './relaxed-accesses.js';

export interface ComparedCode {
  readonly fn: ObjectFunction;
  /** Where the live code begins. */
  readonly entry: Addr;
  readonly compiled: Uint8Array;
  readonly live: Uint8Array;
  /** Those of the function, ascending. */
  readonly references: readonly Reference[];
}

export function compareInstructions(
  code: ComparedCode,
  decoder: Decoder,
  patterns: CodePatterns,
  targets: TargetComparer,
): Comparison {
  const { fn, entry, compiled } = code;
  const { live, relaxed, gone } = restoreRelaxed(code, decoder, patterns);
  const pairs = pairInstructions(compiled, live, entry, decoder);
  if (pairs === undefined) return BODY;
  const { ours, theirs, places } = pairs;
  const placeOf: PlaceOf = (section, offset) =>
    section === fn.section ? places.get(offsetBy(entry, offset - fn.offset)) : undefined;
  const pending = [...code.references];
  for (const [i, our] of ours.entries()) {
    const their = theirs[i];
    if (their === undefined) return BODY;
    const end = our.address - entry + fn.offset + our.lengthBytes;
    const references = takeWhile(pending, ({ relocation }) => relocation.offset < end);
    const [reference] = references;
    const replaced = reference && relaxed.get(reference);
    if (reference !== undefined && replaced !== undefined) {
      const verdict = targets.compareRelaxed(reference, replaced.access, replaced.place);
      if (verdict !== SAME) return verdict;
    } else if (reference === undefined || !gone.has(reference)) {
      const restored = { ...code, live };
      const verdict = compareInstruction(our, their, references, restored, placeOf, targets);
      if (verdict !== SAME) return verdict;
    }
  }
  return SAME;
}

function compareInstruction(
  our: Instruction,
  their: Instruction,
  references: readonly Reference[],
  code: ComparedCode,
  placeOf: PlaceOf,
  targets: TargetComparer,
): Comparison {
  const { fn, entry } = code;
  const [reference, second] = references;
  if (second !== undefined) return BODY;
  if (our.target !== undefined && their.target !== undefined) {
    if (our.shape !== their.shape) return BODY;
    if (reference !== undefined) {
      const distance = targets.distanceFromSymbol(reference);
      return targets.compareMeaning(reference, their.target - distance, { placeOf, depth: 0 });
    }
    return placeOf(fn.section, our.target - entry + fn.offset) === their.target ? SAME : BODY;
  }
  const compiled = bytesOf(our, code.compiled, entry);
  const live = bytesOf(their, code.live, entry);
  if (compiled.length !== live.length) return BODY;
  if (reference === undefined) return sameBytes(compiled, live, 0, live.length) ? SAME : BODY;
  const offset = reference.relocation.offset - fn.offset - (our.address - entry);
  const place = offsetBy(their.address, offset);
  const accessBytes = our.fixedAccessBytes;
  const field: Field = { compiled, live, offset, place, placeOf, accessBytes, depth: 0 };
  // What the linker may have relaxed is compared with the field.
  if (reference.rule.needs !== 'got') {
    const end = offset + reference.rule.widthBytes;
    const isSame =
      our.shape === their.shape &&
      sameBytes(compiled, live, 0, offset) &&
      sameBytes(compiled, live, end, live.length);
    if (!isSame) return BODY;
  }
  return targets.compare(reference, field);
}

function bytesOf(instruction: Instruction, code: Uint8Array, entry: Addr): Uint8Array {
  const start = instruction.address - entry;
  return code.subarray(start, start + instruction.lengthBytes);
}

function takeWhile<T>(items: T[], matches: (item: T) => boolean): T[] {
  const end = items.findIndex((item) => !matches(item));
  return items.splice(0, end < 0 ? items.length : end);
}
