import type { Decoder } from '../arch.js';

export async function loadDecoder(): Promise<Decoder> {
  throw new Error('not yet');
}
