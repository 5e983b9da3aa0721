/**
 * Telling padding between functions from code.
 *
 * gas fills code up to an alignment with the fewest, longest no-operations (`alt_patt` in binutils
 * gas/config/tc-i386.c; the Intel SDM recommends the same in the entry for NOP):
 *
 *   90                                       nop
 *   66 90                                    xchg %ax,%ax
 *   0f 1f 00                                 nopl (%rax)
 *   0f 1f 40 00                              nopl 0x0(%rax)
 *   0f 1f 44 00 00                           nopl 0x0(%rax,%rax,1)
 *   66 0f 1f 44 00 00                        nopw 0x0(%rax,%rax,1)
 *   0f 1f 80 00 00 00 00                     nopl 0x0(%rax)
 *   0f 1f 84 00 00 00 00 00                  nopl 0x0(%rax,%rax,1)
 *   66 0f 1f 84 00 00 00 00 00               nopw 0x0(%rax,%rax,1)
 *   66 2e 0f 1f 84 00 00 00 00 00            cs nopw 0x0(%rax,%rax,1)
 *   66 66 2e 0f 1f 84 00 00 00 00 00         data16 cs nopw 0x0(%rax,%rax,1), and so on with up
 *                                            to six 66 in front, 15 bytes, the longest that decodes
 *
 * LLVM's assembler writes the same with all prefixes 66. lld and mold fill with `int3` (cc),
 * which some compilers also put between functions; anything may be overwritten there, because
 * nothing that works ever runs into it.
 *
 * Not padding: `f3 90` is `pause`, `f3 0f 1e fa` is `endbr64`, `41 90` moves r8, and `00 00` is an
 * instruction that stores.
 */

const LONGEST_INSTRUCTION = 15;
const OPERAND_SIZE = 0x66;
const CS_SEGMENT = 0x2e;
const NOP = 0x90;
const INT3 = 0xcc;

/** Length of the `0f 1f /0` with a memory operand at `at`, prefixes not counted, or 0. */
function longNopBytes(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== 0x0f || bytes[at + 1] !== 0x1f) return 0;
  const modrm = bytes[at + 2];
  // reg must be 0; mod 3 is a register operand, which no assembler writes for padding.
  if (modrm === undefined || (modrm & 0x38) !== 0 || modrm >= 0xc0) return 0;
  const mod = modrm >> 6;
  const sib = (modrm & 7) === 4;
  // mod 0 with base 5 means a displacement: rip-relative, or none with an index. Never padding.
  if (mod === 0 && ((modrm & 7) === 5 || (sib && ((bytes[at + 3] ?? 5) & 7) === 5))) return 0;
  return 3 + (sib ? 1 : 0) + (mod === 1 ? 1 : mod === 2 ? 4 : 0);
}

/** Length of the padding instruction at `at`, or 0. */
export function paddingInstructionBytes(bytes: Uint8Array, at: number): number {
  if (bytes[at] === INT3) return 1;
  let opcode = at;
  while (bytes[opcode] === OPERAND_SIZE || bytes[opcode] === CS_SEGMENT) opcode += 1;
  const operationBytes = bytes[opcode] === NOP ? 1 : longNopBytes(bytes, opcode);
  if (operationBytes === 0) return 0;
  const lengthBytes = opcode - at + operationBytes;
  return lengthBytes <= LONGEST_INSTRUCTION && at + lengthBytes <= bytes.length ? lengthBytes : 0;
}

/** Length of the run of whole padding instructions at the start of `bytes`, which are borrowed. */
export function paddingBytes(bytes: Uint8Array): number {
  let at = 0;
  for (;;) {
    const lengthBytes = paddingInstructionBytes(bytes, at);
    if (lengthBytes === 0) return at;
    at += lengthBytes;
  }
}
