import { expect } from 'vitest';
import { isHcrError } from '../../src/core/failure.js';

/** Claims that `read` ends in `malformed-file`, with `detail` in its message. */
export function expectMalformed(read: () => unknown, detail: RegExp | string = ''): void {
  try {
    read();
  } catch (error) {
    if (!isHcrError(error, 'malformed-file')) throw error;
    expect(error.message).toMatch(detail);
    return;
  }
  expect.unreachable('it was accepted');
}
