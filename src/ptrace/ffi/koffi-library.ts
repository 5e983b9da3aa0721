/** libc through koffi; a call costs half a microsecond. */
import { createRequire } from 'node:module';
import type { ForeignFunction, ForeignLibrary, ForeignType } from './foreign.js';

type Koffi = typeof import('koffi');

const TYPE_NAMES: Readonly<Record<ForeignType, string>> = {
  int: 'int',
  long: 'int64_t',
  address: 'uintptr_t',
  buffer: 'void *',
};

/** @throws when the package or its native part is not there. */
export function openKoffi(): ForeignLibrary {
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  const libc = koffi.load(null);
  return {
    name: 'koffi',
    bind(symbol, returns, parameters): ForeignFunction {
      const call = libc.func(
        symbol,
        TYPE_NAMES[returns],
        parameters.map((type) => TYPE_NAMES[type]),
      ) as unknown as (...args: readonly unknown[]) => number;
      return (...args) => {
        const result = call(...args);
        return result === -1 ? -koffi.errno() : result;
      };
    },
  };
}
