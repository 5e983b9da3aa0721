/** Conditions that `hcr doctor` reports, as they are made. */
import { HcrError } from '../core/failure.js';
import type { Condition } from './report.js';

export function ok(name: string, detail: string): Condition {
  return { name, state: 'ok', detail };
}

/** hcr works, but not as well or not at everything. */
export function warning(name: string, detail: string, hint: string): Condition {
  return { name, state: 'warning', detail, hint };
}

export function failed(name: string, detail: string, hint: string): Condition {
  return { name, state: 'failed', detail, hint };
}

/** A condition for what a step refused with. Other errors are thrown on. */
export function refusal(
  name: string,
  error: unknown,
  state: 'warning' | 'failed' = 'failed',
): Condition {
  if (!(error instanceof HcrError)) throw error;
  return { name, state, detail: withoutFullStop(error.message), hint: error.hint };
}

function withoutFullStop(message: string): string {
  return message.replace(/\.$/, '');
}
