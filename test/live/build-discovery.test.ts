/**
 * The same program built by different tools, each patched without options: hcr finds out how its files
 * are compiled. Nothing but the build knows -DSCALE and -DOFFSET, and where the generated header is.
 */
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DoctorReport } from '../../src/app/report.js';
import { DAEMON, GAMES, IS_ROOT, asUser, giveTo } from '../support/as-user.js';
import { Fixture } from '../support/fixture.js';
import { parseJson, refusalOf, reload, rollBack, runHcr } from '../support/hcr.js';
import { NOTHING, changesDuring } from '../support/memory-snapshot.js';
import { type Target, startTarget } from '../support/target.js';

const ORIGINAL = /^sum=5291$/;
/** `STEP(fifth, 6)` in the place of `STEP(fifth, 5)`, with the macros of the build. */
const EDITED = /^sum=5387$/;

interface Project {
  readonly name: string;
  readonly origin: string;
  /** Commands that build it in its folder. */
  readonly commands: readonly string[];
  readonly program: string;
  /** The file that is asked. */
  readonly asked: string;
  /** What tells the flags, and where it says SCALE. */
  readonly told: string;
  readonly scale: readonly [right: string, wrong: string];
}

const CMAKE = 'cmake -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo';

const PROJECTS: readonly Project[] = [
  {
    name: 'CMake and ninja, without compile_commands.json',
    origin: 'ninja',
    commands: [`${CMAKE} -S . -B build`, 'ninja -C build'],
    program: 'build/main',
    asked: 'build/build.ninja',
    told: 'build/build.ninja',
    scale: ['-DSCALE=7', '-DSCALE=9'],
  },
  {
    name: 'CMake and make, without compile_commands.json',
    origin: 'make',
    commands: [
      'rm Makefile src/Makefile',
      'cmake -DCMAKE_BUILD_TYPE=RelWithDebInfo -S . -B build',
      'make -C build',
    ],
    program: 'build/main',
    asked: 'build/Makefile',
    told: 'build/CMakeFiles/main.dir/flags.make',
    scale: ['-DSCALE=7', '-DSCALE=9'],
  },
  {
    name: 'a makefile that calls make',
    origin: 'make',
    commands: ['make'],
    program: 'main',
    asked: 'Makefile',
    told: 'src/Makefile',
    scale: ['(shell echo 7)', '(shell echo 9)'],
  },
  {
    name: 'Meson',
    origin: 'compile_commands.json',
    commands: ['meson setup build', 'ninja -C build'],
    program: 'build/main',
    asked: 'build/compile_commands.json',
    told: 'build/compile_commands.json',
    scale: ['-DSCALE=7', '-DSCALE=9'],
  },
  {
    name: 'ninja with wrappers, relative paths and response files',
    origin: 'ninja',
    commands: ['mkdir out', 'mv response.ninja out/build.ninja', 'ninja -C out main'],
    program: 'out/main',
    asked: 'out/build.ninja',
    told: 'out/build.ninja',
    scale: ['-DSCALE=7', '-DSCALE=9'],
  },
];

async function built({ commands }: Pick<Project, 'commands'>): Promise<Fixture> {
  const fixture = new Fixture('builds');
  try {
    for (const command of commands) {
      const [program = '', ...words] = command.split(' ');
      await fixture.run(program, ...words);
    }
    return fixture;
  } catch (error) {
    fixture[Symbol.dispose]();
    throw error;
  }
}

const edit = (fixture: Fixture): void => fixture.edit('src/work.c', 'fifth, 5', 'fifth, 6');
const names = ({ functions }: { readonly functions: readonly { readonly name: string }[] }) =>
  functions.map(({ name }) => name);

function replaceIn(path: string, from: string, to: string): void {
  const text = readFileSync(path, 'utf8');
  expect(text).toContain(from);
  writeFileSync(path, text.replaceAll(from, to));
}

/** Every file below, with its content's size and time. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => {
    const { mtimeMs, size } = statSync(join(folder, name));
    return `${name} ${size} ${mtimeMs}`;
  });
}

/** Lines of doctor by the source of flags that they are about. */
async function flagConditions(pid: number): Promise<Map<string, string[]>> {
  const outcome = await runHcr(['doctor', pid, '--json']);
  const report = parseJson(outcome) as unknown as DoctorReport;
  const found = new Map<string, string[]>();
  for (const { name, detail } of report.conditions) {
    const origin = /^flags from (.*)/.exec(name)?.[1];
    if (origin !== undefined) found.set(origin, [...(found.get(origin) ?? []), detail]);
  }
  return found;
}

describe.each(PROJECTS)('$name', (project) => {
  let fixture: Fixture;
  let target: Target;

  beforeAll(async () => {
    fixture = await built(project);
    target = await startTarget(fixture.path(project.program));
    await target.waitForLine(ORIGINAL);
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    fixture[Symbol.dispose]();
  });

  it('is found without options, and nothing in its folder changes', async () => {
    edit(fixture);
    rmSync(fixture.path('src/linked.txt'), { force: true });
    const before = filesOf(fixture.directory);
    const { stdout, stderr, exitCode } = await runHcr(['reload', target.pid, '--verbose']);
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/^Patched 1 function in .*\n {2}fifth /);
    expect(stdout).not.toMatch(/note:/);
    expect(stderr).toContain(fixture.path(project.asked));
    expect(stderr).toMatch(/^hcr: \/.*cc .*-DSCALE=7 .*work\.c$/m);
    expect(filesOf(fixture.directory)).toEqual(before);
    await target.waitForLine(EDITED);
    await rollBack(target.pid);
    target.lines.skipArrived();
    await target.waitForLine(ORIGINAL);
  });

  it('is explained by doctor: each source of flags has a line', async () => {
    const found = await flagConditions(target.pid);
    const order = ['compile_commands.json', 'ninja', 'make', 'debug information'];
    expect([...found.keys()]).toEqual(order);
    const used = order.indexOf(project.origin);
    for (const [i, origin] of order.entries())
      expect(found.get(origin)?.join('\n')).toMatch(
        i < used ? /^not found: / : i > used ? /^not asked: / : /^used: \//,
      );
    const plain = await runHcr(['doctor', target.pid]);
    expect(plain.stdout).toContain(`flags from ${project.origin}: used: `);
  });

  it('with another -D than the program has is refused, and the program stays as it was', async () => {
    replaceIn(fixture.path(project.told), ...project.scale);
    // Meson's ninja is right still; see below.
    if (project.name === 'Meson') rmSync(fixture.path('build/build.ninja'));
    const changes = await changesDuring(target.pid, async () => {
      const refusal = await refusalOf(['reload', target.pid]);
      expect(refusal).toMatchObject({ exitCode: 4, code: 'build-mismatch' });
      expect(refusal.hint).toMatch(/The -D.* of .*may be those of another build/);
    });
    expect(changes).toEqual(NOTHING);
  });
});

it('of several configurations in one tree that of the running program is taken', async () => {
  using fixture = await built({
    commands: [
      `${CMAKE} -DSCALE=9 -S . -B build-a`,
      `${CMAKE} -S . -B build-b`,
      'ninja -C build-b',
      // Of the same flags, and of a better name.
      `${CMAKE} -DSCALE=9 -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -S . -B build`,
      `${CMAKE} -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -S . -B build-c`,
    ],
  });
  await using target = await startTarget(fixture.path('build-b/main'));
  await target.waitForLine(ORIGINAL);
  edit(fixture);
  // Two have a compile_commands.json, and it is of others.
  expect(names(await reload(target.pid))).toEqual(['fifth']);
  await target.waitForLine(EDITED);
  await rollBack(target.pid);
  for (const folder of ['build', 'build-c']) {
    const found = await flagConditions(target.pid);
    expect(found.get('compile_commands.json')?.[0]).toMatch(
      new RegExp(`${folder}/compile_commands.json: its compiler runs in .*${folder}, and that of`),
    );
    expect(found.get('ninja')?.join()).toMatch(
      /used: .*build-b\/build.ninja: .* fits the program less/,
    );
    rmSync(fixture.path(folder), { recursive: true });
  }
  const { stderr } = await runHcr(['attach', target.pid, '--func', 'fifth', '--verbose']);
  expect(stderr).toMatch(/^hcr: \/.*cc .*-DSCALE=7 .*work\.c$/m);
  expect(stderr).toContain(`database of ${fixture.path('build-b/build.ninja')}`);
  expect(stderr).toContain(`${fixture.path('build-a/build.ninja')} has a command too`);
});

it('where only another configuration is left, its wrong -D does not go live', async () => {
  using fixture = await built({
    commands: [`${CMAKE} -S . -B build-b`, 'ninja -C build-b'],
  });
  await using target = await startTarget(fixture.path('build-b/main'));
  await target.waitForLine(ORIGINAL);
  edit(fixture);
  rmSync(fixture.path('build-b/build.ninja'));
  await fixture.run(
    'cmake',
    ...`-G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSCALE=9 -S . -B build`.split(' '),
  );
  const changes = await changesDuring(target.pid, async () => {
    expect(await refusalOf(['reload', target.pid])).toMatchObject({ code: 'build-mismatch' });
  });
  expect(changes).toEqual(NOTHING);
});

it('a compile_commands.json that is not of this build is passed over for what is, with a note', async () => {
  using fixture = await built({ commands: ['meson setup build', 'ninja -C build'] });
  await using target = await startTarget(fixture.path('build/main'));
  await target.waitForLine(ORIGINAL);
  edit(fixture);
  const database = fixture.path('build/compile_commands.json');
  replaceIn(database, '-DSCALE=7', '-DSCALE=9');
  const report = await reload(target.pid);
  expect(names(report)).toEqual(['fifth']);
  expect(report.notes.join('\n')).toMatch(/^Passed over .*build\/compile_commands\.json: /);
  await target.waitForLine(EDITED);
  await rollBack(target.pid);
  // One that does not even find the headers.
  replaceIn(database, '-DSCALE=9', '-DSCALE=7');
  replaceIn(database, '-I. ', '-Inowhere ');
  const { functions, notes } = await reload(target.pid);
  expect(names({ functions })).toEqual(['fifth']);
  expect(notes.join('\n')).toMatch(/compile_commands\.json: .* does not find its headers/);
});

describe.runIf(IS_ROOT)('hcr as root', () => {
  it('asks make with the rights of the owner, and never for a makefile of somebody else', async () => {
    using fixture = await built({ commands: ['make'] });
    const makefile = fixture.path('src/Makefile');
    writeFileSync(
      makefile,
      `WHO := $(shell id -u > ${fixture.path('asked-by')})\n${readFileSync(makefile, 'utf8')}`,
    );
    giveTo(GAMES, fixture.directory);
    const [program = '', ...words] = asUser(GAMES, fixture.path('main'));
    await using target = await startTarget(program, words);
    await target.waitForLine(ORIGINAL);
    edit(fixture);
    expect(names(await reload(target.pid))).toEqual(['fifth']);
    expect(readFileSync(fixture.path('asked-by'), 'utf8')).toBe(`${GAMES.uid}\n`);
    await target.waitForLine(EDITED);
    const stranger = `${DAEMON.uid}:${DAEMON.gid}`;
    for (const paths of [
      ['Makefile', 'src/Makefile'],
      ['Makefile', 'src'],
    ]) {
      giveTo(GAMES, fixture.directory);
      rmSync(fixture.path('asked-by'), { force: true });
      await fixture.run('chown', stranger, ...paths.map((path) => fixture.path(path)));
      const lines = (await flagConditions(target.pid)).get('make') ?? [];
      expect(lines.length).toBeGreaterThan(1);
      for (const line of lines) expect(line).toMatch(/^passed over: .*belongs to user 1$/);
      expect(existsSync(fixture.path('asked-by'))).toBe(false);
    }
  });
});
