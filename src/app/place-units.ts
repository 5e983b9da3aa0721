/**
 * Layout, reserve and link for the units of one transaction: where the new code goes, and its bytes.
 *
 * A body is linked once as it is, which shows what it does to registers and stack; when the live
 * callers count on more than it keeps, it is linked once more behind a stub.
 */
import type { Decoder } from '../arch/decoder.js';
import { type Addr, offsetBy } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { ElfSymbol } from '../elf/symbols.js';
import { type KeepingNeed, type Layout, layOut } from '../link/layout.js';
import { type PartStarts, linkAt } from '../link/link.js';
import type { NewNames } from '../link/new-names.js';
import type { Block } from '../patch/ledger.js';
import { UnitContracts } from './contracts.js';
import { findRoom } from './find-room.js';
import { assertNoConstructors, assertNothingRunsAtStart } from './new-objects.js';
import type { ProcessImage } from './observe.js';
import type { PlacedUnit } from './placed-unit.js';
import type { WantedUnit } from './locate.js';
import { type PreparedUnit, sectionsOf } from './prepare-unit.js';
import type { PatchRoot } from './select-roots.js';
import { assertDataIsKnown } from './stripped-data.js';
import { assertUnwindable } from './unwinding.js';

/** Units refer to each other by addresses that depend on how they are laid out. What does not come
 *  to rest at once never does. */
const MAX_ROUNDS = 6;

/**
 * @param names what the units bring into the process for each other
 * @throws HcrError `out-of-reach`, `out-of-memory`, `abi-changed`, and those of binding
 */
export function placeUnits(
  image: ProcessImage,
  units: readonly PreparedUnit[],
  names: NewNames<WantedUnit>,
  decoder: Decoder,
  dryRun: boolean,
): PlacedUnit[] {
  const taken: Block[] = [];
  if (units.some(({ brought }) => brought.length > 0)) {
    // Marks fit no field: nothing can be linked before the names have addresses.
    for (const prepared of units) {
      const layout = layOutUnit(image, prepared, new Map(), decoder);
      const blocks = findRoom(image, prepared.wanted.module, layout, taken, dryRun);
      taken.push(...blocks);
      settle(names, prepared, (symbol) => placeOf(symbol, prepared, layout, startsOf(blocks)));
    }
  }
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const placed = placeOnce(image, units, decoder, dryRun);
    const moved = placed.filter(({ prepared, layout, blocks }) =>
      settle(names, prepared, (symbol) => placeOf(symbol, prepared, layout, startsOf(blocks))),
    );
    if (moved.length === 0) return placed;
  }
  throw new HcrError({ code: 'unexpected', detail: 'new code found no place to stay' });
}

/** Gives what a unit brings its addresses. @returns whether one of them is another than before */
function settle(
  names: NewNames<WantedUnit>,
  { wanted, brought }: PreparedUnit,
  addressOf: (symbol: ElfSymbol) => Addr | undefined,
): boolean {
  const moved = brought.map((symbol) => {
    const address = addressOf(symbol);
    return address !== undefined && names.settle(wanted, symbol.name, address);
  });
  return moved.includes(true);
}

function placeOf(
  symbol: ElfSymbol,
  { edited }: PreparedUnit,
  { sections }: Layout,
  starts: PartStarts,
): Addr | undefined {
  const section = edited.unit.object.sectionOf(symbol);
  const placement = section && sections.get(section);
  const start = placement && starts[placement.part];
  return start && offsetBy(start, placement.offset + symbol.value);
}

function startsOf(blocks: readonly Block[]): PartStarts {
  return Object.fromEntries(blocks.map((block) => [block.part, block.start]));
}

function placeOnce(
  image: ProcessImage,
  units: readonly PreparedUnit[],
  decoder: Decoder,
  dryRun: boolean,
): PlacedUnit[] {
  const placed: PlacedUnit[] = [];
  for (const prepared of units) {
    const taken = placed.flatMap((unit) => unit.blocks);
    const plain = placeUnit(image, prepared, new Map(), taken, decoder, dryRun);
    const contracts = new UnitContracts(image, plain, decoder);
    const needs = new Map<PatchRoot, KeepingNeed>();
    for (const root of prepared.roots) {
      const need = contracts.of(root);
      if (need !== undefined) needs.set(root, need);
    }
    placed.push(
      needs.size === 0 ? plain : placeUnit(image, prepared, needs, taken, decoder, dryRun),
    );
  }
  return placed;
}

function placeUnit(
  image: ProcessImage,
  prepared: PreparedUnit,
  needs: ReadonlyMap<PatchRoot, KeepingNeed>,
  taken: readonly Block[],
  decoder: Decoder,
  dryRun: boolean,
): PlacedUnit {
  const { machine } = image.target;
  const layout = layOutUnit(image, prepared, needs, decoder);
  const blocks = findRoom(image, prepared.wanted.module, layout, taken, dryRun);
  return { prepared, layout, blocks, image: linkAt(layout, startsOf(blocks), machine) };
}

/** Says what cannot be, before anything is asked of the target. */
function layOutUnit(
  image: ProcessImage,
  prepared: PreparedUnit,
  needs: ReadonlyMap<PatchRoot, KeepingNeed>,
  decoder: Decoder,
): Layout {
  const { edited, binder, brought } = prepared;
  const roots = prepared.roots.map((root) => ({
    fn: root.fn,
    entry: root.live.address,
    stub: needs.get(root),
  }));
  const { machine } = image.target;
  const asked = sectionsOf(brought, edited);
  const copied = prepared.resets.map(({ section }) => section);
  const layout = layOut(roots, asked, edited.unit, binder, machine, copied);
  assertNothingRunsAtStart(prepared);
  assertNoConstructors(layout, prepared);
  assertDataIsKnown(layout, prepared);
  assertUnwindable(image, layout, prepared, decoder);
  return layout;
}
