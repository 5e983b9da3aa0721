/** The capabilities that matter to hcr, in the sets that /proc/pid/status shows.
 *  @see capabilities(7), proc(5) */

export const CAPABILITY = { SETGID: 6, SETUID: 7, SYS_PTRACE: 19 } as const;

export type CapabilitySet = 'CapPrm' | 'CapEff';

/** A set as bits; empty where the kernel does not tell.
 *  @param status text of /proc/pid/status */
export function capabilitiesIn(status: string, set: CapabilitySet): bigint {
  const mask = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1];
  return BigInt(`0x${mask ?? '0'}`);
}

export function holds(capabilities: bigint, capability: number): boolean {
  return ((capabilities >> BigInt(capability)) & 1n) === 1n;
}
