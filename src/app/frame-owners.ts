/** Whose code each frame of a thread is in, so that a safe point for hooks can be told. */
import { type Addr, type AddrRange, contains } from '../core/address.js';
import type { Unit } from '../dwarf/unit.js';
import type { Frame } from '../dwarf/unwind.js';
import { type LoadedModule, fileAddress, symbolsAt } from '../elf/loaded-module.js';
import { unlessMalformed } from '../elf/malformed.js';
import { symbolsNamed } from '../link/find-function.js';
import { codeRangesOf } from '../patch/ledger.js';
import type { FrameOwner } from '../patch/safe-point.js';
import type { ProcessImage } from './observe.js';

/** Who defines one of these is the C library, the dynamic linker, or a run-time library of a language,
 *  or takes the place of a part of them. */
const OF_SYSTEM = [
  ...['malloc', '__libc_start_main', '__tls_get_addr', 'pthread_create', 'dlopen'],
  ...['_Unwind_RaiseException', '__cxa_throw'],
];
/** Of the C library's start files, in an executable. */
const STARTS: ReadonlySet<string> = new Set(['_start', '_start_c']);
/** The last two are `operator new` and `operator delete`. */
const ALLOCATION = ['malloc', 'calloc', 'realloc', 'free', 'memalign', '_Znwm', '_ZdlPv'];

export class FrameOwners {
  private readonly image: ProcessImage;
  private readonly changing: readonly AddrRange[];
  private readonly facts = new Map<LoadedModule, ModuleFacts>();

  /** @param changing code of the functions that are about to change, or have changed */
  constructor(image: ProcessImage, changing: readonly AddrRange[]) {
    this.image = image;
    this.changing = changing;
  }

  /** Reads what is slow to read, before a thread is stopped to be looked at. */
  prepare(): void {
    for (const module of this.image.modules) {
      unlessMalformed(() => {
        this.factsOf(module);
        this.image.debugInfo(module)?.unitAt(fileAddress(module, module.range.start));
      });
    }
  }

  /** Reads symbols and debug information. */
  of({ codeAddr }: Frame): FrameOwner {
    if (this.changing.some((range) => contains(range, codeAddr)))
      return { kind: 'changing', names: [] };
    if (this.isOwnBody(codeAddr)) return { kind: 'own', names: [] };
    const module = this.image.modules.find(({ range }) => contains(range, codeAddr));
    const owner =
      module && unlessMalformed(() => this.inModule(module, fileAddress(module, codeAddr)));
    return owner ?? { kind: 'foreign', names: [] };
  }

  private isOwnBody(address: Addr): boolean {
    return this.image.store.ledger.generations.some(
      ({ bodies, blocks }) =>
        blocks.length > 0 &&
        bodies.some((body) => codeRangesOf(body).some((range) => contains(range, address))),
    );
  }

  private inModule(module: LoadedModule, at: ReturnType<typeof fileAddress>): FrameOwner {
    const names = symbolsAt(module, at).map(({ name }) => name);
    const facts = this.factsOf(module);
    const isStart = names.some((name) => STARTS.has(name));
    if (isStart || (facts.isOfSystem && !module.isExecutable)) return { kind: 'foreign', names };
    const unit = this.image.debugInfo(module)?.unitAt(at);
    if (unit !== undefined)
      return { kind: facts.allocators.has(unit) ? 'allocator' : 'own', names };
    // Of an executable that holds a C library nothing else tells the two apart.
    return { kind: facts.isOfSystem ? 'foreign' : 'guest', names };
  }

  private factsOf(module: LoadedModule): ModuleFacts {
    let known = this.facts.get(module);
    if (known === undefined) {
      known = {
        isOfSystem: OF_SYSTEM.some((name) => symbolsNamed(module, name).length > 0),
        allocators: new Set(this.unitsOf(module, ALLOCATION)),
      };
      this.facts.set(module, known);
    }
    return known;
  }

  private unitsOf(module: LoadedModule, names: readonly string[]): Unit[] {
    return names
      .flatMap((name) => symbolsNamed(module, name))
      .flatMap(({ entry }) => {
        const unit = this.image.debugInfo(module)?.unitAt(fileAddress(module, entry));
        return unit === undefined ? [] : [unit];
      });
  }
}

interface ModuleFacts {
  readonly isOfSystem: boolean;
  /** Units with functions that manage memory. */
  readonly allocators: ReadonlySet<Unit>;
}
