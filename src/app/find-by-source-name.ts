/** Functions by the names that they have in the source, where their symbols have others: C++. */
import { vaddr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { FunctionEntry } from '../dwarf/functions.js';
import {
  type WantedName,
  isCalled,
  parseWantedName,
  sourceLabel,
  templateName,
} from '../dwarf/source-name.js';
import type { Unit } from '../dwarf/unit.js';
import { STT } from '../elf/constants.js';
import { type LoadedModule, liveAddress } from '../elf/loaded-module.js';
import { type FoundFunction, moduleLabel, splitFunctionName } from '../link/find-function.js';
import { isColdPart, isCompilerMade, sourceName } from '../link/live-unit.js';
import { basename } from 'node:path';
import type { ProcessImage } from './observe.js';

export interface NamedFunction {
  readonly found: FoundFunction;
  readonly unit: Unit;
  readonly entry: FunctionEntry;
}

/**
 * All functions that the name means: one, or the instances of one template.
 * @returns none when there is none
 * @throws HcrError `ambiguous-function` when it means several
 */
export function findBySourceName(
  image: ProcessImage,
  modules: readonly LoadedModule[],
  text: string,
): readonly NamedFunction[] {
  const { file, name } = splitFunctionName(text);
  const wanted = parseWantedName(name);
  if (wanted.words.length === 0) return [];
  const byModule = modules
    .map((module) => namedIn(image, module, wanted))
    .map((list) =>
      file === undefined ? list : list.filter(({ unit }) => basename(unit.name) === basename(file)),
    );
  const own = byModule.find(([first]) => first?.found.module.isExecutable);
  const all = own ?? byModule.flat();
  const meanings = new Map(all.map((each) => [meaningOf(each), each]));
  if (meanings.size <= 1) return all;
  const labels = new Map(
    all.map(({ found: { module } }) => [module, moduleLabel(module, modules)] as const),
  );
  throw new HcrError({
    code: 'ambiguous-function',
    function: text,
    candidates: [...new Set([...meanings.values()].map((each) => candidateName(each, labels)))],
    modules: [...new Set(labels.values())],
  });
}

/** Overloads and functions of different files or modules are different functions; instances of a
 *  template are one. */
function meaningOf({ unit, entry, found }: NamedFunction): string {
  const { qualifiedName, declFile, declLine } = entry;
  const isTemplate = templateName(qualifiedName) !== qualifiedName.replace(/\s+/g, '');
  const place = isTemplate ? `${declFile ?? ''}:${declLine ?? ''}` : sourceLabel(entry);
  const owner = found.isLocal ? unit.name : '';
  return `${found.module.path} ${templateName(qualifiedName)} ${place ?? ''} ${isTemplate ? '' : owner}`;
}

function candidateName(
  { unit, entry, found }: NamedFunction,
  modules: ReadonlyMap<LoadedModule, string>,
): string {
  const label = sourceLabel(entry) ?? entry.qualifiedName;
  const name = found.isLocal ? `${basename(unit.name)}:${label}` : label;
  return modules.size > 1 ? `${name} (in ${modules.get(found.module) ?? ''})` : name;
}

function namedIn(image: ProcessImage, module: LoadedModule, wanted: WantedName): NamedFunction[] {
  const info = image.debugInfo(module);
  if (info === undefined) return [];
  const table = module.file.symbols();
  const named: NamedFunction[] = [];
  const seen = new Set<number>();
  for (const symbol of table) {
    if (symbol.type !== STT.FUNC || symbol.home !== 'section' || seen.has(symbol.value)) continue;
    if (!symbol.name.startsWith('_Z') || isColdPart(symbol.name)) continue;
    if (!wanted.words.every((word) => symbol.name.includes(word))) continue;
    const at = vaddr(symbol.value);
    const unit = info.unitAt(at);
    const entry = unit?.functions().find((candidate) => candidate.entry === at);
    if (unit === undefined || entry === undefined || !isCalled(entry, wanted)) continue;
    seen.add(symbol.value);
    named.push({
      unit,
      entry,
      found: {
        name: isCompilerMade(symbol.name) ? sourceName(symbol.name) : symbol.name,
        module,
        entry: liveAddress(module, at),
        sizeBytes: symbol.sizeBytes,
        isLocal: symbol.binding === 0,
        file: table.fileOf(symbol),
      },
    });
  }
  return named;
}
