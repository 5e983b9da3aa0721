/** The programs of fixtures/, each test with a copy of its own to build and to edit. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from './repository.js';
import { writeAfter } from './write-after.js';

const run = promisify(execFile);

export interface BuildOptions {
  /** Another target of its Makefile that makes `main`. */
  readonly target?: string;
  readonly cc?: string;
  readonly cxx?: string;
  readonly cxxflags?: string;
  readonly cflags?: string;
  readonly ldflags?: string;
  /** Further ones of make, such as `CC=clang`. */
  readonly variables?: readonly string[];
}

export class Fixture implements Disposable {
  readonly directory: string;
  private readonly originals = new Map<string, string>();

  /** A fresh copy, nothing built. */
  constructor(name: string) {
    this.directory = realpathSync(mkdtempSync(join(tmpdir(), `hcr-${name}-`)));
    cpSync(join(REPOSITORY, 'fixtures', name), this.directory, { recursive: true });
    // A copy of a checkout in which somebody has built the fixture has its objects too.
    rmSync(this.program, { force: true });
  }

  /** What make builds. */
  get program(): string {
    return this.path('main');
  }

  path(file: string): string {
    return join(this.directory, file);
  }

  async build(options: BuildOptions = {}): Promise<void> {
    const variables = [
      ...(options.cc === undefined ? [] : [`CC=${options.cc}`]),
      ...(options.cxx === undefined ? [] : [`CXX=${options.cxx}`]),
      ...(options.cxxflags === undefined ? [] : [`CXXFLAGS=${options.cxxflags}`]),
      ...(options.cflags === undefined ? [] : [`CFLAGS=${options.cflags}`]),
      ...(options.ldflags === undefined ? [] : [`LDFLAGS=${options.ldflags}`]),
      ...(options.variables ?? []),
    ];
    await run('make', ['-s', '-j2', '-B', options.target ?? 'main', ...variables], {
      cwd: this.directory,
    });
  }

  /** Runs a program in its folder, as a user would in a shell. */
  async run(program: string, ...args: readonly string[]): Promise<string> {
    const { stdout } = await run(program, args, { cwd: this.directory });
    return stdout;
  }

  /** Edits a source. @throws when the text is not there exactly once */
  edit(file: string, from: string, to: string): void {
    const path = this.path(file);
    const [before, after, ...more] = readFileSync(path, 'utf8').split(from);
    if (before === undefined || after === undefined || more.length > 0) {
      throw new Error(`${file} does not hold this text exactly once: ${from}`);
    }
    if (!this.originals.has(file)) this.originals.set(file, before + from + after);
    writeAfter(path, before + to + after, this.program);
  }

  /** Undoes the edits; what was built stays. */
  restore(): void {
    for (const [file, text] of this.originals) writeFileSync(this.path(file), text);
    this.originals.clear();
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A copy of `fixtures/<name>`, built by its own Makefile. */
export async function buildFixture(name: string, options: BuildOptions = {}): Promise<Fixture> {
  const fixture = new Fixture(name);
  try {
    await fixture.build(options);
    return fixture;
  } catch (error) {
    fixture[Symbol.dispose]();
    throw error;
  }
}
