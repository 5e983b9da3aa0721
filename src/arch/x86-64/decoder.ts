/**
 * Decoding x86-64 with iced (https://github.com/icedland/iced), which is Rust compiled to wasm.
 *
 * Three of its properties shape this file. Loading takes 60 ms, so it is imported when first
 * wanted. Its objects live in wasm memory that no garbage collector sees, so each is freed where
 * it was made. And every property read is a call into wasm, so what most users of a decoded
 * function need (lengths, targets, flow) is read at once, and the rest when asked for, by decoding
 * that one instruction again.
 *
 * @see Intel SDM volume 2
 */
import { createRequire } from 'node:module';
import type * as Iced from 'iced-x86';
import { type Addr, offsetBy } from '../../core/address.js';
import type { Decoder, Flow, Instruction, StackEffect } from '../decoder.js';
import type { RegisterSet } from '../register-set.js';
import { paddingInstructionBytes } from './padding.js';
import {
  BASELINE,
  CALL_CLOBBERED,
  general,
  namesOf,
  NONE,
  PASSED,
  RETURNED,
  VECTOR_STATE,
} from './register-set.js';
import { RegisterUseReader, type RegisterUses } from './register-uses.js';
import { stackEffectOf } from './stack-effects.js';

type Library = typeof Iced;

const BITNESS = 64;

const STACK_POINTER = general('rsp');

/** Fields of this size may hold a relocated value; smaller ones belong to the instruction. */
const RELOCATABLE_BYTES = 4;

interface Fields {
  readonly pcRelative: boolean;
  readonly shape: string;
  readonly displacementOffset: number;
  readonly immediateOffset: number;
}

interface Effects extends RegisterUses {
  readonly stack: StackEffect;
  readonly fixedAccessBytes: number;
}

/** What an instruction is asked about: who follows registers needs no fields, and the reverse. */
interface Explainer {
  effectsOf(bytes: Uint8Array, address: Addr): Effects;
  fieldsOf(bytes: Uint8Array, address: Addr): Fields;
}

class DecodedInstruction implements Instruction {
  readonly address: Addr;
  readonly lengthBytes: number;
  readonly flow: Flow;
  readonly target: Addr | undefined;
  private readonly bytes: Uint8Array;
  private readonly explainer: Explainer;
  private knownEffects: Effects | undefined;
  private knownFields: Fields | undefined;

  /** @param bytes of this instruction alone; kept, so they must not change */
  constructor(
    bytes: Uint8Array,
    address: Addr,
    flow: Flow,
    target: Addr | undefined,
    explainer: Explainer,
  ) {
    this.address = address;
    this.lengthBytes = bytes.length;
    this.flow = flow;
    this.target = target;
    this.bytes = bytes;
    this.explainer = explainer;
  }

  private get effects(): Effects {
    this.knownEffects ??= this.explainer.effectsOf(this.bytes, this.address);
    return this.knownEffects;
  }

  private get fields(): Fields {
    this.knownFields ??= this.explainer.fieldsOf(this.bytes, this.address);
    return this.knownFields;
  }

  get reads(): RegisterSet {
    return this.effects.reads;
  }
  get writes(): RegisterSet {
    return this.effects.writes;
  }
  get kills(): RegisterSet {
    return this.effects.kills;
  }
  get pcRelative(): boolean {
    return this.fields.pcRelative;
  }
  get shape(): string {
    return this.fields.shape;
  }
  get displacementOffset(): number {
    return this.fields.displacementOffset;
  }
  get immediateOffset(): number {
    return this.fields.immediateOffset;
  }
  get stack(): StackEffect {
    return this.effects.stack;
  }
  get fixedAccessBytes(): number {
    return this.effects.fixedAccessBytes;
  }
  get isPadding(): boolean {
    return paddingInstructionBytes(this.bytes, 0) === this.bytes.length;
  }
}

class IcedDecoder implements Decoder, Explainer {
  readonly callClobbered = CALL_CLOBBERED;
  readonly returned = RETURNED;
  readonly passed = PASSED;
  readonly baseline = BASELINE;
  readonly stackAlignment = { bytes: 16, pushedByCall: 8, registers: VECTOR_STATE };
  readonly namesOf = namesOf;
  private readonly iced: Library;
  /** Overwritten by each decoding step; one object for the decoder's whole life. */
  private readonly current: Iced.Instruction;
  private readonly registerUses: RegisterUseReader;

  constructor(iced: Library) {
    this.iced = iced;
    this.current = new iced.Instruction();
    this.registerUses = new RegisterUseReader(iced);
  }

  decode(code: Uint8Array, address: Addr): readonly Instruction[] {
    const own = code.slice();
    const instructions: Instruction[] = [];
    this.walk(own, address, (offset, lengthBytes) => {
      instructions.push(
        new DecodedInstruction(
          own.subarray(offset, offset + lengthBytes),
          offsetBy(address, offset),
          this.flow(),
          this.target(),
          this,
        ),
      );
    });
    return instructions;
  }

  format(code: Uint8Array, address: Addr): readonly string[] {
    const lines: string[] = [];
    const formatter = new this.iced.Formatter(this.iced.FormatterSyntax.Gas);
    formatter.branchLeadingZeros = false;
    formatter.uppercaseHex = false;
    try {
      this.walk(code, address, () => lines.push(formatter.format(this.current)));
    } finally {
      formatter.free();
    }
    return lines;
  }

  /** Decodes into {@link current}, one instruction after the other, until one is invalid. */
  private walk(
    code: Uint8Array,
    address: Addr,
    visit: (offset: number, lengthBytes: number, decoder: Iced.Decoder) => void,
  ): void {
    const { current } = this;
    const decoder = new this.iced.Decoder(BITNESS, code, this.iced.DecoderOptions.None);
    try {
      decoder.ip = BigInt(address);
      let offset = 0;
      while (decoder.canDecode) {
        decoder.decodeOut(current);
        if (current.isInvalid) return;
        const { length } = current;
        visit(offset, length, decoder);
        offset += length;
      }
    } finally {
      decoder.free();
    }
  }

  private flow(): Flow {
    const { FlowControl, Mnemonic } = this.iced;
    switch (this.current.flowControl) {
      case FlowControl.UnconditionalBranch:
        return 'jump';
      case FlowControl.IndirectBranch:
        return 'indirect-jump';
      case FlowControl.ConditionalBranch:
        return 'conditional-jump';
      case FlowControl.Return:
        return 'return';
      case FlowControl.IndirectCall:
        return 'indirect-call';
      case FlowControl.Call:
        // Also `syscall` and its kin, which come back to the next instruction.
        return this.current.mnemonic === Mnemonic.Call ? 'call' : 'next';
      case FlowControl.Interrupt:
        return this.current.mnemonic === Mnemonic.Int ? 'next' : 'stop';
      case FlowControl.XbeginXabortXend:
        return this.current.mnemonic === Mnemonic.Xbegin ? 'conditional-jump' : 'next';
      case FlowControl.Exception:
        return 'stop';
      default:
        // hlt is a fault in user mode; compilers put it where control must not arrive.
        return this.current.mnemonic === Mnemonic.Hlt ? 'stop' : 'next';
    }
  }

  private target(): Addr | undefined {
    const { current } = this;
    const branches =
      current.isJccShortOrNear ||
      current.isJmpShortOrNear ||
      current.isCallNear ||
      current.isJcxShort ||
      current.isLoop ||
      current.isLoopcc ||
      current.mnemonic === this.iced.Mnemonic.Xbegin;
    if (!branches) return undefined;
    // A jump in code without a place yet may lead below 0, which wraps.
    const target = Number(current.nearBranchTarget);
    return Number.isSafeInteger(target) ? (target as Addr) : undefined;
  }

  effectsOf(bytes: Uint8Array, address: Addr): Effects {
    return this.onlyOne(bytes, address, () => {
      const uses = this.registerUses.usesOf(this.current);
      const stack = stackEffectOf(this.iced, this.current, (uses.writes & STACK_POINTER) !== NONE);
      return { ...uses, stack, fixedAccessBytes: this.fixedAccessBytes() };
    });
  }

  fieldsOf(bytes: Uint8Array, address: Addr): Fields {
    return this.onlyOne(bytes, address, (decoder) => this.fields(bytes, decoder));
  }

  /** @param bytes of one instruction */
  private onlyOne<T>(bytes: Uint8Array, address: Addr, read: (decoder: Iced.Decoder) => T): T {
    let result: T | undefined;
    this.walk(bytes, address, (_, __, decoder) => {
      result = read(decoder);
    });
    return result as T;
  }

  private fixedAccessBytes(): number {
    const { current, iced } = this;
    const { Register } = iced;
    const isFixed =
      current.memoryIndex === Register.None &&
      (current.memoryBase === Register.RIP || current.memoryBase === Register.None);
    // `lea` has no size.
    return isFixed ? iced.MemorySizeExt.size(current.memorySize) : 0;
  }

  private fields(bytes: Uint8Array, decoder: Iced.Decoder): Fields {
    const { current } = this;
    const branches = this.target() !== undefined;
    const offsets = decoder.getConstantOffsets(current);
    try {
      const displacement = {
        offset: offsets.displacementOffset,
        bytes: offsets.displacementSize,
      };
      const immediate = { offset: offsets.immediateOffset, bytes: offsets.immediateSize };
      if (branches) {
        // To iced the distance of a branch is an immediate.
        const offset = displacement.offset || immediate.offset;
        return {
          pcRelative: true,
          shape: this.iced.Mnemonic[current.mnemonic],
          displacementOffset: offset,
          immediateOffset: 0,
        };
      }
      const blank = [displacement, immediate].filter((field) => field.bytes >= RELOCATABLE_BYTES);
      const shape = Array.from(bytes, (byte, i) =>
        blank.some((field) => i >= field.offset && i < field.offset + field.bytes)
          ? '__'
          : byte.toString(16).padStart(2, '0'),
      );
      return {
        pcRelative: current.isIpRelMemoryOperand,
        shape: shape.join(''),
        displacementOffset: displacement.offset,
        immediateOffset: immediate.offset,
      };
    } finally {
      offsets.free();
    }
  }
}

let loading: Promise<Decoder> | undefined;

/** The one decoder of this process. */
export function loadDecoder(): Promise<Decoder> {
  loading ??= new Promise((resolve) => {
    // By require: an import would first search this large CommonJS file for the names it exports,
    // which takes as long again as running it.
    resolve(new IcedDecoder(createRequire(import.meta.url)('iced-x86') as typeof Iced));
  });
  return loading;
}
