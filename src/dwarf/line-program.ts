/**
 * Runs a line program: which source line the instruction at an address came from.
 * @see DWARF 5, 6.2.2 (state machine) and 6.2.5 (opcodes)
 */
import type { ByteReader } from '../core/byte-reader.js';
import { DW_LNE, DW_LNS } from './constants.js';
import { type DebugSection, readerOver } from './debug-sections.js';
import { readAddress } from './form.js';
import { readSleb128, readUleb128, skipLeb128 } from './leb128.js';
import type { LineHeader } from './line-header.js';

/** One row of the line table, which holds from its address up to the next row's. */
export interface LineRow {
  /** `undefined` in a sequence for code that the linker discarded. */
  readonly address: number | undefined;
  /** Number of the file in the header. */
  readonly file: number;
  readonly line: number;
  /** True for the row after the last instruction of a sequence, which names no line. */
  readonly endsSequence: boolean;
}

/** The row that covers an address, `undefined` when none does.
 *  @throws HcrError `malformed-file` */
export function findLineRow(
  section: DebugSection,
  header: LineHeader,
  address: number,
): LineRow | undefined {
  let previous: LineRow | undefined;
  for (const row of lineRows(section, header)) {
    if (
      previous?.address !== undefined &&
      row.address !== undefined &&
      previous.address <= address &&
      address < row.address
    ) {
      return previous;
    }
    previous = row.endsSequence ? undefined : row;
  }
  return undefined;
}

/** The rows in the program's order.
 *  @throws HcrError `malformed-file` */
export function* lineRows(section: DebugSection, header: LineHeader): IterableIterator<LineRow> {
  const reader = readerOver(section, header.programOffset, header.programBytes);
  const state = new LineState(header);
  while (!reader.atEnd) {
    const opcode = reader.u8();
    if (opcode >= header.opcodeBase) {
      state.special(opcode);
      yield state.row(false);
    } else if (opcode === 0) {
      const row = runExtended(reader, state);
      if (row !== undefined) yield row;
    } else if (opcode === DW_LNS.copy) {
      yield state.row(false);
    } else {
      runStandard(reader, opcode, header, state);
    }
  }
}

class LineState {
  private readonly header: LineHeader;
  address: number | undefined = 0;
  file = 1;
  line = 1;
  private operation = 0;

  constructor(header: LineHeader) {
    this.header = header;
  }

  row(endsSequence: boolean): LineRow {
    return { address: this.address, file: this.file, line: this.line, endsSequence };
  }

  reset(): void {
    this.setAddress(0);
    this.file = 1;
    this.line = 1;
  }

  setAddress(address: number | undefined): void {
    this.address = address;
    this.operation = 0;
  }

  special(opcode: number): void {
    const adjusted = opcode - this.header.opcodeBase;
    this.advance(this.operationsOf(adjusted));
    const { lineBase, lineRange } = this.header;
    this.line += lineBase + (lineRange === 0 ? 0 : adjusted % lineRange);
  }

  /** `DW_LNS_const_add_pc`: what the special opcode 255 adds, without its line. */
  constAddPc(): void {
    this.advance(this.operationsOf(255 - this.header.opcodeBase));
  }

  advance(operations: number): void {
    const { minimumInstructionBytes, maximumOperations } = this.header;
    const total = this.operation + operations;
    const instructions = Math.floor(total / maximumOperations);
    this.operation = total % maximumOperations;
    if (this.address !== undefined) this.address += minimumInstructionBytes * instructions;
  }

  /** `DW_LNS_fixed_advance_pc`: bytes, not instructions. */
  advanceBytes(bytes: number): void {
    this.setAddress(this.address === undefined ? undefined : this.address + bytes);
  }

  private operationsOf(adjusted: number): number {
    const { lineRange } = this.header;
    return lineRange === 0 ? 0 : Math.floor(adjusted / lineRange);
  }
}

function runExtended(reader: ByteReader, state: LineState): LineRow | undefined {
  const lengthBytes = readUleb128(reader);
  if (lengthBytes === 0) return undefined;
  const instruction = reader.sub(lengthBytes);
  switch (instruction.u8()) {
    case DW_LNE.end_sequence: {
      const row = state.row(true);
      state.reset();
      return row;
    }
    case DW_LNE.set_address: {
      const address = readAddress(instruction, instruction.remaining);
      // As in range lists: a discarded section is put at 0.
      state.setAddress(address === 0 ? undefined : address);
      return undefined;
    }
    default:
      return undefined;
  }
}

function runStandard(
  reader: ByteReader,
  opcode: number,
  header: LineHeader,
  state: LineState,
): void {
  switch (opcode) {
    case DW_LNS.advance_pc:
      state.advance(readUleb128(reader));
      return;
    case DW_LNS.advance_line:
      state.line += readSleb128(reader);
      return;
    case DW_LNS.set_file:
      state.file = readUleb128(reader);
      return;
    case DW_LNS.const_add_pc:
      state.constAddPc();
      return;
    case DW_LNS.fixed_advance_pc:
      state.advanceBytes(reader.u16());
      return;
    default:
      for (let left = header.operandCounts[opcode - 1] ?? 0; left > 0; left--) skipLeb128(reader);
  }
}
