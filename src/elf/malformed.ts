import { HcrError, isHcrError } from '../core/failure.js';

/** The failure of every reader in this folder. `what` names the file, or the file and its part. */
export function malformed(what: string, detail: string, options?: ErrorOptions): HcrError {
  return new HcrError({ code: 'malformed-file', what, detail }, options);
}

/** Undefined for what is not there or damaged, where something else may do. */
export function unlessMalformed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isHcrError(error, 'malformed-file')) return undefined;
    throw error;
  }
}
