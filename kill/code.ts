/** The code of the program under test, read from outside and without hcr's reader of its record. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import type { Program } from './programs.js';
import type { Target } from './target.js';

/** As long as any redirect. */
const ENTRY_BYTES = 5;
const JUMP = 0xe9;

/** Where an entry leads; `original` when it holds what the program came with. */
export type Lead = number | 'original' | 'torn';

/** The code of a program before any patch. */
interface Original {
  readonly entries: readonly Uint8Array[];
  readonly hash: string;
}

/** Taken from the first process of each program that was looked at, which nobody had patched. */
const originals = new Map<Program, Original>();

export class CodeWatch implements Disposable {
  private readonly memory: number;
  private readonly text: { readonly start: number; readonly end: number };
  private readonly original: Original;
  /** Addresses of the parts. */
  readonly entries: readonly number[];

  constructor({ pid, program }: Target) {
    const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
    const own = lines.filter((line) => line.endsWith(` ${program.path}`));
    const start = (line: string | undefined): number => Number(`0x${line?.split('-')[0] ?? ''}`);
    const text = own.find((line) => line.includes(' r-xp '));
    this.text = {
      start: start(text),
      end: Number(`0x${/-([0-9a-f]+)/.exec(text ?? '')?.[1] ?? ''}`),
    };
    this.memory = openSync(`/proc/${pid}/mem`, 'r');
    this.entries = program.addresses.map((address) => start(own[0]) + address);
    const known = originals.get(program);
    this.original = known ?? {
      entries: this.entries.map((entry) => this.read(entry, ENTRY_BYTES)),
      hash: this.hashRest(),
    };
    originals.set(program, this.original);
  }

  private read(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (readSync(this.memory, bytes, 0, length, address) !== length)
      throw new Error(`cannot read at 0x${address.toString(16)}`);
    return bytes;
  }

  /** Where each part leads, in their order. */
  leads(): Lead[] {
    return this.entries.map((entry, i) => {
      const bytes = this.read(entry, ENTRY_BYTES);
      if (Buffer.compare(bytes, this.original.entries[i] ?? bytes) === 0) return 'original';
      if (bytes[0] !== JUMP) return 'torn';
      return entry + ENTRY_BYTES + new DataView(bytes.buffer).getInt32(1, true);
    });
  }

  /** Whether the program's code is as it was, but for the entries of the parts. */
  isRestAsBefore(): boolean {
    return this.hashRest() === this.original.hash;
  }

  private hashRest(): string {
    const bytes = this.read(this.text.start, this.text.end - this.text.start);
    for (const entry of this.entries) {
      const at = entry - this.text.start;
      bytes.fill(0, at, at + ENTRY_BYTES);
    }
    return createHash('sha1').update(bytes).digest('hex');
  }

  [Symbol.dispose](): void {
    closeSync(this.memory);
  }
}
