/** Chooses the FFI: koffi, or ffi-rs where koffi does not load or `HCR_FFI=ffi-rs` says so. */
import { HcrError } from '../../core/failure.js';
import { openFfiRs } from './ffi-rs-library.js';
import type { ForeignLibrary } from './foreign.js';
import { openKoffi } from './koffi-library.js';

const OPENERS = { koffi: openKoffi, 'ffi-rs': openFfiRs } as const;

function isBackend(name: string): name is keyof typeof OPENERS {
  return Object.hasOwn(OPENERS, name);
}

/** @throws HcrError `ffi-unavailable` when none loads, or the one asked for does not. */
export function openForeignLibrary(wanted = process.env['HCR_FFI']): ForeignLibrary {
  if (wanted !== undefined && wanted !== '') {
    if (!isBackend(wanted)) {
      throw new HcrError({
        code: 'ffi-unavailable',
        detail: `HCR_FFI=${wanted} is neither koffi nor ffi-rs`,
      });
    }
    return open([wanted]);
  }
  return open(['koffi', 'ffi-rs']);
}

function open(names: readonly (keyof typeof OPENERS)[]): ForeignLibrary {
  const reasons: string[] = [];
  for (const name of names) {
    try {
      return OPENERS[name]();
    } catch (error) {
      reasons.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new HcrError({ code: 'ffi-unavailable', detail: reasons.join('; ') });
}
