/**
 * What is private to one translation unit in the live program: its static functions and its
 * static variables, those inside functions included.
 *
 * Several units may have a static of the same name, so a name alone means nothing. A variable is
 * told by its scope: `counter#0` at file level, `next_id/n#0` inside a function; the number counts
 * variables of the same name in the same scope. Scopes come from debug information. Without it the
 * names of the symbol table serve, and `n.1` of the old code is the second `n.*` of the new.
 */
import type { Addr } from '../core/address.js';
import type { LoadedModule } from '../elf/loaded-module.js';
import type { LiveSymbol } from './live-symbols.js';

export interface LiveVariable {
  readonly address: Addr;
  /** Undefined when debug information does not tell. */
  readonly sizeBytes: number | undefined;
  /** Of a thread-local variable its place in the module's block; its address means nothing. */
  readonly blockOffset: number | undefined;
}

export interface LiveUnit {
  readonly module: LoadedModule;
  /** Name of the source, for messages and to tell units apart. */
  readonly name: string;
  /** Static functions and IFUNCs by symbol name. */
  readonly functions: ReadonlyMap<string, LiveSymbol>;
  /** Static variables by symbol name (`n.0`). */
  readonly objects: ReadonlyMap<string, LiveSymbol>;
  /** Static variables by scoped name; empty without debug information. */
  readonly variables: ReadonlyMap<string, LiveVariable>;
  /** Whether code at an address is the unit's own; true of all where debug information does not
   *  tell. */
  readonly owns: (address: Addr) => boolean;
}

/** Of a source that the program was not built from.
 *  @param name tells it from all others */
export function newUnit(module: LoadedModule, name: string): LiveUnit {
  const [functions, objects, variables] = [new Map(), new Map(), new Map()] as const;
  return { module, name, functions, objects, variables, owns: () => false };
}

/** `n.12` taken apart; undefined for a name that the compiler did not number. */
export function numberedName(
  name: string,
): { readonly base: string; readonly number: number } | undefined {
  const match = /^(.+)\.(\d+)$/.exec(name);
  return match?.[1] === undefined ? undefined : { base: match[1], number: Number(match[2]) };
}

/** Symbols `base.N` of a table, by ascending N. */
export function numberedLike<S extends { readonly name: string }>(
  symbols: Iterable<S>,
  base: string,
): S[] {
  return [...symbols]
    .filter((symbol) => numberedName(symbol.name)?.base === base)
    .sort((a, b) => (numberedName(a.name)?.number ?? 0) - (numberedName(b.name)?.number ?? 0));
}

/** A clone or a part of a function that the compiler made: it belongs to its function, and no two
 *  compilations need to agree on what it takes. */
export function isCompilerMade(functionName: string): boolean {
  return /\.(isra|constprop|part|cold|lto_priv|localalias)(\.|$)/.test(functionName);
}

/** A second name of a function for calls that nothing may interpose. */
export function isLocalAlias(functionName: string): boolean {
  return functionName.endsWith('.localalias');
}

/** The rarely run part of a function, reached only from the function itself. */
export function isColdPart(functionName: string): boolean {
  return /\.cold(\.|$)/.test(functionName);
}

/** `f` for `f.isra.0`, `f.part.0.cold`. */
export function sourceName(functionName: string): string {
  return functionName.replace(
    /\.(isra|constprop|part|cold|lto_priv|localalias)(\.\d+)?(?=\.|$).*$/,
    '',
  );
}

/** What runs the constructors of a file's objects before main, or its destructors at exit. */
export function isInitialiser(functionName: string): boolean {
  return /^(_GLOBAL__(sub_)?[ID]_|_Z\d+__static_initialization_and_destruction_\d|__cxx_global_(var_init|array_dtor)|_GLOBAL__I_)/.test(
    functionName,
  );
}

/** Equal for the symbols of one constructor or destructor of C++, of which there are several, for
 *  whole objects and for the bases of others; debug information names a further one for all of them.
 *  @see Itanium C++ ABI, 5.1.4.3 */
export function variantless(symbol: string): string {
  return symbol.startsWith('_Z') ? symbol.replace(/([CD])[0-5](?=E)/g, '$1') : symbol;
}

/** Constants that the compiler names itself and numbers anew each time. */
export function isCompilerConstant(objectName: string): boolean {
  return /^(__func__|__FUNCTION__|__PRETTY_FUNCTION__|CSWTCH|C|__unnamed_\d+|\.LC?\w*)(\.\d+)*$/.test(
    objectName,
  );
}
