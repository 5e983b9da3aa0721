/**
 * Addresses that units refer to by number, so that the linker has fewer places to fill in.
 * @see DWARF 5, 7.27
 */
import { type DebugSections, readerOver } from './debug-sections.js';
import { type Encoding, readAddress } from './form.js';

/** The address with this number in the unit's part of `.debug_addr`, which starts at `base`;
 *  `undefined` when the file has no such section or the code was discarded.
 *  @throws HcrError `malformed-file` when the index is outside the section */
export function indexedAddress(
  sections: DebugSections,
  index: number,
  base: number,
  encoding: Encoding,
): number | undefined {
  const section = sections.section('.debug_addr');
  if (section === undefined) return undefined;
  const { addressBytes } = encoding;
  return readAddress(readerOver(section, base + index * addressBytes, addressBytes), addressBytes);
}
