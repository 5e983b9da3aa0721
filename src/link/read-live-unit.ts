/** Collects what one translation unit keeps to itself in the live program. */
import { resolve } from 'node:path';
import { type Addr, type Vaddr, contains } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { Unit } from '../dwarf/unit.js';
import type { VariableEntry } from '../dwarf/variables.js';
import { STB, STT } from '../elf/constants.js';
import { type LoadedModule, fileAddress, liveAddress } from '../elf/loaded-module.js';
import type { ElfSymbol } from '../elf/symbols.js';
import { type LiveSymbol, liveSymbol } from './live-symbols.js';
import type { LiveUnit, LiveVariable } from './live-unit.js';

/** The scoped name of a variable, equal in the live program's and the new object's debug
 *  information: `file level: "#counter#0"`, in a function `next_id#n#0`. */
export function scopedNameOf(variable: VariableEntry): string {
  const scope = variable.function?.qualifiedName ?? variable.scopePath.join('::');
  return `${scope}#${variable.name}#${variable.ordinal}`;
}

/**
 * @param unit its debug information, when there is some
 * @param sourceName basename of its source, to tell local symbols of units apart without it
 * @param inside an address of a function of the unit
 */
export function readLiveUnit(
  module: LoadedModule,
  unit: Unit | undefined,
  sourceName: string,
  inside: Addr,
): LiveUnit {
  const variables =
    unit === undefined ? new Map<string, LiveVariable>() : readVariables(module, unit);
  const locals = localSymbols(module, unit, sourceName, inside);
  const functions = new Map<string, LiveSymbol>();
  const objects = new Map<string, LiveSymbol>();
  for (const symbol of locals) {
    const live = liveSymbol(module, symbol);
    if (live === undefined) continue;
    const { type, name } = symbol;
    if (type === STT.FUNC || type === STT.GNU_IFUNC) functions.set(name, live);
    if (type === STT.OBJECT || type === STT.TLS) objects.set(name, live);
  }
  const owns = (address: Addr): boolean =>
    unit === undefined ||
    unit.ranges.some((range) => contains(range, fileAddress(module, address)));
  const name = nameOf(module, unit, sourceName);
  return { module, name, functions, objects, variables, owns };
}

/** Tells the unit from all others of the module, in the ledger too: what patches add to two sources of
 *  one name is not the same. */
function nameOf(module: LoadedModule, unit: Unit | undefined, sourceName: string): string {
  const isAlone = module.file.symbols().localsOfFile(sourceName).length <= 1;
  return unit === undefined || isAlone ? sourceName : resolve(unit.compDir ?? '/', unit.name);
}

function readVariables(module: LoadedModule, unit: Unit): Map<string, LiveVariable> {
  const found = new Map<string, LiveVariable>();
  for (const variable of unit.variables()) {
    const { location } = variable;
    if (location === undefined) continue;
    const { sizeBytes } = variable;
    if (location.kind === 'static') {
      found.set(scopedNameOf(variable), {
        address: liveAddress(module, location.vaddr),
        sizeBytes,
        blockOffset: undefined,
      });
    } else {
      found.set(scopedNameOf(variable), {
        address: module.range.start,
        sizeBytes,
        blockOffset: location.offset,
      });
    }
  }
  return found;
}

/** The local symbols of the unit. Units may have sources of the same name; then the one that holds
 *  the address counts, or the one whose functions lie in the unit's ranges. */
function localSymbols(
  module: LoadedModule,
  unit: Unit | undefined,
  sourceName: string,
  inside: Addr,
): readonly ElfSymbol[] {
  const groups = module.file.symbols().localsOfFile(sourceName);
  if (groups.length === 1 && groups[0] !== undefined) return groups[0].symbols;
  const at = fileAddress(module, inside);
  const holds = (symbol: ElfSymbol): boolean =>
    symbol.type === STT.FUNC && symbol.binding === STB.LOCAL && isWithin(symbol, at, unit);
  const found = groups.find((group) => group.symbols.some(holds));
  if (found !== undefined || unit !== undefined || groups.length === 0) return found?.symbols ?? [];
  throw new HcrError({
    code: 'function-not-patchable',
    function: sourceName,
    reason: `${module.name} was built from ${groups.length} sources of that name, and without debug information their static variables cannot be told apart`,
    advice: 'Build with -g.',
  });
}

function isWithin(symbol: ElfSymbol, at: Vaddr, unit: Unit | undefined): boolean {
  if (unit !== undefined) return unit.ranges.some((range) => contains(range, symbol.value));
  return at >= symbol.value && at < symbol.value + symbol.sizeBytes;
}
