/** Finds, reads and writes the ledger inside the target. */
import { HcrError } from '../core/failure.js';
import { type AddrRange, offsetBy, rangeAt } from '../core/address.js';
import { EMPTY_LEDGER, type Ledger } from '../patch/ledger.js';
import {
  SLOT_HEADER_BYTES,
  type Slot,
  decodeSlot,
  encodeSlot,
  isBlank,
} from '../patch/ledger-codec.js';
import { contradiction } from '../patch/ledger-evidence.js';
import { LEDGER_BYTES, LEDGER_SLOT_BYTES, findAreas } from './patch-area.js';
import type { TargetProcess } from './process.js';

/** Read at once of an area in which there should be nothing. */
const SCAN_BYTES = 1 << 18;

export class LedgerStore {
  private readonly target: TargetProcess;
  private slot: Slot | undefined;
  private home: AddrRange | undefined;
  private left: readonly AddrRange[];

  /** Reads the record, if there is one; writes nothing.
   *  @throws HcrError `ledger-corrupt` */
  constructor(target: TargetProcess) {
    this.target = target;
    const areas = findAreas(target.maps());
    for (const area of areas) this.readFrom(area);
    const known = new Set(this.ledger.areas.map((area) => area.start));
    this.left = areas.filter((area) => !known.has(area.start));
    const { memory, machine } = target;
    const wrong =
      contradiction(this.ledger, areas, memory, machine.jumps) ??
      (this.left.every((area) => this.isUnused(area))
        ? undefined
        : 'it has been wiped: there is code in memory of which it tells nothing');
    if (wrong !== undefined)
      throw new HcrError({ code: 'ledger-corrupt', pid: target.pid, detail: wrong });
  }

  /** Areas that hold no ledger and belong to none: left by an hcr that was killed. */
  get abandoned(): readonly AddrRange[] {
    return this.left;
  }

  /** Hands them out to be unmapped, once: something else may be there later. */
  takeAbandoned(): readonly AddrRange[] {
    const taken = this.left;
    this.left = [];
    return taken;
  }

  get ledger(): Ledger {
    return this.slot?.ledger ?? EMPTY_LEDGER;
  }

  /** Whether an area was left before anything was put there. The record comes before the code: one
   *  with code and without a record has lost it. */
  private isUnused({ start, end }: AddrRange): boolean {
    for (let at = offsetBy(start, LEDGER_BYTES); at < end; at = offsetBy(at, SCAN_BYTES)) {
      const bytes = new Uint8Array(Math.min(SCAN_BYTES, end - at));
      this.target.memory.readInto(at, bytes);
      if (!isBlank(bytes)) return false;
    }
    return true;
  }

  private readFrom(area: AddrRange): void {
    const { memory, pid } = this.target;
    let blank = true;
    for (const offset of [0, LEDGER_SLOT_BYTES]) {
      const start = offsetBy(area.start, offset);
      const header = memory.tryRead(start, SLOT_HEADER_BYTES);
      if (header === undefined || isBlank(header)) continue;
      blank = false;
      const slot = decodeSlot(memory.read(start, LEDGER_SLOT_BYTES), pid);
      if (slot === undefined) continue;
      if (this.slot === undefined || slot.sequence > this.slot.sequence) {
        this.slot = slot;
        this.home = area;
      }
    }
    if (!blank && this.slot === undefined) {
      throw new HcrError({ code: 'ledger-corrupt', pid, detail: 'neither copy of it is whole' });
    }
  }

  /** Writes the record to the slot that is not current.
   *  @throws HcrError `out-of-memory` when it does not fit, `target-exited` */
  save(ledger: Ledger): void {
    const home = this.home ?? firstArea(ledger);
    const sequence = (this.slot?.sequence ?? 0) + 1;
    const slot = { sequence, ledger };
    const bytes = encodeSlot(slot, LEDGER_SLOT_BYTES);
    const start = offsetBy(home.start, (sequence % 2) * LEDGER_SLOT_BYTES);
    // The header last and alone: a slot whose first write was cut off still counts as blank.
    this.target.memory.writeData(
      offsetBy(start, SLOT_HEADER_BYTES),
      bytes.subarray(SLOT_HEADER_BYTES),
    );
    this.target.memory.writeData(start, bytes.subarray(0, SLOT_HEADER_BYTES));
    this.slot = slot;
    this.home = home;
  }
}

function firstArea(ledger: Ledger): AddrRange {
  const area = ledger.areas[0];
  if (area === undefined)
    throw new HcrError({ code: 'unexpected', detail: 'a ledger without an area to live in' });
  return rangeAt(area.start, area.sizeBytes);
}
