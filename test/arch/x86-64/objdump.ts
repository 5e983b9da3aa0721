/** Instructions as objdump sees them, the oracle for the decoder. */
import type { Workshop } from './build-with-gcc.js';

export interface Listed {
  readonly address: number;
  readonly bytes: readonly number[];
  /** `jmp    401005 <f+0x5>`, prefixes included. */
  readonly text: string;
}

/** Disassembles a section, or the part of it between two addresses. */
export function listing(
  shop: Workshop,
  file: string,
  options: readonly string[] = [],
): readonly Listed[] {
  const output = shop.run('objdump', '-d', '-w', '-j', '.text', ...options, file);
  return [...output.matchAll(/^ *([0-9a-f]+):\t([0-9a-f ]+?) *(?:\t(.*))?$/gm)].map(
    ([, address = '', bytes = '', text = '']) => ({
      address: Number.parseInt(address, 16),
      bytes: bytes
        .trim()
        .split(' ')
        .map((byte) => Number.parseInt(byte, 16)),
      text,
    }),
  );
}
