/**
 * The types that the exception handlers of a function name. An edit may change nothing else:
 * `catch (A &)` to `catch (B &)`.
 *
 * They are in a table of the function's language-specific data area, which ends at a place that the
 * header tells and is read backwards from there.
 * @see "Exception Handling Tables", HP aC++ (the format of gcc's and LLVM's `.gcc_except_table`)
 */
import type { Relocations } from '../arch/relocations.js';
import { ByteReader } from '../core/byte-reader.js';
import { DW_EH_PE_omit, readEncodedAddress } from '../dwarf/call-frames.js';
import { readUleb128 } from '../dwarf/leb128.js';
import type { Binder } from './bind.js';
import { type ObjectFunction, type ObjectUnit, isCode } from './object-unit.js';
import { type Reference, resolveReference } from './resolve.js';
import type { ObjectFrames } from './unwind-frames.js';

/** How much of the area its header may take. */
export const HANDLERS_HEADER_BYTES = 32;

export interface HandledType {
  readonly reference: Reference;
  /** From the end of the table back to the field. */
  readonly distanceBytes: number;
}

/** Where the table of types ends, from the start of the area; undefined when there is none.
 *  @throws HcrError `malformed-file` */
export function typeTableEnd(
  area: Uint8Array,
  littleEndian: boolean,
  what: string,
): number | undefined {
  const reader = new ByteReader(area, littleEndian, what);
  const landingPads = reader.u8();
  if (landingPads !== DW_EH_PE_omit) readEncodedAddress(reader, landingPads, 0);
  if (reader.u8() === DW_EH_PE_omit) return undefined;
  const distance = readUleb128(reader);
  return reader.offset + distance;
}

/** @throws HcrError as `resolveReferences` */
export function handledTypes(
  fn: ObjectFunction,
  unit: ObjectUnit,
  frames: ObjectFrames,
  binder: Binder,
  relocations: Relocations,
): readonly HandledType[] {
  const { object } = unit;
  const found = frames.handlersOf(fn.section, fn.offset);
  const symbol = found && object.symbols.at(found.at.symbolIndex);
  const section = symbol && object.sectionOf(symbol);
  if (found === undefined || symbol === undefined || section === undefined || isCode(section))
    return [];
  const start = symbol.value + found.at.addend;
  const bytes = object.bytesOf(section);
  if (start < 0 || start >= bytes.length) return [];
  const end = typeTableEnd(bytes.subarray(start), object.elf.header.littleEndian, object.what);
  if (end === undefined) return [];
  return object
    .relocationsOf(section)
    .filter(({ offset }) => offset >= start && offset < start + end)
    .flatMap((relocation) => {
      const reference = resolveReference(section, relocation, unit, binder, relocations);
      const distanceBytes = start + end - relocation.offset;
      return reference === undefined ? [] : [{ reference, distanceBytes }];
    });
}
