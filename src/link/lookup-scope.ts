/**
 * In which modules the dynamic linker looks a name up, and in which order: the global scope of the
 * namespace, then what the module brought along when it was opened with dlopen.
 *
 * What is global glibc tells (see ptrace/link-maps). Elsewhere it is what was there from the start:
 * the executable, preloaded libraries, and all that these need; they stand first in the list.
 *
 * @see dlopen(3) RTLD_LOCAL, RTLD_GLOBAL; gABI 5 "Shared Object Dependencies"
 */
import { basename } from 'node:path';
import type { LoadedModule } from '../elf/loaded-module.js';

export class LookupScope {
  private readonly modules: readonly LoadedModule[];
  private readonly orders = new Map<LoadedModule, readonly LoadedModule[]>();

  /** @param modules in the order of the dynamic linker's list, the executable first */
  constructor(modules: readonly LoadedModule[]) {
    this.modules = modules;
  }

  /** The modules that a name in code of `home` may come from, the first to be asked first. */
  orderFor(home: LoadedModule): readonly LoadedModule[] {
    let order = this.orders.get(home);
    if (order === undefined) {
      order = this.findOrder(home);
      this.orders.set(home, order);
    }
    return order;
  }

  private findOrder(home: LoadedModule): readonly LoadedModule[] {
    const namespace = home.loader?.namespace;
    // Without a list, in a static program, there is nothing to tell apart.
    if (namespace === undefined) return [home, ...this.modules.filter((each) => each !== home)];
    const listed = this.modules.filter(({ loader }) => loader?.namespace === namespace);
    const global = this.globalScope(listed);
    return [...new Set([...global, ...this.openedWith(home, listed, global), home])];
  }

  private globalScope(listed: readonly LoadedModule[]): readonly LoadedModule[] {
    const known = listed.filter(({ loader }) => loader?.isGlobal === true);
    if (known.length > 0) return known;
    // What preloaded libraries need comes after what the executable needs.
    let end = 1;
    for (;;) {
      const needed = this.closure(listed.slice(0, end));
      const last = listed.findLastIndex((module) => needed.has(module)) + 1;
      if (last <= end) return listed.slice(0, end);
      end = last;
    }
  }

  /** Each dlopen that brought the module in gave it all that it opened. */
  private openedWith(
    home: LoadedModule,
    listed: readonly LoadedModule[],
    global: readonly LoadedModule[],
  ): readonly LoadedModule[] {
    const local = listed.filter((module) => !global.includes(module));
    const needed = new Map(local.map((module) => [module, this.closure([module])]));
    const isOpened = (module: LoadedModule): boolean =>
      !local.some((other) => other !== module && needed.get(other)?.has(module) === true);
    return local
      .filter((module) => module === home || isOpened(module))
      .map((module) => needed.get(module) ?? new Set<LoadedModule>())
      .filter((closure) => closure.has(home))
      .flatMap((closure) => [...closure]);
  }

  /** Breadth first, as the dynamic linker loads them. */
  private closure(roots: readonly LoadedModule[]): Set<LoadedModule> {
    const found = new Set(roots);
    for (const module of found) {
      for (const name of module.file.dynamic().needed) {
        const library = this.named(name, module.loader?.namespace);
        // A Set hands out what is added to it while it is walked.
        if (library !== undefined) found.add(library);
      }
    }
    return found;
  }

  private named(name: string, namespace: number | undefined): LoadedModule | undefined {
    const isNamed = ({ path, file }: LoadedModule): boolean =>
      path === name || file.dynamic().soname === name || basename(path) === name;
    const matching = this.modules.filter(isNamed);
    // The dynamic linker itself is one for all namespaces.
    return matching.find(({ loader }) => loader?.namespace === namespace) ?? matching[0];
  }
}
