/** libc through ffi-rs: the second way, for machines on which koffi does not load. */
import { createRequire } from 'node:module';
import type { ForeignFunction, ForeignLibrary, ForeignType } from './foreign.js';

type FfiRs = typeof import('ffi-rs');

const LIBRARY = 'libc';

/** @throws when the package or its native part is not there. */
export function openFfiRs(): ForeignLibrary {
  const ffi = createRequire(import.meta.url)('ffi-rs') as FfiRs;
  const { DataType } = ffi;
  const types = {
    int: DataType.I32,
    long: DataType.I64,
    address: DataType.U64,
    buffer: DataType.U8Array,
  } satisfies Readonly<Record<ForeignType, unknown>>;
  ffi.open({ library: LIBRARY, path: 'libc.so.6' });
  return {
    name: 'ffi-rs',
    bind(symbol, returns, parameters): ForeignFunction {
      const bound = ffi.define({
        [symbol]: {
          library: LIBRARY,
          retType: types[returns],
          paramsType: parameters.map((type) => types[type]),
          errno: true,
        },
      }) as unknown as Record<
        string,
        (args: readonly unknown[]) => { readonly value: number; readonly errnoCode: number }
      >;
      const call = bound[symbol];
      if (call === undefined) throw new TypeError(`ffi-rs did not bind ${symbol}`);
      return (...args) => {
        const { value, errnoCode } = call(args);
        return value === -1 ? -errnoCode : value;
      };
    },
  };
}
