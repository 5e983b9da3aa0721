/** What hcr asks of a library that calls C from Node. Two implement it: koffi and ffi-rs. */

/** `buffer` passes the address of a Buffer's bytes; the others are plain numbers. */
export type ForeignType = 'int' | 'long' | 'address' | 'buffer';

export type ForeignArgument = number | Uint8Array;

/** Calls the C function. The result is what it returned, or `-errno` when it returned -1. */
export type ForeignFunction = (...args: readonly ForeignArgument[]) => number;

export interface ForeignLibrary {
  readonly name: 'koffi' | 'ffi-rs';
  bind(
    symbol: string,
    returns: 'int' | 'long' | 'address',
    parameters: readonly ForeignType[],
  ): ForeignFunction;
}
