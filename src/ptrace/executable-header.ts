/** Which kind of machine code a process runs, from the first bytes of its executable. */
import { closeSync, openSync, readSync } from 'node:fs';
import type { Machine } from '../arch/arch.js';
import { machineFor } from '../arch/select.js';
import type { Pid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { attachRefusal, isKernelThread } from './process-conditions.js';

const ELF_MAGIC = 0x7f454c46;
const CLASS_64 = 2;
const DATA_LITTLE_ENDIAN = 1;
/** Names of machines a process may be found to run, for messages. @see gABI, e_machine */
const MACHINE_NAMES: Readonly<Record<number, string>> = {
  3: '32-bit x86',
  8: 'MIPS',
  20: 'PowerPC',
  21: '64-bit PowerPC',
  22: 's390',
  40: '32-bit ARM',
  62: 'x86-64',
  183: 'aarch64',
  243: 'RISC-V',
  258: 'LoongArch',
};

export interface ExecutableHeader {
  readonly is64Bit: boolean;
  readonly machine: number;
  readonly description: string;
}

/** @throws HcrError `no-such-process`, `attach-denied`, `unsupported-machine` for what has no ELF
 *  executable, such as a kernel thread */
export function readHeader(pid: Pid): ExecutableHeader {
  const bytes = Buffer.alloc(20);
  let file: number;
  try {
    file = openSync(`/proc/${pid}/exe`, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw withoutExecutable(pid, error);
    throw (
      attachRefusal(pid) ??
      new HcrError(
        {
          code: 'attach-denied',
          pid,
          reason: 'its executable may not be read',
          advice: 'Make the file readable, or run hcr as root.',
        },
        { cause: error },
      )
    );
  }
  try {
    readSync(file, bytes, 0, bytes.length, 0);
  } finally {
    closeSync(file);
  }
  const isElf = bytes.readUInt32BE(0) === ELF_MAGIC && bytes[5] === DATA_LITTLE_ENDIAN;
  if (!isElf) throw new HcrError({ code: 'unsupported-machine', pid, machine: 'foreign' });
  const machine = bytes.readUInt16LE(18);
  const is64Bit = bytes[4] === CLASS_64;
  const name = MACHINE_NAMES[machine] ?? `machine ${machine}`;
  return { is64Bit, machine, description: is64Bit || machine === 3 ? name : `32-bit ${name}` };
}

/** A kernel thread never had one; of a process that ends it is gone before its number is.
 *  @throws HcrError `no-such-process` */
function withoutExecutable(pid: Pid, cause: unknown): HcrError {
  return isKernelThread(pid)
    ? new HcrError({ code: 'unsupported-machine', pid, machine: 'kernel' }, { cause })
    : new HcrError({ code: 'no-such-process', pid }, { cause });
}

/** Undefined for a process whose machine hcr does not know, or which is gone. */
export function machineOf(pid: Pid): Machine | undefined {
  try {
    const header = readHeader(pid);
    return header.is64Bit ? machineFor(header.machine) : undefined;
  } catch (error) {
    if (error instanceof HcrError) return undefined;
    throw error;
  }
}
