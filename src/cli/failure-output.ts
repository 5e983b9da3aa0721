/** Refusals and faults as text and as JSON. Any thrown value becomes an {@link HcrError} first. */
import type { FailureReport } from '../app/report.js';
import { HcrError } from '../core/failure.js';
import { type Look, paint } from '../terminal/look.js';
import { printableFailure, printableLines } from '../terminal/printable.js';

export function asHcrError(error: unknown): HcrError {
  if (error instanceof HcrError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new HcrError({ code: 'unexpected', detail }, { cause: error });
}

/** @param withStack add where it was thrown; for faults of hcr and --verbose */
export function formatFailure(error: HcrError, look: Look, withStack: boolean): string {
  const origin = error.cause instanceof Error ? error.cause : error;
  const { message, hint } = printableFailure(error);
  return [
    `${paint(look, 'red', 'hcr:')} ${message}`,
    `${paint(look, 'cyan', 'hint:')} ${hint}`,
    ...(withStack && origin.stack !== undefined
      ? [paint(look, 'dim', printableLines(origin.stack))]
      : []),
  ].join('\n');
}

export function failureReport(error: HcrError): FailureReport {
  const { code, ...fields } = error.failure;
  // The union's members lose their link between code and fields when spread.
  const failure = { code, message: error.message, hint: error.hint, ...fields };
  return { ok: false, error: failure as FailureReport['error'] };
}
