/** Builds with the system's gcc, as and ld in a directory of its own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Workshop implements Disposable {
  readonly directory: string;

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), 'hcr-arch-'));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, contents: string | Uint8Array): string {
    writeFileSync(this.path(name), contents);
    return this.path(name);
  }

  read(name: string): Uint8Array {
    return new Uint8Array(readFileSync(this.path(name)));
  }

  /** Runs a tool in the directory; its stdout. Throws with its stderr when it fails. */
  run(program: string, ...args: readonly string[]): string {
    return execFileSync(program, args, {
      cwd: this.directory,
      encoding: 'utf8',
      maxBuffer: 256 << 20,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Compiles a C program and runs it; its stdout. */
  runC(name: string, source: string, ...flags: readonly string[]): string {
    this.write(`${name}.c`, source);
    this.run('gcc', '-O1', '-o', name, `${name}.c`, ...flags);
    return this.run(this.path(name));
  }

  /** The contents of a section of an ELF file. */
  section(file: string, section: string): Uint8Array {
    const dump = `${file}${section}.bin`;
    this.run('objcopy', '--dump-section', `${section}=${dump}`, file, `${dump}.elf`);
    return this.read(dump);
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Bytes as a C array initialiser. */
export function cArray(bytes: Uint8Array): string {
  return `{${[...bytes].join(',')}}`;
}

/** Whether the processor says that it has a feature. */
export function cpuHas(flag: string): boolean {
  return new RegExp(`^flags.* ${flag}( |$)`, 'm').test(readFileSync('/proc/cpuinfo', 'utf8'));
}
