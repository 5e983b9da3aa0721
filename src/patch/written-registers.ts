/**
 * What a function may have written to registers on its way from its entry to some place: whatever
 * else still holds what its caller passed. Found by following every path that the code has; a call may
 * write what the convention lets it.
 */
import type { Decoder, Instruction } from '../arch/decoder.js';
import type { RegisterSet } from '../arch/register-set.js';
import type { Addr } from '../core/address.js';

export interface CodePart {
  readonly start: Addr;
  readonly bytes: Uint8Array;
}

/** @param parts the body, and its rarely run parts
 *  @param at an instruction, which may have been begun
 *  @returns undefined when no path leads there */
export function writtenBefore(
  parts: readonly CodePart[],
  entry: Addr,
  at: Addr,
  decoder: Decoder,
): RegisterSet | undefined {
  const code = new Map<number, Instruction>();
  for (const { start, bytes } of parts)
    for (const instruction of decoder.decode(bytes, start))
      code.set(instruction.address, instruction);
  const before = new Map<number, RegisterSet>();
  const open: number[] = [];
  const reach = (address: number, written: RegisterSet): void => {
    const known = before.get(address);
    if (!code.has(address) || (known !== undefined && (known | written) === known)) return;
    before.set(address, (known ?? 0n) | written);
    open.push(address);
  };
  reach(entry, 0n);
  for (let address = open.pop(); address !== undefined; address = open.pop()) {
    const instruction = code.get(address);
    if (instruction === undefined) continue;
    const written =
      (before.get(address) ?? 0n) | instruction.writes | callWrites(instruction, decoder);
    for (const next of successors(instruction, code)) reach(next, written);
  }
  const reached = before.get(at);
  const instruction = code.get(at);
  return reached === undefined || instruction === undefined
    ? undefined
    : reached | instruction.writes | callWrites(instruction, decoder);
}

function callWrites({ flow }: Instruction, { callClobbered }: Decoder): RegisterSet {
  return flow === 'call' || flow === 'indirect-call' ? callClobbered : 0n;
}

function successors(
  { address, lengthBytes, flow, target }: Instruction,
  code: ReadonlyMap<number, Instruction>,
): Iterable<number> {
  const next = address + lengthBytes;
  switch (flow) {
    case 'next':
    case 'call':
    case 'indirect-call':
      return [next];
    case 'jump':
      return target === undefined ? [] : [target];
    case 'conditional-jump':
      return target === undefined ? [next] : [next, target];
    case 'indirect-jump':
      // Through a table that was not read: anywhere.
      return code.keys();
    case 'return':
    case 'stop':
      return [];
  }
}
