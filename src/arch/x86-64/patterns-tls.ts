/**
 * Accesses to thread-local storage that the linker relaxed: what an executable links needs no call
 * to find its variables. Each sequence is as long as the one that the compiler made.
 *
 * @see Drepper, "ELF Handling For Thread-Local Storage", 5.5; psABI for AMD64, chapter 11 (large
 *   model); RFC: TLS descriptors; `elf_x86_64_relocate_section` of binutils, `relaxTls*` of lld
 */
import type { Addr } from '../../core/address.js';
import type { RelaxedTlsAccess } from '../patterns.js';
import type { RelocationNeed } from '../relocations.js';

const FIELD_BYTES = 4;

/** A byte sequence; `undefined` for a byte that a relocation fills or that may be anything. */
type Pattern = readonly (number | undefined)[];

const field: Pattern = [undefined, undefined, undefined, undefined];
const quad: Pattern = [...field, ...field];
const loadThreadPointer: Pattern = [0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0]; // mov %fs:0,%rax

/** A sequence as compiled and as relaxed; the relocated field is `before` bytes from its start. */
interface Relaxation {
  readonly before: number;
  readonly compiled: Pattern;
  readonly live: Pattern;
  readonly kind: RelaxedTlsAccess['kind'];
  /** Where the live sequence has its own field, from its start. */
  readonly liveField: number;
}

const leaRdi: Pattern = [0x48, 0x8d, 0x3d, ...field]; // lea x@tlsgd(%rip),%rdi
/** movabs $__tls_get_addr@pltoff,%rax; add %rbx,%rax; call *%rax, also with %r15. */
const largeCall: Pattern = [0x48, 0xb8, ...quad, undefined, 0x01, undefined, 0xff, 0xd0];
const largePadding: Pattern = [0x66, 0x0f, 0x1f, 0x44, 0, 0]; // nopw 0(%rax,%rax)

const GENERAL_DYNAMIC: readonly Omit<Relaxation, 'live' | 'kind' | 'liveField'>[] = [
  { before: 4, compiled: [0x66, ...leaRdi, 0x66, 0x66, 0x48, 0xe8, ...field] }, // call f
  { before: 4, compiled: [0x66, ...leaRdi, 0x66, 0x48, 0xff, 0x15, ...field] }, // call *f@GOT
  { before: 3, compiled: [...leaRdi, ...largeCall] },
];
const LEA_TP_OFFSET: Pattern = [...loadThreadPointer, 0x48, 0x8d, 0x80, ...field]; // lea x(%rax),%rax
const ADD_SLOT: Pattern = [...loadThreadPointer, 0x48, 0x03, 0x05, ...field]; // add x(%rip),%rax

const GENERAL: readonly Relaxation[] = GENERAL_DYNAMIC.flatMap(({ before, compiled }) => {
  const padding = compiled.length > LEA_TP_OFFSET.length ? largePadding : [];
  const liveField = LEA_TP_OFFSET.length - FIELD_BYTES;
  return [
    { before, compiled, live: [...LEA_TP_OFFSET, ...padding], kind: 'tp-offset', liveField },
    { before, compiled, live: [...ADD_SLOT, ...padding], kind: 'got-tp-offset', liveField },
  ] as const;
});

const LOCAL: readonly Relaxation[] = (
  [
    [
      [...leaRdi, 0xe8, ...field],
      [0x66, 0x66, 0x66],
    ],
    [
      [...leaRdi, 0xff, 0x15, ...field],
      [0x66, 0x66, 0x66, 0x66],
    ],
    [
      [...leaRdi, ...largeCall],
      [0x66, 0x66, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
    ],
  ] as const
).map(([compiled, padding]) => ({
  before: 3,
  compiled,
  live: [...padding, ...loadThreadPointer],
  kind: 'thread-pointer',
  liveField: 0,
}));

const DESCRIPTOR_CALL: readonly Relaxation[] = [
  {
    before: 0,
    compiled: [0xff, 0x10], // call *(%rax)
    live: [0x66, 0x90], // xchg %ax,%ax
    kind: 'thread-pointer',
    liveField: 0,
  },
];

function matches(code: Uint8Array, start: number, pattern: Pattern): boolean {
  return (
    start >= 0 &&
    start + pattern.length <= code.length &&
    pattern.every((byte, i) => byte === undefined || code[start + i] === byte)
  );
}

const REX_W = 0x48;
const REX_R = 0x04;
const REX_B = 0x01;
const LOAD = 0x8b;
const ADD = 0x03;
const LEA = 0x8d;
const MOVE_IMMEDIATE = 0xc7;
const ADD_IMMEDIATE = 0x81;
const REGISTER_OPERAND = 0xc0;
const DISPLACED_OPERAND = 0x80;

/**
 * One instruction with a RIP-relative operand, turned into one of the same length: a load or an
 * addition of the slot's content into the same with an immediate, `lea` of a descriptor into either.
 */
function singleInstruction(need: RelocationNeed, compiled: Uint8Array, live: Uint8Array) {
  const [rex = 0, opcode, modrm = 0] = compiled;
  const [liveRex, liveOpcode, liveModrm] = live;
  if ((rex & ~REX_R) !== REX_W || (modrm & 0xc7) !== 0x05) return undefined;
  const register = (modrm >> 3) & 7;
  const isHigh = (rex & REX_R) !== 0;
  const immediateRex = REX_W | (isHigh ? REX_B : 0);
  const isRegister = liveRex === immediateRex && liveModrm === (REGISTER_OPERAND | register);
  if (need === 'tls-descriptor') {
    if (opcode !== LEA) return undefined;
    if (liveRex === rex && liveOpcode === LOAD && liveModrm === modrm) return 'got-tp-offset';
    return isRegister && liveOpcode === MOVE_IMMEDIATE ? 'tp-offset' : undefined;
  }
  if (opcode === LOAD) return isRegister && liveOpcode === MOVE_IMMEDIATE ? 'tp-offset' : undefined;
  if (opcode !== ADD) return undefined;
  if (isRegister && liveOpcode === ADD_IMMEDIATE) return 'tp-offset';
  // lea x(%reg),%reg: the register is both.
  const isLea =
    liveOpcode === LEA &&
    liveRex === (REX_W | (isHigh ? REX_R | REX_B : 0)) &&
    liveModrm === (DISPLACED_OPERAND | register | (register << 3));
  return isLea ? 'tp-offset' : undefined;
}

function relaxationsOf(need: RelocationNeed): readonly Relaxation[] {
  if (need === 'tls-index') return GENERAL;
  if (need === 'tls-module') return LOCAL;
  return need === 'tls-call' ? DESCRIPTOR_CALL : [];
}

export function relaxedTlsAccess(
  need: RelocationNeed,
  compiled: Uint8Array,
  offset: number,
  live: Uint8Array,
  liveOffset: number,
): RelaxedTlsAccess | undefined {
  const valueAt = (kind: RelaxedTlsAccess['kind'], fromField: number) => (place: Addr) => {
    const at = liveOffset + fromField;
    const stored = new DataView(live.buffer, live.byteOffset, live.byteLength).getInt32(at, true);
    return kind === 'got-tp-offset' ? place + fromField + FIELD_BYTES + stored : stored;
  };
  if (need === 'got-tp-offset' || need === 'tls-descriptor') {
    const [start, liveStart] = [offset - 3, liveOffset - 3];
    if (start < 0 || liveStart < 0 || liveOffset + FIELD_BYTES > live.length) return undefined;
    const kind = singleInstruction(need, compiled.subarray(start), live.subarray(liveStart));
    if (kind === undefined) return undefined;
    return { kind, bytesBefore: 3, bytesAfter: FIELD_BYTES, value: valueAt(kind, 0) };
  }
  const found = relaxationsOf(need).find(
    (each) =>
      matches(compiled, offset - each.before, each.compiled) &&
      matches(live, liveOffset - each.before, each.live),
  );
  if (found === undefined) return undefined;
  const { before, kind, liveField } = found;
  return {
    kind,
    bytesBefore: before,
    bytesAfter: found.live.length - before,
    value: kind === 'thread-pointer' ? () => 0 : valueAt(kind, liveField - before),
  };
}
