/** A {@link CodeSource} over a file, made with nm and objdump's help: the reader for tests. */
import type { Decoder } from '../../src/arch/decoder.js';
import type { RegisterSet } from '../../src/arch/register-set.js';
import { addr, type Addr } from '../../src/core/address.js';
import type { CodeSource, FunctionCode } from '../../src/patch/function-code.js';
import type { Workshop } from '../arch/x86-64/build-with-gcc.js';

export interface NamedCode extends CodeSource {
  entryOf(name: string): Addr;
  /** The same code, where calls of one function arrive at the body of another. */
  redirected(from: string, to: string): NamedCode;
}

/** What debug information would say of a function. */
export interface Declared {
  readonly passed?: RegisterSet;
  readonly returned?: RegisterSet;
}

export function codeOfExecutable(
  shop: Workshop,
  decoder: Decoder,
  file: string,
  declared: (name: string) => Declared,
): NamedCode {
  const text = shop.section(file, '.text');
  const [, start = '0'] =
    /\.text\s+PROGBITS\s+([0-9a-f]+)/.exec(shop.run('readelf', '-SW', file)) ?? [];
  const base = Number.parseInt(start, 16);
  const functions = new Map<string, FunctionCode>();
  const names = new Map<Addr, string>();
  for (const line of shop.run('nm', '-S', file).split('\n').sort().reverse()) {
    const [, value = '', size = '', name = ''] = /^(\w+) (\w+) [tT] (\S+)$/.exec(line) ?? [];
    if (name === '') continue;
    const address = addr(Number.parseInt(value, 16));
    const offset = address - base;
    const part = { address, code: text.subarray(offset, offset + Number.parseInt(size, 16)) };
    const owner = name.replace(/\.cold$/, '');
    const before = functions.get(owner);
    const entry = name === owner ? address : (before?.entry ?? address);
    functions.set(owner, { entry, parts: [...(before?.parts ?? []), part] });
    if (name === owner) names.set(address, name);
  }
  const all = [...functions.values()];
  const within = (fn: FunctionCode, address: Addr): boolean =>
    fn.parts.some((part) => address >= part.address && address < part.address + part.code.length);
  const entryOf = (name: string): Addr => {
    const fn = functions.get(name);
    if (!fn) throw new Error(`${file} has no ${name}`);
    return fn.entry;
  };
  const declaredAt = (entry: Addr): Declared => declared(names.get(entry) ?? '');
  const source: NamedCode = {
    entryOf,
    functionAt: (address) => all.find((fn) => within(fn, address)),
    callersOf: (entry) =>
      all.filter((fn) =>
        fn.parts.some((part) =>
          decoder.decode(part.code, part.address).some(({ target }) => target === entry),
        ),
      ),
    passedTo: (entry) => declaredAt(entry).passed,
    returnedBy: (entry) => declaredAt(entry).returned,
    redirected: (from, to) => ({
      ...source,
      functionAt: (address) => source.functionAt(address === entryOf(from) ? entryOf(to) : address),
    }),
  };
  return source;
}
