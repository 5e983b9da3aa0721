/** Whether the exception handlers of the running code are for the types that new code names. */
import { type Addr, type Vaddr, addr, offsetBy } from '../core/address.js';
import { ByteReader } from '../core/byte-reader.js';
import { isHcrError } from '../core/failure.js';
import { readCallFrames, readEncodedAddress } from '../dwarf/call-frames.js';
import type { LoadedModule } from '../elf/loaded-module.js';
import { HANDLERS_HEADER_BYTES, handledTypes, typeTableEnd } from '../link/handled-types.js';
import type { ObjectFunction } from '../link/object-unit.js';
import { framesOf } from '../link/unwind-frames.js';
import type { TargetComparer } from './compare-targets.js';
import type { CompareContext } from './comparison.js';

const FIELD_BYTES = 8;

export class HandlerComparer {
  private readonly context: CompareContext;
  private readonly targets: TargetComparer;
  private areasOnce: ReadonlyMap<Addr, Addr> | undefined;

  constructor(context: CompareContext, targets: TargetComparer) {
    this.context = context;
    this.targets = targets;
  }

  /** @param entry of the live function */
  isSame(fn: ObjectFunction, entry: Addr): boolean {
    const { unit, binder, machine, original, module } = this.context;
    try {
      const types = handledTypes(fn, unit, framesOf(unit), binder, machine.relocations);
      if (types.length === 0) return true;
      this.areasOnce ??= readHandlerAreas(module);
      const area = this.areasOnce.get(entry);
      const header = area && original.tryRead(area, HANDLERS_HEADER_BYTES);
      // A program may have been stripped of what only the unwinder reads.
      if (area === undefined || header === undefined) return true;
      const end = typeTableEnd(header, module.file.header.littleEndian, module.name);
      if (end === undefined) return false;
      return types.every(({ reference, distanceBytes }) => {
        const place = offsetBy(area, end - distanceBytes);
        const live = original.tryRead(place, FIELD_BYTES);
        if (live === undefined) return false;
        const field = { compiled: live, live, offset: 0, place, placeOf: nowhere, depth: 0 };
        return this.targets.compare(reference, field).same;
      });
    } catch (error) {
      // What cannot be linked is not what runs.
      if (isHcrError(error)) return false;
      throw error;
    }
  }
}

const nowhere = (): undefined => undefined;

/** Where the handlers of each function of a module are, by its entry.
 *  @throws HcrError `malformed-file` */
function readHandlerAreas(module: LoadedModule): ReadonlyMap<Addr, Addr> {
  const areas = new Map<Addr, Addr>();
  const { file } = module;
  const section = file.section('.eh_frame');
  if (section === undefined) return areas;
  const bytes = file.sectionBytes(section);
  const { littleEndian } = file.header;
  const addressAt = (offset: number, encoding: number): number | undefined =>
    readEncodedAddress(
      new ByteReader(bytes, littleEndian, module.name, offset),
      encoding,
      section.address + offset,
    );
  for (const entry of readCallFrames(bytes, littleEndian, module.name)) {
    if (entry.kind === 'cie' || entry.handlersOffset === undefined) continue;
    const { addressEncoding, handlersEncoding } = entry.cie;
    const start = addressAt(entry.startOffset, addressEncoding);
    const area =
      handlersEncoding === undefined
        ? undefined
        : addressAt(entry.handlersOffset, handlersEncoding);
    if (start === undefined || area === undefined) continue;
    areas.set(live(module, start as Vaddr), live(module, area as Vaddr));
  }
  return areas;
}

function live({ bias }: LoadedModule, at: Vaddr): Addr {
  return addr(at + bias);
}
