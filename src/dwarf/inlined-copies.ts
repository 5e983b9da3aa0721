/**
 * Where the bodies of inlined functions went. A copy within a copy counts for the function whose
 * code it is in: when f is inlined in g and g in main, main has a copy of each.
 * @see DWARF 5, 3.3.8.2
 */
import type { VaddrRange } from '../core/address.js';
import { DW_AT, DW_TAG } from './constants.js';
import { type Entity, entityOf } from './entity.js';
import type { FunctionEntry } from './functions.js';
import type { UnitDies } from './unit-dies.js';

export interface InlinedCopy {
  /** The function that was inlined. */
  readonly callee: Entity;
  /** The function with a body of its own that contains the copy. */
  readonly caller: FunctionEntry;
  /** Line of the call that the copy replaces. */
  readonly callLine: number | undefined;
  /** Where the copy is. */
  readonly ranges: () => readonly VaddrRange[];
}

/** @param functions those of the same unit
 *  @throws HcrError `malformed-file` */
export function readInlinedCopies(
  unit: UnitDies,
  functions: readonly FunctionEntry[],
): readonly InlinedCopy[] {
  const bodies = new Map<number, FunctionEntry>();
  for (const entry of functions) {
    const die = entry.die();
    if (entry.entry !== undefined && die.unit === unit) bodies.set(die.index, entry);
  }
  const around = enclosingIndexes(unit, (tag) => tag === DW_TAG.subprogram);
  const copies: InlinedCopy[] = [];
  unit.tags.forEach((tag, index) => {
    if (tag !== DW_TAG.inlined_subroutine) return;
    const caller = bodies.get(around[index] ?? -1);
    if (caller === undefined) return;
    const die = unit.dieAtIndex(index);
    copies.push({
      callee: entityOf(die),
      caller,
      callLine: die.constant(DW_AT.call_line),
      ranges: () => unit.rangesOf(unit.dieAtIndex(index)),
    });
  });
  return copies;
}

/** For each entry of a unit the index of the nearest one around it whose tag is wanted, or -1. */
export function enclosingIndexes(unit: UnitDies, isWanted: (tag: number) => boolean): Int32Array {
  const { tags } = unit;
  const around = new Int32Array(tags.length).fill(-1);
  for (let index = 1; index < tags.length; index++) {
    const parent = unit.parentIndex(index);
    around[index] = isWanted(tags[parent] ?? 0) ? parent : (around[parent] ?? -1);
  }
  return around;
}
