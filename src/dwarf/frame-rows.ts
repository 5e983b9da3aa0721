/**
 * Runs the instructions of a frame description: where, at one place of the code, the caller's
 * registers are.
 *
 * Each instruction takes a byte at least and none jumps back, so a program ends when its bytes do.
 * What it can make hcr remember is bounded as well.
 * @see DWARF 5, 6.4.2
 */
import { ByteReader } from '../core/byte-reader.js';
import { type CieEntry, type FdeEntry, readEncodedAddress } from './call-frames.js';
import { DW_CFA } from './constants.js';
import { readSleb128, readUleb128 } from './leb128.js';

/** The bytes that frame descriptions are in. */
export interface FrameBytes {
  readonly bytes: Uint8Array;
  /** Of the first byte; the code that descriptions speak of is in the same space. */
  readonly address: number;
  readonly littleEndian: boolean;
  readonly what: string;
}

/** A description and the code it covers, half-open. */
export interface FrameDescription {
  readonly start: number;
  readonly end: number;
  readonly entry: FdeEntry;
  readonly home: FrameBytes;
}

export type RegisterRule =
  /** It can't be had again. Of the return address: there is no caller. */
  | { readonly kind: 'undefined' }
  | { readonly kind: 'same' }
  /** In memory, so many bytes from the CFA. */
  | { readonly kind: 'at'; readonly offset: number }
  /** The CFA and so many bytes. */
  | { readonly kind: 'value'; readonly offset: number }
  | { readonly kind: 'register'; readonly register: number }
  /** In memory, at what the expression yields with the CFA on its stack. */
  | { readonly kind: 'expression'; readonly expression: Uint8Array }
  /** What that expression yields. */
  | { readonly kind: 'value-expression'; readonly expression: Uint8Array };

export type CfaRule =
  | { readonly kind: 'register'; readonly register: number; readonly offset: number }
  | { readonly kind: 'expression'; readonly expression: Uint8Array };

export interface FrameRow {
  /** The canonical frame address: on most machines the stack pointer before the call. */
  readonly cfa: CfaRule;
  /** By register; one without a rule has what the machine's ABI says. */
  readonly rules: ReadonlyMap<number, RegisterRule>;
}

/** Compilers nest two or three. */
const MAX_REMEMBERED = 64;
/** x86-64 numbers up to 130, aarch64 up to 127. */
const MAX_REGISTERS = 256;
/** Real ones take some hundred bytes. */
const MAX_PROGRAM_BYTES = 1 << 16;

/** @param pc in the code that is covered
 *  @throws HcrError `malformed-file` */
export function frameRowAt({ entry, home, start }: FrameDescription, pc: number): FrameRow {
  const { cie } = entry;
  const state = new RowState(cie, home);
  state.run(programOf(home, cie), undefined);
  state.keepInitial(start);
  state.run(programOf(home, entry), pc);
  return state.row();
}

interface Program {
  readonly reader: ByteReader;
  /** Of the reader's first byte. */
  readonly address: number;
}

function programOf(home: FrameBytes, entry: CieEntry | FdeEntry): Program {
  const { bytes, littleEndian, what, address } = home;
  const { instructionsOffset, offset, sizeBytes } = entry;
  const reader = new ByteReader(bytes, littleEndian, what).seek(instructionsOffset);
  const lengthBytes = offset + sizeBytes - instructionsOffset;
  if (lengthBytes > MAX_PROGRAM_BYTES) reader.fail(`frame instructions of ${lengthBytes} bytes`);
  return { reader: reader.sub(lengthBytes), address: address + instructionsOffset };
}

interface State {
  readonly cfa: CfaRule | undefined;
  readonly rules: ReadonlyMap<number, RegisterRule>;
}

class RowState {
  private readonly cie: CieEntry;
  private readonly home: FrameBytes;
  private cfa: CfaRule | undefined;
  private rules = new Map<number, RegisterRule>();
  private initial: State = { cfa: undefined, rules: new Map() };
  private readonly remembered: State[] = [];
  private location = 0;

  constructor(cie: CieEntry, home: FrameBytes) {
    this.cie = cie;
    this.home = home;
  }

  /** What restore instructions go back to. */
  keepInitial(start: number): void {
    this.initial = this.copy();
    this.location = start;
  }

  row(): FrameRow {
    const { cfa, rules, home } = this;
    if (cfa === undefined) return readerOf(home).fail('a frame without a CFA');
    return { cfa, rules };
  }

  /** @param until the place to stop at; undefined for the instructions that all places share */
  run({ reader, address }: Program, until: number | undefined): void {
    while (!reader.atEnd) {
      const opcode = reader.u8();
      const operand = opcode & 0x3f;
      switch (opcode & 0xc0) {
        case DW_CFA.advance_loc:
          this.advance(operand);
          break;
        case DW_CFA.offset:
          this.set(reader, operand, { kind: 'at', offset: this.factored(readUleb128(reader)) });
          break;
        case DW_CFA.restore:
          this.restore(operand);
          break;
        default:
          if (!this.moved(reader, opcode, address)) this.define(reader, opcode);
      }
      if (until !== undefined && this.location > until) return;
    }
  }

  /** The instructions that go on to a later place. Those after them do not hold before it, so that
   *  they are left alone: {@link run} stops there. */
  private moved(reader: ByteReader, opcode: number, address: number): boolean {
    switch (opcode) {
      case DW_CFA.set_loc: {
        const place = address + reader.offset;
        const location = readEncodedAddress(reader, this.cie.addressEncoding, place);
        this.location = location ?? reader.fail('a location in an unknown encoding');
        return true;
      }
      case DW_CFA.advance_loc1:
        this.advance(reader.u8());
        return true;
      case DW_CFA.advance_loc2:
        this.advance(reader.u16());
        return true;
      case DW_CFA.advance_loc4:
        this.advance(reader.u32());
        return true;
      default:
        return false;
    }
  }

  private define(reader: ByteReader, opcode: number): void {
    switch (opcode) {
      case DW_CFA.nop:
        return;
      case DW_CFA.def_cfa:
        this.cfa = { kind: 'register', register: readUleb128(reader), offset: readUleb128(reader) };
        return;
      case DW_CFA.def_cfa_sf:
        this.cfa = {
          kind: 'register',
          register: readUleb128(reader),
          offset: this.factored(readSleb128(reader)),
        };
        return;
      case DW_CFA.def_cfa_register:
        this.cfa = { ...this.registerCfa(reader), register: readUleb128(reader) };
        return;
      case DW_CFA.def_cfa_offset:
        this.cfa = { ...this.registerCfa(reader), offset: readUleb128(reader) };
        return;
      case DW_CFA.def_cfa_offset_sf:
        this.cfa = { ...this.registerCfa(reader), offset: this.factored(readSleb128(reader)) };
        return;
      case DW_CFA.def_cfa_expression:
        this.cfa = { kind: 'expression', expression: reader.take(readUleb128(reader)) };
        return;
      case DW_CFA.restore_extended:
        this.restore(readUleb128(reader));
        return;
      case DW_CFA.remember_state:
        if (this.remembered.length === MAX_REMEMBERED) reader.fail('too many remembered states');
        this.remembered.push(this.copy());
        return;
      case DW_CFA.restore_state: {
        const state = this.remembered.pop() ?? reader.fail('no remembered state');
        this.cfa = state.cfa;
        this.rules = new Map(state.rules);
        return;
      }
      case DW_CFA.GNU_args_size:
        // For exception handlers: what is on the stack beyond the frame.
        readUleb128(reader);
        return;
      default:
        this.set(reader, readUleb128(reader), this.ruleOf(reader, opcode));
    }
  }

  private ruleOf(reader: ByteReader, opcode: number): RegisterRule {
    switch (opcode) {
      case DW_CFA.undefined:
        return { kind: 'undefined' };
      case DW_CFA.same_value:
        return { kind: 'same' };
      case DW_CFA.offset_extended:
        return { kind: 'at', offset: this.factored(readUleb128(reader)) };
      case DW_CFA.offset_extended_sf:
        return { kind: 'at', offset: this.factored(readSleb128(reader)) };
      case DW_CFA.GNU_negative_offset_extended:
        return { kind: 'at', offset: -this.factored(readUleb128(reader)) };
      case DW_CFA.val_offset:
        return { kind: 'value', offset: this.factored(readUleb128(reader)) };
      case DW_CFA.val_offset_sf:
        return { kind: 'value', offset: this.factored(readSleb128(reader)) };
      case DW_CFA.register:
        return { kind: 'register', register: readUleb128(reader) };
      case DW_CFA.expression:
        return { kind: 'expression', expression: reader.take(readUleb128(reader)) };
      case DW_CFA.val_expression:
        return { kind: 'value-expression', expression: reader.take(readUleb128(reader)) };
      default:
        return reader.fail(`an unknown frame instruction (0x${opcode.toString(16)})`);
    }
  }

  private advance(units: number): void {
    this.location += units * this.cie.codeAlignment;
  }

  private factored(value: number): number {
    return value * this.cie.dataAlignment;
  }

  private set(reader: ByteReader, register: number, rule: RegisterRule): void {
    if (register >= MAX_REGISTERS) reader.fail(`register ${register}`);
    this.rules.set(register, rule);
  }

  private restore(register: number): void {
    const rule = this.initial.rules.get(register);
    if (rule === undefined) this.rules.delete(register);
    else this.rules.set(register, rule);
  }

  private registerCfa(reader: ByteReader): Extract<CfaRule, { kind: 'register' }> {
    return this.cfa?.kind === 'register' ? this.cfa : reader.fail('a CFA without a register');
  }

  private copy(): State {
    return { cfa: this.cfa, rules: new Map(this.rules) };
  }
}

export function readerOf({ bytes, littleEndian, what }: FrameBytes): ByteReader {
  return new ByteReader(bytes, littleEndian, what);
}
