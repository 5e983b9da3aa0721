/**
 * Where the running program has a place inside a compiled function. The cold part of a function
 * jumps back into the middle of it, where branches may have other sizes than in the new object.
 */
import type { Decoder } from '../arch/decoder.js';
import { type Addr, offsetBy } from '../core/address.js';
import type { LiveSymbol } from '../link/live-symbols.js';
import type { ObjectFunction } from '../link/object-unit.js';
import type { CompareContext } from './comparison.js';
import { pairInstructions } from './instruction-pairs.js';

export class LiveLabels {
  private readonly context: CompareContext;
  private readonly known = new Map<ObjectFunction, ReadonlyMap<Addr, Addr>>();

  constructor(context: CompareContext) {
    this.context = context;
  }

  /** @param offset from the start of the function
   *  @returns undefined where the live function has no counterpart of it */
  placeIn(fn: ObjectFunction, offset: number): Addr | undefined {
    const { binder, decoder } = this.context;
    const live = binder.counterparts.versionOf(fn);
    if (live === undefined) return undefined;
    const linear = offsetBy(live.address, offset);
    if (decoder === undefined) return live.sizeBytes === fn.sizeBytes ? linear : undefined;
    const places = this.known.get(fn) ?? this.placesIn(fn, live, decoder);
    this.known.set(fn, places);
    return places.get(linear);
  }

  private placesIn(
    fn: ObjectFunction,
    live: LiveSymbol,
    decoder: Decoder,
  ): ReadonlyMap<Addr, Addr> {
    const { unit, original } = this.context;
    const code = original.tryRead(live.address, live.sizeBytes);
    if (code === undefined) return new Map();
    const compiled = unit.object.bytesOf(fn.section).subarray(fn.offset, fn.offset + fn.sizeBytes);
    return pairInstructions(compiled, code, live.address, decoder)?.places ?? new Map();
  }
}
