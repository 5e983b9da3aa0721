/**
 * Numbers that say which space they live in.
 *
 * A user-space address of every supported machine fits a double exactly (at most 57 bits are
 * specified, 47 are used), and bigint arithmetic is about ten times slower, so addresses are
 * branded numbers. The constructors are the only way in and check what they are given.
 */
import { HcrError } from './failure.js';

declare const brand: unique symbol;

/** Address in a live process. */
export type Addr = number & { readonly [brand]: 'Addr' };
/** Address written in an ELF file, before the load bias is added. */
export type Vaddr = number & { readonly [brand]: 'Vaddr' };
/** What is added to a {@link Vaddr} of a module to get the {@link Addr} it is mapped at. */
export type LoadBias = number & { readonly [brand]: 'LoadBias' };
/** Process id (thread group id). */
export type Pid = number & { readonly [brand]: 'Pid' };
/** Thread id. The leader's equals the process id. */
export type Tid = number & { readonly [brand]: 'Tid' };

/** Half-open range `[start, end)`. */
export interface Range<A extends number> {
  readonly start: A;
  readonly end: A;
}
export type AddrRange = Range<Addr>;
export type VaddrRange = Range<Vaddr>;

function checked(value: number | bigint, what: string): number {
  const n = Number(value);
  if (!Number.isSafeInteger(n) || n < 0) {
    throw new HcrError({ code: 'malformed-file', what, detail: `${String(value)} is no address` });
  }
  return n;
}

/** @throws HcrError `malformed-file` when the value is negative or above 2^53. */
export function addr(value: number | bigint): Addr {
  return checked(value, 'address') as Addr;
}

/** @throws HcrError `malformed-file` when the value is negative or above 2^53. */
export function vaddr(value: number | bigint): Vaddr {
  return checked(value, 'file address') as Vaddr;
}

/** A bias may be negative: a prelinked library can be mapped below its own addresses. */
export function loadBias(value: number): LoadBias {
  return value as LoadBias;
}

export function pid(value: number): Pid {
  return checked(value, 'process id') as Pid;
}

export function tid(value: number): Tid {
  return checked(value, 'thread id') as Tid;
}

/** Where a file address is in the live process. */
export function relocate(address: Vaddr, bias: LoadBias): Addr {
  return addr(address + bias);
}

/** Where a live address is in the file it was mapped from. */
export function unrelocate(address: Addr, bias: LoadBias): Vaddr {
  return vaddr(address - bias);
}

/** The address `bytes` further on (back, when negative), in the same space. */
export function offsetBy<A extends Addr | Vaddr>(address: A, bytes: number): A {
  return checked(address + bytes, 'address') as A;
}

/** The addresses of something that begins here. */
export function rangeAt<A extends Addr | Vaddr>(start: A, sizeBytes: number): Range<A> {
  return { start, end: offsetBy(start, sizeBytes) };
}

export function contains<A extends number>(range: Range<A>, address: number): boolean {
  return address >= range.start && address < range.end;
}

export function overlaps<A extends number>(a: Range<A>, b: Range<A>): boolean {
  return a.start < b.end && b.start < a.end;
}

/** `value` rounded up to a multiple of `alignment` (a power of two or any positive integer). */
export function alignUp(value: number, alignment: number): number {
  return alignment <= 1 ? value : Math.ceil(value / alignment) * alignment;
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
