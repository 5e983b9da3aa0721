/** A program that runs, and objects of its edited sources seen by the linker. */
import type { Decoder } from '../../src/arch/decoder.js';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { ProcessImage } from '../../src/app/observe.js';
import type { Addr } from '../../src/core/address.js';
import { fileAddress, type LoadedModule } from '../../src/elf/loaded-module.js';
import { Binder } from '../../src/link/bind.js';
import type { LiveUnit } from '../../src/link/live-unit.js';
import type { ObjectFunction } from '../../src/link/object-unit.js';
import { readLiveUnit } from '../../src/link/read-live-unit.js';
import { type EditedUnit, readEditedUnit } from '../../src/link/read-object-unit.js';
import { type FunctionState, compareFunctions } from '../../src/patch/changed-functions.js';
import { CodeComparer } from '../../src/patch/compare-code.js';
import type { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { type Target, startTarget } from '../support/target.js';

/** How hcr compiles besides the flags of the program. */
export const SECTIONS = ['-ffunction-sections', '-fdata-sections'];

/** Prints a line and waits to be ended. */
export const MAIN = `
#include <stdio.h>
#include <unistd.h>
__attribute__((weak)) void use(void);
int main(int argc, char **argv) {
  if (argc > 1000) use();
  puts("ready");
  fflush(stdout);
  for (;;) pause();
}
`;

export interface EditedObject {
  readonly path: string;
  readonly edited: EditedUnit;
  readonly live: LiveUnit;
  readonly binder: Binder;
  readonly comparer: CodeComparer;
  fn(name: string): ObjectFunction;
  states(): readonly FunctionState[];
}

export interface ReadOptions {
  readonly decoder?: Decoder;
  /** Treat the program as if it had no debug information. */
  readonly withoutDebug?: boolean;
  /** Whose source it is; the executable's unless given. */
  readonly module?: LoadedModule;
  /** A function of the unit. */
  readonly inside?: string;
}

export class EditedProgram implements AsyncDisposable {
  readonly image: ProcessImage;
  readonly program: string;
  private readonly shop: Workshop;
  private readonly compiler: string;
  private readonly target: Target;
  private count = 0;

  private constructor(
    shop: Workshop,
    program: string,
    compiler: string,
    target: Target,
    image: ProcessImage,
  ) {
    this.shop = shop;
    this.compiler = compiler;
    this.program = program;
    this.target = target;
    this.image = image;
  }

  /** Compiles each source by itself with the flags, links all with them, and starts the result. */
  static async start(
    shop: Workshop,
    sources: Readonly<Record<string, string>>,
    flags: readonly string[],
    linkFlags: readonly string[] = [],
    compiler = 'gcc',
  ): Promise<EditedProgram> {
    const objects = Object.entries(sources).map(([file, text]) => {
      shop.write(file, text);
      shop.run(compiler, ...flags, '-c', '-o', `${file}.o`, file);
      return `${file}.o`;
    });
    shop.run(compiler, ...flags, '-o', 'program', ...objects, ...linkFlags);
    return await EditedProgram.run(shop, 'program', compiler);
  }

  /** Starts a program of the shop that has been linked already. */
  static async run(shop: Workshop, name: string, compiler = 'gcc'): Promise<EditedProgram> {
    const program = shop.path(name);
    const target = await startTarget(program);
    await target.waitForLine(/ready/);
    return new EditedProgram(shop, program, compiler, target, ProcessImage.of(target.pid));
  }

  get pid(): number {
    return this.target.pid;
  }

  /** The executable. */
  get module(): LoadedModule {
    return this.moduleNamed(this.image.modules[0]?.name ?? '');
  }

  moduleNamed(name: string): LoadedModule {
    const module = this.image.modules.find((candidate) => candidate.name === name);
    if (module === undefined) throw new Error(`the program has not loaded ${name}`);
    return module;
  }

  /** Compiles another text of a source and reads it as the new version of that source. */
  read(
    file: string,
    text: string,
    flags: readonly string[],
    inside?: string,
    options: ReadOptions = {},
  ): EditedObject {
    const path = `edited${this.count++}.o`;
    this.shop.write(file, text);
    this.shop.run(this.compiler, ...flags, ...SECTIONS, '-c', '-o', path, file);
    return this.readObject(path, file, { ...options, ...(inside === undefined ? {} : { inside }) });
  }

  /** Reads an object of the shop as the new version of a source of the program. */
  readObject(path: string, file: string, options: ReadOptions = {}): EditedObject {
    const { image } = this;
    const { module = this.module, inside } = options;
    const edited = readEditedUnit(this.shop.read(path), path, x8664);
    const known = edited.unit.functions.find(
      ({ name, isLocal }) => !isLocal && this.addressesOf(name, module).length > 0,
    )?.name;
    const entry = this.addressOf(inside ?? known ?? 'main', module);
    const unit = options.withoutDebug
      ? undefined
      : image.debugInfo(module)?.unitForAddress(fileAddress(module, entry));
    const live = readLiveUnit(module, unit, file, entry);
    const { symbols } = image;
    const binder: Binder = new Binder({
      unit: edited.unit,
      live,
      symbols,
      added: { function: () => undefined, variable: () => undefined, elsewhere: () => undefined },
      threadFunctionName: x8664.threadLocals.addressFunctionName,
      mustCopy: () => false,
      sameConstant: (section, address) => comparer.compareConstant(section, address),
    });
    const comparer: CodeComparer = new CodeComparer({
      unit: edited.unit,
      binder,
      symbols,
      module,
      machine: x8664,
      original: image.original,
      decoder: options.decoder,
    });
    const context = { unit: edited.unit, binder, comparer, machine: x8664 };
    return {
      path,
      edited,
      live,
      binder,
      comparer,
      fn(name) {
        const found = edited.unit.functions.find((fn) => fn.name === name);
        if (found === undefined) throw new Error(`${path} has no function ${name}`);
        return found;
      },
      states: () => compareFunctions({ ...context, bodies: new Map() }),
    };
  }

  /** Where a symbol of the executable is in the process, by `nm`. */
  addressOf(name: string, module = this.module): Addr {
    const found = this.addressesOf(name, module)[0];
    if (found === undefined) throw new Error(`the program has no symbol ${name}`);
    return found;
  }

  /** All of that name, in the order of `nm`. */
  addressesOf(name: string, module = this.module): Addr[] {
    return this.symbolsOf(module)
      .filter((symbol) => symbol.name === name)
      .map(({ address }) => (address + module.bias) as Addr);
  }

  private readonly listed = new Map<string, readonly ListedSymbol[]>();

  private symbolsOf({ path }: LoadedModule): readonly ListedSymbol[] {
    const known = this.listed.get(path) ?? listDefined(this.shop.run('nm', path));
    this.listed.set(path, known);
    return known;
  }

  /** The PLT entry that is a foreign function's address in a program at a fixed address, by readelf. */
  ownPltEntry(name: string): Addr | undefined {
    const listing = this.shop.run('readelf', '--dyn-syms', '-W', this.program);
    const line = new RegExp(`: 0*([1-9a-f][0-9a-f]*) .* UND ${name}(@|$)`, 'm').exec(listing);
    return line === null ? undefined : (Number(`0x${line[1] ?? ''}`) as Addr);
  }

  /** Where an exported symbol of a library is, by `nm` and /proc/pid/maps. */
  libraryAddress(library: RegExp, name: string): Addr | undefined {
    const module = this.image.modules.find((candidate) => library.test(candidate.name));
    if (module === undefined) throw new Error(`no library ${library}`);
    this.exported ??= listDefined(this.shop.run('nm', '-D', module.path));
    const found = this.exported.find((symbol) => symbol.name === name);
    return found && ((found.address + module.range.start) as Addr);
  }

  private exported: readonly ListedSymbol[] | undefined;

  async [Symbol.asyncDispose](): Promise<void> {
    this.image[Symbol.dispose]();
    await this.target[Symbol.asyncDispose]();
  }
}

interface ListedSymbol {
  readonly name: string;
  readonly address: number;
}

function listDefined(listing: string): ListedSymbol[] {
  return [...listing.matchAll(/^([0-9a-f]+) ([A-Za-z]) (\S+?)(?:@@?\S+)?$/gm)].map(
    ([, address = '', , name = '']) => ({ name, address: Number(`0x${address}`) }),
  );
}
