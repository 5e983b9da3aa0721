/**
 * Restartable sequences: pieces of a program that the kernel sends to their abort handler when it has
 * taken the processor away in them. A thread that stands in one and makes system calls for hcr would
 * lose that promise: the kernel forgets the sequence when it sees the thread elsewhere, and back in its
 * place the thread would finish it, on another processor or after another thread. So hcr does first
 * what the kernel would do next, and has the thread begin from the abort handler.
 *
 * @see linux/rseq.h, kernel/rseq.c
 */
import { addr } from '../core/address.js';
import type { TargetProcess } from './process.js';
import type { Tracee } from './tracee.js';

/** `rseq_cs` in `struct rseq`: the address of what describes the sequence the thread is in. */
const SEQUENCE_OFFSET = 8;
/** `struct rseq_cs`. */
const SEQUENCE = { start: 8, length: 16, abort: 24, sizeBytes: 32 } as const;

/** The registers from which the thread goes on: those given, or at the abort handler. */
export function leaveRestartableSequence(
  target: TargetProcess,
  tracee: Tracee,
  registers: Uint8Array,
): Uint8Array {
  const area = tracee.readRestartableSequenceArea();
  if (area === undefined) return registers;
  const { memory, machine } = target;
  const pointer = memory.tryRead(addr(area + SEQUENCE_OFFSET), 8);
  if (pointer === undefined) return registers;
  const address = viewOf(pointer).getBigUint64(0, true);
  if (address === 0n || address > BigInt(Number.MAX_SAFE_INTEGER)) return registers;
  const sequence = memory.tryRead(addr(address), SEQUENCE.sizeBytes);
  if (sequence === undefined) return registers;
  const field = (offset: number): number => Number(viewOf(sequence).getBigUint64(offset, true));
  const offset = machine.registers.pc(registers) - field(SEQUENCE.start);
  if (offset < 0 || offset >= field(SEQUENCE.length)) return registers;
  return machine.registers.withPc(registers, addr(field(SEQUENCE.abort)));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
