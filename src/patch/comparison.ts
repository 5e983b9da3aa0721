/** What a comparison of compiled code with the running code works on, and what it says. */
import type { Machine } from '../arch/arch.js';
import type { Decoder } from '../arch/decoder.js';
import type { Memory } from '../core/memory.js';
import type { LoadedModule } from '../elf/loaded-module.js';
import type { Binder } from '../link/bind.js';
import type { LiveSymbols } from '../link/live-symbols.js';
import type { ObjectUnit } from '../link/object-unit.js';

export type Comparison =
  | { readonly same: true }
  | { readonly same: false; readonly reason: 'body' | 'constant' };

export const SAME: Comparison = { same: true };
export const BODY: Comparison = { same: false, reason: 'body' };
export const CONSTANT: Comparison = { same: false, reason: 'constant' };

export interface CompareContext {
  readonly unit: ObjectUnit;
  readonly binder: Binder;
  readonly symbols: LiveSymbols;
  readonly module: LoadedModule;
  readonly machine: Machine;
  /** With redirects undone. */
  readonly original: Memory;
  /** Undefined while it is not loaded: then only bytes decide. */
  readonly decoder: Decoder | undefined;
}

/** Whether two pieces hold the same bytes from `start` to `end`. */
export function sameBytes(a: Uint8Array, b: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (a[i] !== b[i]) return false;
  return true;
}
