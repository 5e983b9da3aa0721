/** Gives variables of a target that stands still new values, which can be taken back in the same stop. */
import { type Addr, hex } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { TargetProcess } from './process.js';
import { mappingAt } from './procfs.js';

export interface DataWrite {
  readonly address: Addr;
  readonly bytes: Uint8Array;
}

export class DataWriter {
  private readonly target: TargetProcess;
  private readonly writes: readonly DataWrite[];

  /** @throws HcrError `unsupported-target` when the program itself may not write there */
  constructor(target: TargetProcess, writes: readonly DataWrite[]) {
    this.target = target;
    this.writes = writes;
    const mappings = writes.length === 0 ? [] : target.maps();
    for (const { address, bytes } of writes) {
      for (const at of [address, address + Math.max(0, bytes.length - 1)])
        if (mappingAt(mappings, at)?.writable !== true) throw notWritable(target, address);
    }
  }

  /** @returns what undoes it */
  write(): () => void {
    const { memory } = this.target;
    const done: DataWrite[] = [];
    const undo = (): void => {
      for (const { address, bytes } of done.reverse()) memory.writeData(address, bytes);
    };
    try {
      for (const { address, bytes } of this.writes) {
        done.push({ address, bytes: memory.read(address, bytes.length) });
        memory.writeData(address, bytes);
      }
    } catch (error) {
      undo();
      throw error;
    }
    return undo;
  }
}

function notWritable({ pid }: TargetProcess, address: Addr): HcrError {
  return new HcrError({
    code: 'unsupported-target',
    pid,
    detail: `a variable that is to be given its new initial value, at ${hex(address)}, cannot be written`,
  });
}
