/** `hcr functions`: what can be patched. The target is not stopped. */
import { type Vaddr, hex, vaddr } from '../core/address.js';
import { isHcrError } from '../core/failure.js';
import { STT } from '../elf/constants.js';
import { type LoadedModule, liveAddress } from '../elf/loaded-module.js';
import type { SymbolTable } from '../elf/symbols.js';
import { selectModules } from '../link/find-function.js';
import { isColdPart, isCompilerMade, sourceName } from '../link/live-unit.js';
import { type Body, bodiesAt, lineage } from '../patch/ledger.js';
import { type FunctionFacts, type SourceFunction, readFunctionFacts } from './function-facts.js';
import { matcherOf } from './name-pattern.js';
import { ProcessImage } from './observe.js';
import { isOwnModule } from './own-modules.js';
import type { FunctionListing, FunctionsReport } from './report.js';

/** Debug information up to this size is read whole even when only some functions are asked for:
 *  that takes a blink, and finds those of which only inlined copies exist. */
const SMALL_DEBUG_INFO_BYTES = 16 << 20;

/** What the parts of a listing are made from. */
interface Query {
  readonly image: ProcessImage;
  readonly pattern: string | undefined;
  readonly accepts: (name: string) => boolean;
  /** Whether the name that a symbol has in the source may be one that is asked for. */
  readonly mayMean: (symbol: string) => boolean;
  /** The bodies that hcr made live, by their entries. */
  readonly patched: ReadonlyMap<number, Body>;
  readonly notes: string[];
}

interface ListedSymbol {
  readonly name: string;
  readonly at: Vaddr;
  readonly sizeBytes: number;
}

/** A listing with what it is sorted by. */
interface Row {
  readonly listing: FunctionListing;
  readonly source: SourceFunction | undefined;
  readonly address: number;
}

/**
 * @param pattern a glob or a part of the name; without it, functions that debug information does
 *   not know are left out where there is debug information: the C library's start-up code and
 *   libraries linked statically
 * @param module by path or name; default: the executable and all that are no system libraries
 * @throws HcrError `no-such-process`, `attach-denied`, `unsupported-machine`, `module-not-found`,
 *   `ledger-corrupt`, `malformed-file`
 */
export function listFunctions(
  pid: number,
  pattern: string | undefined,
  module: string | undefined,
): Promise<FunctionsReport> {
  // What goes wrong here must reject.
  return Promise.resolve().then(() => {
    using image = ProcessImage.of(pid);
    const { ledger } = image.store;
    const notes: string[] = [];
    const words = pattern?.toLowerCase().match(/[a-z_]\w*/g) ?? [];
    const hasWords = (symbol: string): boolean => {
      const lower = symbol.toLowerCase();
      return words.every((word) => lower.includes(word));
    };
    const query: Query = {
      image,
      pattern,
      accepts: pattern === undefined ? () => true : matcherOf(pattern),
      mayMean: (symbol) => symbol.startsWith('_Z') && pattern !== undefined && hasWords(symbol),
      patched: bodiesAt(ledger, ledger.current),
      notes,
    };
    const modules = chooseModules(image, module, notes);
    const functions = modules.flatMap((chosen) => listModule(query, chosen));
    return { pid, program: image.program, functions, notes };
  });
}

function chooseModules(
  image: ProcessImage,
  wanted: string | undefined,
  notes: string[],
): readonly LoadedModule[] {
  if (wanted !== undefined) return selectModules(image.modules, wanted);
  const left = image.modules.filter((module) => !isOwnModule(module)).map(({ name }) => name);
  if (left.length > 0) {
    const [first = ''] = left;
    notes.push(
      `System libraries are left out (${left.join(', ')}); list one with --module ${first}.`,
    );
  }
  return image.modules.filter(isOwnModule);
}

function listModule(query: Query, module: LoadedModule): FunctionListing[] {
  const symbols = readSymbols(query, module);
  const facts = factsOf(query, module, symbols.listed);
  const ofSymbols: Row[] = [];
  const meanings = new Set<string>();
  let unknown = 0;
  for (const symbol of symbols.listed) {
    const source = facts?.bodies.get(symbol.at);
    if (!query.accepts(symbol.name) && !query.accepts(source?.label ?? '')) continue;
    // Several names of one destructor mean nothing to the user; those of C are all the source's.
    const label = symbol.name.startsWith('_Z') ? source?.label : undefined;
    const meaning = `${label ?? symbol.name} ${symbol.at}`;
    if (meanings.has(meaning)) continue;
    meanings.add(meaning);
    const row = rowOf(query, module, symbol, source);
    const isKnown =
      facts === undefined || source?.file !== undefined || row.listing.state === 'patched';
    if (isKnown || query.pattern !== undefined) ofSymbols.push(row);
    else unknown += 1;
  }
  if (unknown > 0) {
    query.notes.push(
      `${module.name}: ${unknown} functions without debug information are left out, such as start-up code and static libraries; list them with '*' as pattern.`,
    );
  }
  return ofSymbols
    .concat(bodilessRows(query, module, facts ?? factsOfSymbols(symbols), symbols.clones))
    .concat(addedRows(query, module, symbols.entries))
    .sort(compareRows)
    .map(({ listing }) => listing);
}

interface FunctionSymbols {
  readonly listed: readonly ListedSymbol[];
  /** Where functions begin, asked for or not. */
  readonly entries: ReadonlySet<Vaddr>;
  /** Names of compiler-made clones and parts, by where they begin. */
  readonly clones: ReadonlyMap<Vaddr, string>;
}

function readSymbols(query: Query, module: LoadedModule): FunctionSymbols {
  const entries = new Set<Vaddr>();
  const clones = new Map<Vaddr, string>();
  const listed: ListedSymbol[] = [];
  const seen = new Set<string>();
  for (const symbol of symbolsOf(query, module)) {
    if (symbol.type !== STT.FUNC || symbol.home !== 'section') continue;
    const { name, sizeBytes } = symbol;
    const at = vaddr(symbol.value);
    entries.add(at);
    if (isCompilerMade(name)) clones.set(at, name);
    else if (name !== '' && (query.accepts(name) || query.mayMean(name))) {
      const key = `${at} ${name}`;
      if (!seen.has(key)) listed.push({ name, at, sizeBytes });
      seen.add(key);
    }
  }
  return { listed, entries, clones };
}

function symbolsOf({ notes }: Query, { name, file }: LoadedModule): SymbolTable {
  const table = file.symbols();
  if (table.count > 1) return table;
  const exported = file.dynamicSymbols();
  notes.push(`${name} is stripped: only the functions that it exports have names.`);
  return exported;
}

/** Undefined without debug information, or when it is damaged. */
function factsOf(
  query: Query,
  module: LoadedModule,
  listed: readonly ListedSymbol[],
): FunctionFacts | undefined {
  try {
    const info = query.image.debugInfo(module);
    if (info === undefined) return undefined;
    const isSmall = info.sizeBytes <= SMALL_DEBUG_INFO_BYTES;
    // A function that is nowhere in the symbol table may be in the program as inlined copies.
    if (query.pattern === undefined || isSmall || listed.length === 0) {
      return noteAbsent(query, readFunctionFacts(module.file, query.accepts, undefined));
    }
    const units = new Set(
      listed.flatMap(({ at }) => {
        const unit = info.unitAt(at);
        return unit === undefined ? [] : [unit.offset];
      }),
    );
    query.notes.push(
      `${module.name} is large: inlined copies were looked for only in the source files of these functions; without a pattern all are.`,
    );
    return noteAbsent(query, readFunctionFacts(module.file, query.accepts, units));
  } catch (error) {
    if (!isHcrError(error, 'malformed-file')) throw error;
    query.notes.push(`The debug information of ${module.name} cannot be read: ${error.message}`);
    return undefined;
  }
}

function noteAbsent({ notes }: Query, facts: FunctionFacts): FunctionFacts {
  const [first, ...others] = facts.absent;
  if (first !== undefined) {
    notes.push(others.length === 0 ? first : `${first} So it is for ${others.length} more.`);
  }
  return facts;
}

function rowOf(
  query: Query,
  module: LoadedModule,
  symbol: ListedSymbol,
  source: SourceFunction | undefined,
): Row {
  const entry = liveAddress(module, symbol.at);
  const body = query.patched.get(entry);
  const place = body?.source ?? (source && placeOf(source));
  return {
    source,
    address: entry,
    listing: {
      name: symbol.name,
      ...(source?.label === undefined || !symbol.name.startsWith('_Z')
        ? {}
        : { label: source.label }),
      module: module.path,
      entry: hex(entry),
      sizeBytes: symbol.sizeBytes,
      ...(place === undefined ? {} : { source: place }),
      inlinedIn: [...(source?.inlinedIn ?? [])].sort(),
      ...stateOf(query, body),
    },
  };
}

function stateOf(
  { image }: Query,
  body: Body | undefined,
): Pick<FunctionListing, 'state' | 'generation'> {
  if (body === undefined) return { state: 'original', generation: 0 };
  const { ledger } = image.store;
  const generation = lineage(ledger, ledger.current).find(({ bodies }) => bodies.includes(body));
  return { state: 'patched', generation: generation?.number ?? ledger.current };
}

/** Functions that are in the program only as inlined copies or as compiler-made clones. */
function bodilessRows(
  query: Query,
  module: LoadedModule,
  facts: FunctionFacts,
  clones: FunctionSymbols['clones'],
): Row[] {
  const withBody = new Set<SourceFunction>();
  const candidates = new Set(facts.inlined);
  const patched = new Map<SourceFunction, Body>();
  for (const [at, fn] of facts.bodies) {
    (clones.has(at) ? candidates : withBody).add(fn);
    const body = query.patched.get(liveAddress(module, at));
    if (body !== undefined) patched.set(fn, body);
  }
  return [...candidates]
    .filter((fn) => !withBody.has(fn) && fn.name !== '' && query.accepts(fn.label ?? fn.name))
    .map((fn) => {
      const body = patched.get(fn);
      const place = body?.source ?? placeOf(fn);
      return {
        source: fn,
        address: 0,
        listing: {
          name: fn.name,
          ...(fn.label === undefined ? {} : { label: fn.label }),
          module: module.path,
          sizeBytes: 0,
          ...(place === undefined ? {} : { source: place }),
          inlinedIn: [...fn.inlinedIn].sort(),
          ...stateOf(query, body),
        },
      };
    });
}

/** What names alone say, without debug information. */
function factsOfSymbols({ listed, clones }: FunctionSymbols): FunctionFacts {
  const known = new Map<string, SourceFunction>();
  const bodies = new Map<Vaddr, SourceFunction>();
  const add = (at: Vaddr, name: string): void => {
    const fn = known.get(name) ?? {
      ...{ name, label: undefined, file: undefined, line: undefined },
      inlinedIn: new Set(),
    };
    known.set(name, fn);
    bodies.set(at, fn);
  };
  for (const { at, name } of listed) add(at, name);
  for (const [at, name] of clones) if (!isColdPart(name)) add(at, sourceName(name));
  return { bodies, inlined: new Set(), absent: new Set() };
}

/** Functions that the program has only since a patch. */
function addedRows(query: Query, module: LoadedModule, known: ReadonlySet<Vaddr>): Row[] {
  return [...query.patched.values()]
    .filter(
      (body) => body.module === module.path && !known.has((body.entry - module.bias) as Vaddr),
    )
    .filter((body) => query.accepts(body.name))
    .map((body) => ({
      source: undefined,
      address: body.entry,
      listing: {
        name: body.name,
        module: module.path,
        entry: hex(body.entry),
        sizeBytes: body.sizeBytes,
        ...(body.source === undefined ? {} : { source: body.source }),
        inlinedIn: [],
        ...stateOf(query, body),
      },
    }));
}

function placeOf({ file, line }: SourceFunction): string | undefined {
  if (file === undefined) return undefined;
  return line === undefined ? file : `${file}:${line}`;
}

/** By source file and line; functions without a source last, by address. */
function compareRows(a: Row, b: Row): number {
  return (
    compareTexts(a.source?.file ?? '\uffff', b.source?.file ?? '\uffff') ||
    (a.source?.line ?? 0) - (b.source?.line ?? 0) ||
    a.address - b.address ||
    compareTexts(a.listing.name, b.listing.name)
  );
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
