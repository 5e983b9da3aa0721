/**
 * Undoes the linker's relaxing of accesses to thread-local variables, so that running code has the
 * instructions of the compiled one again, byte for byte where nothing else differs.
 */
import type { Decoder, Instruction } from '../arch/decoder.js';
import type { CodePatterns, RelaxedTlsAccess } from '../arch/patterns.js';
import { type Addr, offsetBy } from '../core/address.js';
import type { Reference } from '../link/resolve.js';

export interface RelaxedPlace {
  readonly access: RelaxedTlsAccess;
  /** Where the compiled field would be in the running code. */
  readonly place: Addr;
}

export interface RestoredCode {
  readonly live: Uint8Array;
  /** What each reference that was relaxed has become. */
  readonly relaxed: ReadonlyMap<Reference, RelaxedPlace>;
  /** References within the replaced sequences: the call of the function that finds the variable. */
  readonly gone: ReadonlySet<Reference>;
}

interface CodeToRestore {
  readonly fn: { readonly offset: number };
  readonly entry: Addr;
  readonly compiled: Uint8Array;
  readonly live: Uint8Array;
  readonly references: readonly Reference[];
}

/** @param code `live` is borrowed and left as it is */
export function restoreRelaxed(
  code: CodeToRestore,
  decoder: Decoder,
  patterns: CodePatterns,
): RestoredCode {
  const { fn, entry, compiled, live, references } = code;
  const relaxed = new Map<Reference, RelaxedPlace>();
  const gone = new Set<Reference>();
  const restored = live.slice();
  let end = 0;
  for (const reference of references) {
    const offset = reference.relocation.offset - fn.offset;
    if (offset < end) gone.add(reference);
    if (offset < end || reference.binding.kind !== 'thread-local') continue;
    const { needs } = reference.rule;
    for (const liveOffset of counterparts(compiled, restored, offset, entry, decoder)) {
      const access = patterns.relaxedTlsAccess(needs, compiled, offset, live, liveOffset);
      if (access === undefined) continue;
      const sequence = compiled.subarray(offset - access.bytesBefore, offset + access.bytesAfter);
      restored.set(sequence, liveOffset - access.bytesBefore);
      relaxed.set(reference, { access, place: offsetBy(entry, liveOffset) });
      end = offset + access.bytesAfter;
      break;
    }
  }
  return { live: restored, relaxed, gone };
}

/** Where the running code may have what is at an offset of the compiled code: as many instructions
 *  from the start; or behind the instruction before, when it is a nop, which is not counted. */
function counterparts(
  compiled: Uint8Array,
  live: Uint8Array,
  offset: number,
  entry: Addr,
  decoder: Decoder,
): number[] {
  const decode = (bytes: Uint8Array): Instruction[] =>
    decoder.decode(bytes, entry).filter(({ isPadding }) => !isPadding);
  const ours = decode(compiled);
  const theirs = decode(live);
  const at = entry + offset;
  const index = ours.findIndex((our) => our.address <= at && at < our.address + our.lengthBytes);
  const [our, their] = [ours[index], theirs[index]];
  const [ourPrevious, previous] = [ours[index - 1], theirs[index - 1]];
  const found: number[] = [];
  if (our !== undefined && their !== undefined) found.push(offset + their.address - our.address);
  if (ourPrevious !== undefined && previous !== undefined)
    found.push(offset + endOf(previous) - endOf(ourPrevious));
  return found;
}

function endOf({ address, lengthBytes }: Instruction): number {
  return address + lengthBytes;
}
