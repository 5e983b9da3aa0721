/** All that the readers say of a program, to be compared with what they say of it in another form. */
import type { DebugInfo } from '../../src/dwarf/debug-info.js';
import type { FunctionEntry } from '../../src/dwarf/functions.js';
import { parameterHomes } from '../../src/dwarf/parameter-homes.js';
import { signatureOf } from '../../src/dwarf/signature.js';
import { typeKey } from '../../src/dwarf/type-key.js';
import { typeOf } from '../../src/dwarf/types.js';
import type { Unit } from '../../src/dwarf/unit.js';

export function describeAll(info: DebugInfo): readonly object[] {
  return [...info.units()].map((unit) => ({
    name: unit.name,
    compDir: unit.compDir,
    language: unit.language,
    version: unit.version,
    ranges: unit.ranges,
    functions: unit
      .functions()
      .filter(({ entry, isInlined }) => entry !== undefined || isInlined)
      .map((entry) => describeFunction(unit, entry))
      .sort(byText),
    copies: unit
      .inlinedCopies()
      .map(({ callee, caller, callLine }) => [
        callee.qualifiedName,
        caller.qualifiedName,
        callee.declFile,
        callLine,
      ])
      .sort(byText),
    variables: unit
      .variables()
      .map((variable) => ({
        name: variable.qualifiedName,
        function: variable.function?.qualifiedName,
        ordinal: variable.ordinal,
        location: variable.location,
        declFile: variable.declFile,
        sizeBytes: variable.sizeBytes,
        type: variable.typeText,
        key: typeKey(typeOf(variable.die())),
      }))
      .sort(byText),
  }));
}

function describeFunction(unit: Unit, fn: FunctionEntry): object {
  return {
    name: fn.qualifiedName,
    linkageName: fn.linkageName,
    entry: fn.entry,
    ranges: fn.ranges(),
    external: fn.external,
    isInlined: fn.isInlined,
    declared: [fn.declFile, fn.declLine],
    signature: signatureOf(fn),
    homes: parameterHomes(fn, String),
    line: fn.entry && unit.lineOf(fn.entry),
    isFound: fn.entry && unit.functionAt(fn.entry)?.entry === fn.entry,
  };
}

function byText(a: unknown, b: unknown): number {
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}
