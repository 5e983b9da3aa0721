/** A failure as an error: what hcr throws. */
import type { Failure, FailureCode } from './failure-codes.js';
import { wordingOf } from './failure-wording.js';

/** The one error hcr throws. Its `failure` carries the code and the typed fields. */
export class HcrError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure, options?: ErrorOptions) {
    super(wordingOf(failure).message(failure), options);
    this.name = 'HcrError';
    this.failure = failure;
  }

  get code(): FailureCode {
    return this.failure.code;
  }

  /** One sentence that says what to do next. */
  get hint(): string {
    return wordingOf(this.failure).hint(this.failure);
  }

  get exitCode(): number {
    return wordingOf(this.failure).exit;
  }
}

/** What an error says went wrong; one that hcr did not throw is a fault of its own. */
export function failureOf(error: unknown): Failure {
  return error instanceof HcrError ? error.failure : { code: 'unexpected', detail: String(error) };
}

export function isHcrError(error: unknown, code?: FailureCode): error is HcrError {
  return error instanceof HcrError && (code === undefined || error.failure.code === code);
}
