/**
 * The same patch made by hand with gdb: map a page in reach of a jump, load the body of the new
 * function into it, write the jump over the first bytes of the old one. No thread is checked, no
 * name is bound, nothing can be rolled back: it is the least that a debugger can do.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { CommandRunner, Measured } from './command.js';

const run = promisify(execFile);

/** mmap's PROT_READ | PROT_WRITE | PROT_EXEC, and MAP_PRIVATE | MAP_ANONYMOUS. */
const PROTECTION = 7;
const MAPPING = 0x22;
/** This far below the function areas are asked for, each below the one before: where one is taken,
 *  the kernel would give another out of reach. */
const DISTANCE_BYTES = 0x1000_0000;
/** Room for the new bodies of one patch. */
const AREA_BYTES = 0x10000;

/** A function, and where its new body is in the file of code. */
export interface Place {
  readonly name: string;
  readonly offset: number;
}

/** Makes the code of one section of an object into a file of bare bytes. The code must not need
 *  relocation. */
export async function extractBody(object: string, body: string, section = '.text'): Promise<void> {
  await run('objcopy', ['-O', 'binary', '--only-section', section, object, body]);
}

export class Debugger {
  private readonly commands: CommandRunner;
  private areas = 0;

  constructor(commands: CommandRunner) {
    this.commands = commands;
  }

  /** Runs gdb on a process with these commands, and detaches. */
  async run(pid: number, commands: readonly string[]): Promise<Measured> {
    const quiet = ['set debuginfod enabled off', 'set confirm off'];
    const early = quiet.flatMap((command) => ['-iex', command]);
    const late = [...commands, 'detach'].flatMap((command) => ['-ex', command]);
    return await this.commands.run(['gdb', '-nx', '-batch', ...early, '-p', String(pid), ...late]);
  }

  /**
   * @param body a file of code
   * @param area where an earlier patch mapped one
   * @returns with the area it used
   */
  async patch(
    pid: number,
    name: string,
    body: string,
    area?: number,
  ): Promise<Measured & { readonly area: number }> {
    return await this.patchAll(pid, [{ name, offset: 0 }], body, area);
  }

  /** The same for several functions at a time. */
  async patchAll(
    pid: number,
    places: readonly Place[],
    body: string,
    area?: number,
  ): Promise<Measured & { readonly area: number }> {
    if (area === undefined) this.areas++;
    const below = DISTANCE_BYTES + this.areas * AREA_BYTES;
    const near = `((unsigned long)&${places[0]?.name ?? ''} & ~0xfffUL) - ${below}`;
    const mmap = '((void *(*)(void *, unsigned long, int, int, int, long))mmap)';
    const script = `${body}.gdb`;
    const commands = [
      area === undefined
        ? `call (char *)${mmap}((void *)(${near}), ${AREA_BYTES}, ${PROTECTION}, ${MAPPING}, -1, 0)`
        : `print (char *)${area}`,
      'set $area = $',
      `restore ${body} binary $area`,
      ...places.flatMap(({ name, offset }) => [
        `set *(unsigned char *)&${name} = 0xe9`,
        `set *(int *)((char *)&${name} + 1) = (int)($area + ${offset} - ((char *)&${name} + 5))`,
      ]),
      'printf "area %lu\\n", (unsigned long)$area',
    ];
    writeFileSync(script, `${commands.join('\n')}\n`);
    const measured = await this.run(pid, [`source ${script}`]);
    const mapped = /^area (\d+)$/m.exec(measured.stdout)?.[1];
    if (mapped === undefined) throw new Error(`gdb did not patch: ${measured.stdout}`);
    return { ...measured, area: Number(mapped) };
  }
}
