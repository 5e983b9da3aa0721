import { HcrError } from '../core/failure.js';

/** The failure of every reader in this folder. `what` names the file, or the file and its part. */
export function malformed(what: string, detail: string, options?: ErrorOptions): HcrError {
  return new HcrError({ code: 'malformed-file', what, detail }, options);
}
