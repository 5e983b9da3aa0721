/**
 * The code of a module at one moment of its life, for the analyses of calls: as it was built, or
 * with the bodies of a generation in place.
 */
import type { Jumps } from '../arch/jumps.js';
import type { CodePatterns } from '../arch/patterns.js';
import type { RegisterSet } from '../arch/register-set.js';
import { type Addr, type AddrRange, contains, offsetBy } from '../core/address.js';
import type { Memory } from '../core/memory.js';
import { STT } from '../elf/constants.js';
import { type LoadedModule, fileAddress } from '../elf/loaded-module.js';
import type { LiveSymbol } from '../link/live-symbols.js';
import type { CodeSource, FunctionCode } from './function-code.js';

/** A body that an entry leads to: its code, after the jump that is at the entry. */
export interface RedirectedCode {
  readonly entry: Addr;
  /** Body and cold parts; the body first. */
  readonly ranges: readonly AddrRange[];
}

export interface ModuleCodeInput {
  readonly module: LoadedModule;
  /** Original code of entries, whatever they lead to now. */
  readonly original: Memory;
  /** Code in the patch area. */
  readonly patched: Memory;
  readonly patterns: CodePatterns;
  readonly jumps: Jumps;
  /** The functions of the translation unit, whose callers know each other's code. */
  readonly unit: readonly LiveSymbol[];
  readonly redirected: readonly RedirectedCode[];
  readonly returnedBy: (entry: Addr) => RegisterSet | undefined;
}

export class ModuleCode implements CodeSource {
  private readonly input: ModuleCodeInput;
  private readonly functions = new Map<Addr, FunctionCode | undefined>();
  private readonly redirects: ReadonlyMap<Addr, RedirectedCode>;

  constructor(input: ModuleCodeInput) {
    this.input = input;
    this.redirects = new Map(input.redirected.map((code) => [code.entry, code]));
  }

  functionAt(address: Addr): FunctionCode | undefined {
    const redirect =
      this.redirects.get(address) ??
      this.input.redirected.find(({ ranges }) => ranges.some((range) => contains(range, address)));
    const entry = redirect?.entry ?? this.symbolAt(address)?.address;
    if (entry === undefined) return undefined;
    if (!this.functions.has(entry)) this.functions.set(entry, this.read(entry));
    return this.functions.get(entry);
  }

  callersOf(entry: Addr): readonly FunctionCode[] {
    const entries = new Set([
      ...this.input.unit.map(({ address }) => address),
      ...this.redirects.keys(),
    ]);
    return [...entries].flatMap((address) => {
      const fn = this.functionAt(address);
      const calls = fn?.parts.some((part) =>
        this.input.patterns.branchesTo(part.code, entry - part.address),
      );
      return fn !== undefined && calls === true ? [fn] : [];
    });
  }

  /** Not worked out: the analyses then take those that the code reads. */
  passedTo(): RegisterSet | undefined {
    return undefined;
  }

  returnedBy(entry: Addr): RegisterSet | undefined {
    return this.input.returnedBy(entry);
  }

  private read(entry: Addr): FunctionCode | undefined {
    const redirect = this.redirects.get(entry);
    return redirect === undefined ? this.readOriginal(entry) : this.readRedirected(redirect);
  }

  private readRedirected({ entry, ranges }: RedirectedCode): FunctionCode | undefined {
    const parts = ranges.flatMap((range) => {
      const code = this.input.patched.tryRead(range.start, range.end - range.start);
      return code === undefined ? [] : [{ address: range.start, code }];
    });
    const [body] = parts;
    if (body === undefined || parts.length < ranges.length) return undefined;
    // A new function has no other entry; a patched one is seen to jump from its entry to its body.
    if (body.address === entry) return { entry, parts };
    const code = this.input.jumps.near(entry, body.address);
    return code === undefined ? undefined : { entry, parts: [{ address: entry, code }, ...parts] };
  }

  private readOriginal(entry: Addr): FunctionCode | undefined {
    const symbol = this.symbolAt(entry);
    if (symbol === undefined) return undefined;
    const cold = this.input.unit.filter(({ name }) => name === `${symbol.name}.cold`);
    const parts = [symbol, ...cold].flatMap(({ address, sizeBytes }) => {
      const code = this.input.original.tryRead(address, sizeBytes);
      return code === undefined ? [] : [{ address, code }];
    });
    return parts.length === 0 ? undefined : { entry: symbol.address, parts };
  }

  private symbolAt(
    address: Addr,
  ): { readonly name: string; readonly address: Addr; readonly sizeBytes: number } | undefined {
    const { module } = this.input;
    if (!contains(module.range, address)) return undefined;
    const found = module.file
      .symbols()
      .findAddress(fileAddress(module, address))
      .find((symbol) => symbol.type === STT.FUNC);
    if (found === undefined) return undefined;
    const start = offsetBy(address, found.value + module.bias - address);
    return { name: found.name, address: start, sizeBytes: found.sizeBytes };
  }
}
