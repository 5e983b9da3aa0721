/** Everything that is asked of debug information, as attach and reload ask it. */
import { vaddr } from '../../src/core/address.js';
import { compareTypes } from '../../src/dwarf/changed-types.js';
import type { DebugInfo } from '../../src/dwarf/debug-info.js';
import { NamedTypes } from '../../src/dwarf/named-types.js';
import { parameterHomes } from '../../src/dwarf/parameter-homes.js';
import { signatureOf } from '../../src/dwarf/signature.js';
import { identityOf, sourceLabel } from '../../src/dwarf/source-name.js';
import { TypeUses } from '../../src/dwarf/type-uses.js';
import { LayoutReader } from '../../src/dwarf/type-layout.js';
import type { Unit } from '../../src/dwarf/unit.js';
import { scopedNameOf } from '../../src/link/read-live-unit.js';
import { parseProducer } from '../../src/build/producer-flags.js';
import { attempt } from '../target.js';

const ADDRESSES = [0, 1, 0x1010, 0x1200, 0x401000, 0x401020, 0x401051, 2 ** 47].map(vaddr);

function askUnit(unit: Unit): void {
  for (const ask of [
    () => [unit.name, unit.compDir, unit.language],
    () => parseProducer(unit.producer ?? ''),
    () => unit.ranges,
    () => unit.files(),
    () => unit.includeDirectories(),
    () => unit.inlinedCopies(),
    () => unit.accountsForCalls(),
    ...ADDRESSES.flatMap((address) => [() => unit.lineOf(address), () => unit.functionAt(address)]),
  ]) {
    attempt<unknown>(ask);
  }
  for (const entry of attempt(() => unit.functions()) ?? []) {
    for (const ask of [
      () => [entry.qualifiedName, identityOf(entry), sourceLabel(entry)],
      () => [entry.declFile, entry.declLine, entry.external],
      () => entry.ranges(),
      () => signatureOf(entry),
      () => parameterHomes(entry, (address) => address.toString(16)),
    ]) {
      attempt<unknown>(ask);
    }
  }
  for (const variable of attempt(() => unit.variables()) ?? []) {
    attempt(() => [variable.typeText, variable.sizeBytes, variable.location]);
    attempt(() => [scopedNameOf(variable), variable.declFile, variable.declLine]);
  }
  askTypes(unit);
}

function askTypes(unit: Unit): void {
  const types = attempt(() => [...new NamedTypes(unit.dies).all()]) ?? [];
  const layouts = new LayoutReader();
  for (const { die } of types) attempt(() => layouts.layoutOf(die));
  attempt(() => compareTypes(unit.dies, unit.dies));
  const offsets = new Set(types.slice(0, 2).map(({ die }) => die.offset));
  const uses = attempt(() => new TypeUses(unit));
  if (uses !== undefined) attempt(() => uses.usersOf(offsets, 'mentioned'));
  if (uses !== undefined) attempt(() => uses.usersOf(offsets, 'held'));
}

export function askDebugInfo(info: DebugInfo): void {
  for (const address of ADDRESSES) attempt(() => info.unitForAddress(address));
  attempt(() => info.unitsNaming(['pair', 'ns::Derived']));
  for (const unit of attempt(() => [...info.units()]) ?? []) askUnit(unit);
  info.absent();
}
