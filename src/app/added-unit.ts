/** Sources that the program was not built from, as units of one of its modules. */
import { basename, dirname, extname } from 'node:path';
import type { Unit } from '../dwarf/unit.js';
import type { WantedUnit } from './locate.js';

/** A source as a unit of the module that another unit is part of, compiled like that. */
export function addedUnit(
  { module, inside }: Pick<WantedUnit, 'module' | 'inside'>,
  source: string,
  like: Unit,
): WantedUnit {
  const sourceName = basename(source);
  return { module, unit: undefined, sourceName, inside, names: [], added: { source, like } };
}

/** The unit whose neighbour a source is: of the same language, in the nearest folder. */
export function nearest<U extends { readonly source: string }>(
  source: string,
  units: readonly U[],
): U | undefined {
  const folder = dirname(source);
  const distance = (unit: U): number =>
    (extname(unit.source) === extname(source) ? 0 : 2) + (dirname(unit.source) === folder ? 0 : 1);
  return units.reduce<U | undefined>(
    (best, unit) => (best !== undefined && distance(best) <= distance(unit) ? best : unit),
    undefined,
  );
}
