/**
 * A name for the code of a function that two compilations share exactly when they mean the same:
 * its bytes without the relocated fields, what those refer to by name, and the content of the
 * unnamed constants it uses. Tells a later hcr whether a body it finds is already the edited one.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Machine } from '../arch/arch.js';
import type { Section } from '../elf/sections.js';
import type { Binder, Binding } from '../link/bind.js';
import { type ObjectFunction, type ObjectUnit, isCode } from '../link/object-unit.js';
import { type Reference, resolveReferences } from '../link/resolve.js';

const HEX_DIGITS = 32;

/** @throws HcrError as `resolveReferences` */
export function fingerprintOf(
  fn: ObjectFunction,
  unit: ObjectUnit,
  binder: Binder,
  machine: Machine,
): string {
  const hash = createHash('sha256');
  const seen = new Set<Section>([fn.section]);
  for (const section of seen) {
    const isOwn = section === fn.section;
    const start = isOwn ? fn.offset : 0;
    const end = isOwn ? fn.offset + fn.sizeBytes : section.sizeBytes;
    const references = resolveReferences(section, unit, binder, machine.relocations).filter(
      ({ relocation }) => relocation.offset >= start && relocation.offset < end,
    );
    hashContent(hash, unit.object.bytesOf(section), start, end, references);
    for (const { binding } of references) {
      hash.update(describe(binding, unit));
      // Only what belongs to this function alone: its cold part and its constants.
      if (binding.kind === 'fresh' && !isOtherFunction(binding, fn, unit))
        seen.add(binding.section);
    }
  }
  return hash.digest('hex').slice(0, HEX_DIGITS);
}

function isOtherFunction(
  binding: Extract<Binding, { kind: 'fresh' }>,
  fn: ObjectFunction,
  unit: ObjectUnit,
): boolean {
  if (!isCode(binding.section)) return false;
  const owner = unit.functions.find((candidate) => candidate.section === binding.section);
  return owner !== undefined && !owner.name.startsWith(`${fn.name}.cold`);
}

function hashContent(
  hash: Hash,
  bytes: Uint8Array,
  start: number,
  end: number,
  references: readonly Reference[],
): void {
  let at = start;
  for (const { relocation, rule } of references) {
    hash.update(bytes.subarray(at, relocation.offset));
    hash.update(`|${rule.name}+${relocation.addend}|`);
    at = relocation.offset + rule.widthBytes;
  }
  hash.update(bytes.subarray(at, end));
}

function describe(binding: Binding, unit: ObjectUnit): string {
  switch (binding.kind) {
    case 'live':
      return `live ${binding.address}`;
    case 'ifunc':
      return `ifunc ${binding.symbol.name}`;
    case 'thread-local':
      return `tls ${binding.threadOffset}`;
    case 'absent':
      return 'absent';
    case 'fresh': {
      const named = unit.object.symbolsIn(binding.section)[0]?.name ?? '';
      return `fresh ${named}+${binding.offset}`;
    }
  }
}
