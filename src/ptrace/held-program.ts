/**
 * A program that hcr starts and holds before its first instruction, until it is traced.
 *
 * It starts from a shell that waits for a line from hcr: so no signal and no event of it comes too
 * early.
 */
import { closeSync, writeSync } from 'node:fs';
import { type Pid, pid as toPid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { openPipe, startProgram } from './start-program.js';

/** Waits for a line, which an hcr that was killed does not send: then nothing is started. */
const START_SCRIPT = 'read -r go <&9 || exit 127; exec "$0" "$@" 9<&-';
const START_FILE = 9;

export class HeldProgram implements Disposable {
  readonly pid: Pid;
  private readonly pipe = openPipe();

  /** @throws HcrError `unexpected` where there is no shell */
  constructor(command: readonly string[]) {
    const words = ['sh', '-c', START_SCRIPT, ...command];
    const handed = { file: this.pipe.reading, as: START_FILE };
    const child = startProgram('/bin/sh', words, process.env, handed);
    if (child < 0) {
      this[Symbol.dispose]();
      throw new HcrError({
        code: 'unexpected',
        detail: `/bin/sh does not start (errno ${-child})`,
      });
    }
    this.pid = toPid(child);
  }

  /** The program takes the place of the shell. */
  go(): void {
    writeSync(this.pipe.writing, '\n');
  }

  /** One that was not let go will never start. */
  [Symbol.dispose](): void {
    closeSync(this.pipe.reading);
    closeSync(this.pipe.writing);
  }
}
