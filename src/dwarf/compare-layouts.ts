/** Two versions of a type side by side: what old code and new code would see in different places. */
import type { Difference } from '../core/failure-codes.js';
import type { Field, Slot, TypeLayout } from './type-layout.js';
import { typeText } from './type-text.js';

/** More lines than a message should have. */
const MAX_DIFFERENCES = 16;

/** Empty when code that was compiled for one can work on data of the other. Members that only have
 *  another name are the same; enumerators that only one version has are of no consequence. */
export function compareLayouts(live: TypeLayout, edited: TypeLayout): readonly Difference[] {
  const differences: Difference[] = [];
  if (live.sizeBytes !== edited.sizeBytes) {
    differences.push({
      what: 'its size',
      live: sizeText(live.sizeBytes),
      edited: sizeText(edited.sizeBytes),
    });
  }
  differences.push(...compareFields(live.fields, edited.fields));
  differences.push(...compareSlots(live.slots, edited.slots));
  for (const [name, value] of live.enumerators) {
    const after = edited.enumerators.get(name);
    if (after !== undefined && after !== value)
      differences.push({
        what: 'enumerator',
        live: `${name} = ${value}`,
        edited: `${name} = ${after}`,
      });
  }
  if (differences.length <= MAX_DIFFERENCES) return differences;
  const more = differences.length - MAX_DIFFERENCES;
  const rest = { what: `and ${more} more`, live: '…', edited: '…' };
  return [...differences.slice(0, MAX_DIFFERENCES), rest];
}

/** Whether values of two types are represented alike. What a `void *` leads to is anybody's guess. */
export function sameRepresentation(live: string, edited: string): boolean {
  if (live === edited) return true;
  const bothPointers = live.startsWith('*') && edited.startsWith('*');
  return bothPointers && (live === '*void' || edited === '*void');
}

function compareFields(live: readonly Field[], edited: readonly Field[]): Difference[] {
  if (live.length === edited.length && live.every((field, i) => isSame(field, edited[i])))
    return [];
  const unmatched = new Set(edited);
  const alone: Field[] = [];
  const differences: { readonly at: number; readonly difference: Difference }[] = [];
  const byName = new Map(edited.map((field) => [nameOf(field), field]));
  for (const field of live) {
    const other = field.name === '' ? undefined : byName.get(nameOf(field));
    if (other === undefined) {
      alone.push(field);
      continue;
    }
    unmatched.delete(other);
    if (other.place === field.place && sameRepresentation(field.key, other.key)) continue;
    differences.push({ at: positionOf(other), difference: sideBySide(field, other) });
  }
  for (const field of alone) {
    // Called otherwise now, and nothing else.
    const renamed = [...unmatched].find(
      (other) => other.place === field.place && sameRepresentation(field.key, other.key),
    );
    if (renamed !== undefined) unmatched.delete(renamed);
    else differences.push({ at: positionOf(field), difference: sideBySide(field, undefined) });
  }
  for (const field of unmatched)
    differences.push({ at: positionOf(field), difference: sideBySide(undefined, field) });
  return differences.sort((a, b) => a.at - b.at).map(({ difference }) => difference);
}

function compareSlots(live: readonly Slot[], edited: readonly Slot[]): Difference[] {
  const numbers = [...new Set([...live, ...edited].map(({ number }) => number))];
  return numbers
    .sort((a, b) => a - b)
    .flatMap((number): Difference[] => {
      const [before, after] = [live, edited].map((slots) =>
        slots.filter((slot) => slot.number === number),
      );
      const keys = (slots: readonly Slot[] = []): string => slots.map(({ key }) => key).join();
      if (keys(before) === keys(after)) return [];
      const text = (slots: readonly Slot[] = []): string =>
        slots.map((slot) => slot.text).join(', ') || 'inherited or none';
      return [
        { what: `slot ${number} of its virtual table`, live: text(before), edited: text(after) },
      ];
    });
}

function isSame(a: Field, b: Field | undefined): boolean {
  return a.name === b?.name && a.place === b.place && a.key === b.key && a.role === b.role;
}

function nameOf({ role, name }: Field): string {
  return `${role} ${name}`;
}

function sideBySide(live: Field | undefined, edited: Field | undefined): Difference {
  const field = edited ?? live;
  const what = field?.name === '' ? 'padding' : `${field?.role ?? ''} ${field?.name ?? ''}`;
  return { what, live: fieldText(live), edited: fieldText(edited) };
}

function fieldText(field: Field | undefined): string {
  if (field === undefined) return 'none';
  const text = field.role === 'base class' ? field.name : typeText(field.type, field.name);
  return `${text} ${field.placeText}`;
}

function positionOf({ place }: Field): number {
  const bits = Number.parseInt(place, 10);
  return Number.isNaN(bits) ? 0 : bits;
}

function sizeText(sizeBytes: number | undefined): string {
  return sizeBytes === undefined ? 'unknown' : `${sizeBytes} ${sizeBytes === 1 ? 'byte' : 'bytes'}`;
}
