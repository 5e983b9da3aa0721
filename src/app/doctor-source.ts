/** What `hcr doctor` says of debug information, sources and the way they are compiled. */
import { statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { CompileCommand } from '../build/compile-command.js';
import { compilerVersion } from '../build/compiler-version.js';
import type { ConsultedSource } from '../build/found-flags.js';
import { type Producer, parseProducer } from '../build/producer-flags.js';
import { HcrError } from '../core/failure.js';
import type { Unit } from '../dwarf/unit.js';
import type { LoadedModule } from '../elf/loaded-module.js';
import { functionsNamed } from '../link/find-function.js';
import { startedAtMs } from '../ptrace/process-conditions.js';
import { ok, refusal, warning } from './condition.js';
import { buildSettingOf } from './build-setting.js';
import { findCommand } from './build-unit.js';
import { unitOf } from './locate.js';
import type { ProcessImage } from './observe.js';
import { isOwnModule } from './own-modules.js';
import type { Condition } from './report.js';

const BUILD_HINT =
  'Build with -g, or name the source with --source or a compiled object with --object.';
/** Files named in a list; the rest are counted. */
const MAX_NAMED = 5;

export async function debugConditions(image: ProcessImage): Promise<Condition[]> {
  const modules = image.modules.filter(isOwnModule);
  const conditions = modules.flatMap((module) => [
    ...symbolConditions(module),
    debugCondition(image, module),
  ]);
  const main = attempt(() => mainUnit(image));
  if (main === undefined) return conditions;
  return [...conditions, ...sourceConditions(image), ...(await compileConditions(image, main))];
}

function symbolConditions({ name, file }: LoadedModule): Condition[] {
  if (file.symbols().count > 1) return [];
  return [
    warning(
      `symbols of ${name}`,
      'stripped: only the functions that it exports have names',
      'Link without -s and do not strip the file.',
    ),
  ];
}

function debugCondition(image: ProcessImage, module: LoadedModule): Condition {
  const name = `debug information of ${module.name}`;
  try {
    const info = image.debugInfo(module);
    const [first, ...others] = info?.units() ?? [];
    const [absent] = info?.absent() ?? [];
    if (absent !== undefined) return refusal(name, absent, 'warning');
    if (first === undefined)
      return warning(name, 'none, so that its sources and flags are unknown', BUILD_HINT);
    const { compiler, version } = parseProducer(first.producer ?? '');
    const count = others.length === 0 ? 'one source file' : `${others.length + 1} source files`;
    return ok(name, `DWARF ${first.version}, ${count}, built by ${compiler} ${version}`.trimEnd());
  } catch (error) {
    return refusal(name, error);
  }
}

interface UnitOfModule {
  readonly module: LoadedModule;
  readonly unit: Unit;
}

/** The unit of `main`, else any. */
function mainUnit(image: ProcessImage): UnitOfModule | undefined {
  const [module] = image.modules;
  if (module === undefined) return undefined;
  const [main] = functionsNamed(module, 'main');
  const unit = main && unitOf(image, main);
  if (unit !== undefined && !(unit instanceof HcrError)) return { module, unit };
  for (const any of image.debugInfo(module)?.units() ?? []) return { module, unit: any };
  return undefined;
}

/** Undefined for damaged debug information, which is reported already. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Which sources of the executable are where they were built, and which were written since. */
function sourceConditions(image: ProcessImage): Condition[] {
  const [executable] = image.modules;
  const units = (executable && image.debugInfo(executable)?.units()) ?? [];
  const startedMs = startedAtMs(image.target.pid);
  const missing: string[] = [];
  const newer: string[] = [];
  let total = 0;
  for (const unit of units) {
    const path = resolve(unit.compDir ?? '/', unit.name);
    const stats = attempt(() => statSync(path));
    total += 1;
    if (stats === undefined) missing.push(path);
    else if (stats.mtimeMs > startedMs) newer.push(path);
  }
  const found =
    missing.length === 0
      ? ok('sources', `all ${total} where they were compiled`)
      : warning(
          'sources',
          `${missing.length} of ${total} are not where they were compiled: ${namesOf(missing)}`,
          'hcr looks for them near the program too; where it does not find one, name it with --source.',
        );
  const edited =
    newer.length === 0
      ? 'none since the process started'
      : `since the process started: ${namesOf(newer)}`;
  return [found, ok('edited sources', edited)];
}

function namesOf(paths: readonly string[]): string {
  const names = paths
    .slice(0, MAX_NAMED)
    .map((path) => basename(path))
    .join(', ');
  const more = paths.length - MAX_NAMED;
  return more > 0 ? `${names} and ${more} more` : names;
}

/** The command for one source and why it is that one. It is not run. */
async function compileConditions(
  image: ProcessImage,
  { module, unit }: UnitOfModule,
): Promise<Condition[]> {
  const name = `compile command of ${basename(unit.name)}`;
  const producer = parseProducer(unit.producer ?? '');
  let command: CompileCommand;
  try {
    command = await findCommand({ module, unit, names: [] }, {}, buildSettingOf(image));
  } catch (error) {
    return [refusal(name, error, 'warning')];
  }
  const origin = ORIGINS[command.origin];
  const line = [command.cc, ...command.args, command.input].join(' ');
  return [
    ...command.consulted.map(consultedCondition),
    ok(
      name,
      `from ${origin}: ${line} (in ${command.directory}; ${command.explanation.join('; ')})`,
    ),
    await sameCompiler(command, producer),
  ];
}

const ORIGINS: Readonly<Record<ConsultedSource['origin'], string>> = {
  options: 'options',
  'compile_commands.json': 'compile_commands.json',
  ninja: 'ninja',
  make: 'make',
  dwarf: 'debug information',
};

/** One source of flags, in the order in which they are asked. */
function consultedCondition({ origin, place, outcome, detail }: ConsultedSource): Condition {
  const where = place === undefined ? '' : `${place}: `;
  return ok(`flags from ${ORIGINS[origin]}`, `${outcome}: ${where}${detail}`);
}

async function sameCompiler({ cc, user }: CompileCommand, producer: Producer): Promise<Condition> {
  const name = 'compiler';
  const built = `${producer.compiler} ${producer.version}`.trimEnd();
  try {
    const { family, version } = await compilerVersion(cc, user);
    const detail = `${cc} is ${family} ${version}`.trimEnd();
    if (
      producer.compiler === 'unknown' ||
      (family === producer.compiler && version === producer.version)
    ) {
      return ok(name, detail);
    }
    return warning(
      name,
      `${detail}, but the program was built by ${built}`,
      'Name the compiler that built it with --cc; another may lay code and data out differently.',
    );
  } catch (error) {
    return refusal(name, error, 'warning');
  }
}
