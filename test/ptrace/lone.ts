/** A thread with something to lose, which says at its end what it has lost: see programs/lone.c. */
import { readFileSync } from 'node:fs';
import { addr } from '../../src/core/address.js';
import type { TargetProcess } from '../../src/ptrace/process.js';
import type { Workshop } from '../arch/x86-64/build-with-gcc.js';
import {
  STATE,
  avx512,
  enterFunction,
  vectorBytes,
  vectorCount,
} from '../arch/x86-64/set-all-registers.js';
import { until } from '../support/until.js';
import { type Programs, type TracedProgram, buildProgram, openTarget } from './traced-program.js';

export type Occupation = 'spin' | 'nanosleep' | 'read';

export interface Lone extends TracedProgram {
  readonly where: number;
  readonly done: number;
}

/** As the kernel counts them; nanosleep is made as clock_nanosleep by newer libraries. */
const SYSCALL_NUMBERS = { nanosleep: ['35', '230'], read: ['0'] };

/** @param more further sources in the shop */
export function buildLone(shop: Workshop, ...more: readonly string[]): void {
  shop.write('state.h', STATE);
  shop.write('enter.h', enterFunction('enter', 'call spin'));
  buildProgram(
    shop,
    'lone',
    ...['-no-pie', ...more],
    // The state has all 512 bits of a vector; compare what this processor has of the low ones.
    `-DVECTOR_BYTES=${vectorBytes === 64 ? vectorCount * 64 : vectorBytes}`,
    `-DMASKS=${avx512 ? 1 : 0}`,
  );
}

/** Starts it and waits until the kernel says that it is where it should be.
 *  @param sleepSeconds each of its sleeps: it runs a little between two of them */
export async function startLone(
  programs: Programs,
  shop: Workshop,
  what: Occupation,
  sleepSeconds = 1,
): Promise<Lone> {
  const program = await programs.start(shop.path('lone'), what, String(sleepSeconds));
  const [, where, done, arrived] = await program.lines.waitFor(/ready (\S+) (\S+) (\S+)/);
  using target = openTarget(program.pid, 'koffi');
  await until(`lone is in ${what}`, () => {
    if (what === 'spin') return target.memory.read(addr(Number(arrived)), 1)[0] === 1;
    const [now = ''] = readFileSync(`/proc/${program.pid}/syscall`, 'latin1').split(' ');
    return SYSCALL_NUMBERS[what].includes(now);
  });
  return { ...program, where: Number(where), done: Number(done) };
}

/** Lets it come to its end. A sleep ends by itself, and is then the last. */
export function goOn(program: Lone, what: Occupation, target: TargetProcess): void {
  if (what === 'read') {
    program.say('x');
    return;
  }
  const pointer = new Uint8Array(8);
  new DataView(pointer.buffer).setBigUint64(0, BigInt(program.done), true);
  target.memory.writeData(addr(program.where), pointer);
}
