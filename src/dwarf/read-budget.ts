/**
 * A limit on the total bytes read from one section.
 *
 * Offsets in debug information may overlap: a damaged file of one megabyte can hold a hundred
 * thousand references, each to the same megabyte, and reading what they ask for would take hours
 * and gigabytes. A compiler's file reads each byte about once (the readers remember what they
 * have read), so a small multiple of the section's size is never reached by a sound one.
 */
import { HcrError } from '../core/failure.js';

const MULTIPLE = 8;
const SMALLEST_BYTES = 1 << 16;

export class ReadBudget {
  private leftBytes: number;
  private readonly what: string;

  /** @param what names the section in the failure. */
  constructor(what: string, sectionBytes: number) {
    this.what = what;
    this.leftBytes = sectionBytes * MULTIPLE + SMALLEST_BYTES;
  }

  /** @throws HcrError `malformed-file` when the section has been read too many times over */
  spend(lengthBytes: number): void {
    this.leftBytes -= lengthBytes;
    if (this.leftBytes < 0) {
      throw new HcrError({
        code: 'malformed-file',
        what: this.what,
        detail: 'too many references to overlapping parts',
      });
    }
  }
}
