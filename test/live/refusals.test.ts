/**
 * What hcr says no to, and that its no leaves the program as it was: the program stands still
 * (stopped by the test) while hcr looks at it, and its memory is compared byte by byte.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { attach, parseJson, refusalOf, runHcr } from '../support/hcr.js';
import { NOTHING, changesDuring, stopProcess } from '../support/memory-snapshot.js';
import { type Target, startTarget } from '../support/target.js';
import { nextTick } from '../support/ticks.js';
import { until } from '../support/until.js';
import { compileForX86 } from '../support/x86-32-program.js';

const QUITS = { endSignal: 'SIGQUIT' } as const;

async function startDemo(cflags = '-O2 -g'): Promise<{ fixture: Fixture; target: Target }> {
  const fixture = await buildFixture('demo', { cflags });
  return { fixture, target: await startTarget(fixture.program, [], QUITS) };
}

describe('a process that cannot be attached to is refused with exit code 3', () => {
  it('when there is no such process', async () => {
    const { fixture, target } = await startDemo();
    await target.stop();
    fixture[Symbol.dispose]();
    const refusal = await refusalOf(['attach', target.pid, '--func', 'f1']);
    expect(refusal).toMatchObject({ exitCode: 3, code: 'no-such-process' });
    for (const verb of ['status', 'rollback', 'functions']) {
      expect(await refusalOf([verb, target.pid])).toMatchObject({
        exitCode: 3,
        code: 'no-such-process',
      });
    }
  });

  it('when it belongs to another user', async () => {
    const { fixture, target } = await startDemo();
    using _ = fixture;
    await using __ = target;
    const isRoot = process.getuid?.() === 0;
    // A user who is not root has the first process of the system to be denied.
    const pid = isRoot ? target.pid : 1;
    const under = isRoot
      ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all']
      : [];
    const refuse = async (): Promise<void> => {
      const refusal = await refusalOf(['attach', pid, '--func', 'f1'], { under, cwd: '/' });
      expect(refusal).toMatchObject({ exitCode: 3, code: 'attach-denied' });
      expect(refusal.hint).toMatch(/\w/);
    };
    if (isRoot) expect(await changesDuring(pid, refuse)).toEqual(NOTHING);
    else await refuse();
  });

  it.each([
    { tracer: 'gdb', words: (pid: number) => ['-q', '-nx', '-p', String(pid)] },
    { tracer: 'strace', words: (pid: number) => ['-qq', '-o', '/dev/null', '-p', String(pid)] },
  ])('when $tracer traces it, and is named', async ({ tracer, words }) => {
    const { fixture, target } = await startDemo();
    using _ = fixture;
    await using __ = target;
    await target.waitForLine(/^tick/);
    await using other = await startTarget(tracer, words(target.pid), { endSignal: 'SIGINT' });
    const traced = (): boolean => target.threads.some(({ tracerPid }) => tracerPid === other.pid);
    await until(`${tracer} traces the target`, traced);
    expect(await refusalOf(['attach', target.pid, '--func', 'f1'])).toMatchObject({
      exitCode: 3,
      code: 'already-traced',
      error: { tracer, tracerPid: other.pid },
    });
    expect(traced()).toBe(true);
    if (tracer === 'gdb') other.write('detach\nquit\n');
    else other.kill('SIGINT');
    await other.ended;
    await until('nobody traces the target', () => !traced());
    await target.waitForLine(/^tick/);
  });
});

describe('a program that cannot be patched is refused with exit code 4', () => {
  it('when it runs 32-bit code', async () => {
    using program = compileForX86();
    await using target = await startTarget(program.path);
    await target.waitForLine(/^tick/);
    const outcome = changesDuring(target.pid, async () => {
      expect(await refusalOf(['attach', target.pid, '--func', 'f1'])).toMatchObject({
        exitCode: 4,
        code: 'unsupported-machine',
      });
    });
    expect(await outcome).toEqual(NOTHING);
  });

  it('when it has no debug information, unless its source is named', async () => {
    const { fixture, target } = await startDemo('-O2');
    using _ = fixture;
    await using __ = target;
    await target.waitForLine(/f1\(\) = 1/);
    fixture.edit('f1.c', 'return 1', 'return 2');
    const changes = await changesDuring(target.pid, async () => {
      const refusal = await refusalOf(['attach', target.pid, '--func', 'f1']);
      expect(refusal).toMatchObject({ exitCode: 4, code: 'no-debug-info' });
      expect(refusal.hint).toMatch(/--source/);
    });
    expect(changes).toEqual(NOTHING);
    await attach(target.pid, ['f1'], ['--source', fixture.path('f1.c'), '--cflags', '-O2']);
    await target.waitForLine(/f1\(\) = 2/);
  });

  it('but not when an object is given in place of the debug information', async () => {
    const { fixture, target } = await startDemo('-O2');
    using _ = fixture;
    await using __ = target;
    await target.waitForLine(/f1\(\) = 1/);
    fixture.edit('f1.c', 'return 1', 'return 3');
    await fixture.run('gcc', '-O2', '-c', '-o', 'new.o', 'f1.c');
    await attach(target.pid, ['f1'], ['--object', fixture.path('new.o')]);
    await target.waitForLine(/f1\(\) = 3/);
  });
});

describe('a request that cannot be met leaves the program as it was', () => {
  let fixture: Fixture;
  let target: Target;

  beforeAll(async () => {
    fixture = await buildFixture('language', { cflags: '-O2 -g' });
    target = await startTarget(fixture.program);
    await nextTick(target);
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    fixture[Symbol.dispose]();
  });

  const attempts = [
    {
      claim: 'a function that is not there is refused with those of nearly its name',
      names: ['string_constnat'],
      expected: {
        exitCode: 4,
        code: 'function-not-found',
        error: { near: expect.arrayContaining(['string_constant']) as unknown },
      },
    },
    {
      claim: 'a name that means two functions is refused with both',
      names: ['side'],
      expected: {
        exitCode: 4,
        code: 'ambiguous-function',
        error: {
          candidates: expect.arrayContaining([
            expect.stringContaining('left.c:side'),
            expect.stringContaining('right.c:side'),
          ]) as unknown,
        },
      },
    },
    {
      claim: 'a source that does not compile is refused with what the compiler says',
      names: ['float_constant'],
      edit: { file: 'float_constant.c', from: 'return x * 1.5 + 0.25;', to: 'return x * whoops;' },
      expected: {
        exitCode: 5,
        code: 'compile-failed',
        error: {
          diagnostics: expect.stringMatching(
            /float_constant\.c:\d+:\d+: error: .*whoops/,
          ) as unknown,
        },
      },
    },
    {
      claim: 'a symbol that nothing defines is refused by name',
      names: ['calls_helpers'],
      edit: {
        file: 'calls_helpers.c',
        from: 'int calls_helpers(int x)\n{\n    return x * 3 + 1;',
        to: 'int nowhere_defined(int);\n\nint calls_helpers(int x)\n{\n    return nowhere_defined(x) + 1;',
      },
      expected: { exitCode: 4, code: 'unresolved-symbol', error: { symbol: 'nowhere_defined' } },
    },
    {
      claim: 'a parameter of another type is refused',
      names: ['math'],
      edit: {
        file: 'math.c',
        from: '#include "language.h"\n\ndouble math(double x)\n{\n    return sin(x);',
        to: '\ndouble math(float x)\n{\n    return sin(x) + 1;',
      },
      expected: { exitCode: 4, code: 'abi-changed', error: { function: 'math' } },
    },
    {
      claim: 'another number of parameters is refused',
      names: ['pointed_to'],
      edit: {
        file: 'pointers.c',
        from: '#include "language.h"\n\nstatic int (*taken_at_start)(int) = pointed_to;\n\nint pointed_to(int x)\n{\n    return x * 3 + 10;',
        to: 'int pointed_to(int x, int y);\nint calls_pointer(int x);\nstatic int (*taken_at_start)(int, int) = pointed_to;\n\nint pointed_to(int x, int y)\n{\n    return x + y;',
      },
      more: { file: 'pointers.c', from: 'taken_at_start(x) : -1', to: 'taken_at_start(x, 1) : -1' },
      expected: { exitCode: 4, code: 'abi-changed', error: { function: 'pointed_to' } },
    },
    {
      claim: 'another return type is refused',
      names: ['recursive'],
      edit: {
        file: 'recursive.c',
        from: '#include "language.h"\n\nint recursive',
        to: 'double recursive',
      },
      expected: { exitCode: 4, code: 'abi-changed', error: { function: 'recursive' } },
    },
  ] as const;

  it.each(attempts)('$claim', async ({ names, expected, ...edits }) => {
    for (const value of Object.values(edits) as readonly unknown[]) {
      if (typeof value !== 'object') continue;
      const edit = value as { readonly file: string; readonly from: string; readonly to: string };
      fixture.edit(edit.file, edit.from, edit.to);
    }
    const changes = await changesDuring(target.pid, async () => {
      const refusal = await refusalOf([
        'attach',
        target.pid,
        ...names.flatMap((name) => ['--func', name]),
      ]);
      expect(refusal).toMatchObject(expected);
      expect(refusal.message).not.toBe('');
      expect(refusal.hint).not.toBe('');
    });
    expect(changes).toEqual(NOTHING);
    await nextTick(target);
  });

  it('one function that cannot be patched keeps the others from being patched', async () => {
    fixture.edit('string_constant.c', 'as-it-was', 'half-done');
    const changes = await changesDuring(target.pid, async () => {
      const refusal = await refusalOf([
        'attach',
        target.pid,
        '--func',
        'string_constant',
        '--func',
        'recursive',
      ]);
      expect(refusal).toMatchObject({ exitCode: 4, code: 'abi-changed' });
    });
    expect(changes).toEqual(NOTHING);
    expect((await nextTick(target))['string_constant']).toBe('as-it-was');
  });

  it('a dry run changes nothing', async () => {
    const changes = await changesDuring(target.pid, async () => {
      const report = await attach(target.pid, ['string_constant'], ['--dry-run']);
      expect(report).toMatchObject({ dryRun: true, pauseMicros: 0 });
      expect(report.functions.map(({ name }) => name)).toEqual(['string_constant']);
    });
    expect(changes).toEqual(NOTHING);
  });

  it('a generation that never was is refused', async () => {
    const changes = await changesDuring(target.pid, async () => {
      expect(await refusalOf(['rollback', target.pid, '--to', '7'])).toMatchObject({
        exitCode: 4,
        code: 'no-such-generation',
      });
    });
    expect(changes).toEqual(NOTHING);
  });

  it('looking at it changes nothing', async () => {
    const changes = await changesDuring(target.pid, async () => {
      for (const verb of ['status', 'functions', 'doctor']) {
        const outcome = await runHcr([verb, target.pid, '--json']);
        expect(outcome.exitCode, outcome.stdout + outcome.stderr).toBe(0);
        expect(parseJson(outcome)['ok']).toBe(true);
      }
    });
    expect(changes).toEqual(NOTHING);
  });

  it('with --unchecked a changed signature is the user’s own risk', async () => {
    const report = await attach(target.pid, ['recursive'], ['--unchecked', '--dry-run']);
    expect(report.functions.map(({ name }) => name)).toContain('recursive');
  });

  it('a refusal after a patch leaves the patch as it is', async () => {
    await attach(target.pid, ['string_constant']);
    const changes = await changesDuring(target.pid, async () => {
      expect((await refusalOf(['attach', target.pid, '--func', 'recursive'])).code).toBe(
        'abi-changed',
      );
    });
    expect(changes).toEqual(NOTHING);
    await target.lines.skipBegun();
    expect((await nextTick(target))['string_constant']).toBe('half-done');
  });
});

describe('a program that job control has stopped', () => {
  it('is patched and stays stopped, until its user lets it go on', async () => {
    const { fixture, target } = await startDemo();
    using _ = fixture;
    await using __ = target;
    await target.waitForLine(/f1\(\) = 1/);
    fixture.edit('f1.c', 'return 1', 'return 2');
    await stopProcess(target.pid);
    await attach(target.pid, ['f1']);
    // The kernel wakes whom it lets go, to stop again.
    await until('it stands again', () =>
      target.threads.every(({ state, tracerPid }) => state === 'T' && tracerPid === 0),
    );
    target.kill('SIGCONT');
    await target.waitForLine(/f1\(\) = 2/);
  });
});

describe('wrong usage', () => {
  it.each(['attach me --func f1', 'attach 1', 'atach 1 --func f1', 'status'])(
    'is refused with exit code 2: hcr %s',
    async (words) => {
      expect(await refusalOf(words.split(' '))).toMatchObject({ exitCode: 2, code: 'usage' });
    },
  );
});
