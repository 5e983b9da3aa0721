/**
 * Thread-local variables through a patch: several threads count with their own while the function
 * that counts is replaced and put back, in every model of access and every kind of module. The
 * program itself checks each step, and ends with a line WRONG when a value was lost or shared.
 */
import { describe, expect, it } from 'vitest';
import { Fixture } from '../support/fixture.js';
import { attach, refusalOf, rollBack } from '../support/hcr.js';
import { type Target, startTarget } from '../support/target.js';

type Kind = 'linked' | 'shared' | 'opened';

interface Build {
  readonly kind: Kind;
  readonly cc: 'gcc' | 'clang';
  readonly cflags: string;
  readonly ldflags: string;
}

const MODELS = ['local-exec', 'initial-exec', 'local-dynamic', 'global-dynamic'];
const PIC_MODELS = MODELS.slice(1);
const clang = '-g -grecord-command-line';
const gcc = '-g';

const BUILDS: readonly Build[] = [
  ...MODELS.map((model) => build('linked', 'gcc', `${gcc} -O2 -fPIE -ftls-model=${model}`, '-pie')),
  build('linked', 'gcc', `${gcc} -O0 -fPIC`, '-no-pie'),
  build('linked', 'gcc', `${gcc} -O2 -fPIC -fno-plt`, '-no-pie'),
  build('linked', 'gcc', `${gcc} -O2 -fPIC -mtls-dialect=gnu2`, '-pie'),
  build('linked', 'gcc', `${gcc} -O2 -fPIC -mcmodel=large`, '-no-pie'),
  build('linked', 'gcc', `${gcc} -O2 -fno-pie`, '-static'),
  build('linked', 'gcc', `${gcc} -O2 -fPIC`, '-static'),
  build('linked', 'gcc', `${gcc} -O2 -fPIC -mtls-dialect=gnu2`, '-static-pie'),
  build('linked', 'clang', `${clang} -O2 -fPIE`, '-pie'),
  build('linked', 'clang', `${clang} -O1 -fPIC`, '-static -fuse-ld=lld'),
  ...(['shared', 'opened'] as const).flatMap((kind) => [
    ...PIC_MODELS.map((model) => build(kind, 'gcc', `${gcc} -O2 -fPIC -ftls-model=${model}`)),
    build(kind, 'gcc', `${gcc} -O1 -fPIC -mtls-dialect=gnu2`),
    build(kind, 'clang', `${clang} -O2 -fPIC`, '-fuse-ld=lld'),
  ]),
];

function build(kind: Kind, cc: Build['cc'], cflags: string, ldflags = ''): Build {
  return { kind, cc, cflags, ldflags };
}

async function start({ kind, cc, cflags, ldflags }: Build): Promise<[Fixture, Target]> {
  const fixture = new Fixture('thread-locals');
  const variables = [`KIND=${kind}`, `CC=${cc}`, `CFLAGS=${cflags}`, `LDFLAGS=${ldflags}`];
  await fixture.run('make', '-s', 'main', ...variables);
  return [fixture, await startTarget(fixture.program, [fixture.path('libcounter.so')])];
}

/** Until all threads have run that version; a value that is not as it should be ends the wait. */
async function untilAllRun(target: Target, version: number): Promise<void> {
  target.lines.skipArrived();
  const [line] = await target.waitForLine(
    new RegExp(`^versions ${version} ${version} ${version}$|^WRONG.*`),
  );
  expect(line).not.toMatch(/WRONG/);
}

describe('each thread keeps its own values through a patch and a rollback', () => {
  it.each(BUILDS)('$kind, $cc $cflags $ldflags', async (kind) => {
    const [fixture, target] = await start(kind);
    using _ = fixture;
    await using __ = target;
    await untilAllRun(target, 1);
    fixture.edit('counter.c', 'VERSION 1', 'VERSION 2');
    const report = await attach(target.pid, ['count']);
    expect(report.functions.map(({ name }) => name)).toEqual(['count']);
    await untilAllRun(target, 2);
    fixture.edit('counter.c', 'VERSION 2', 'VERSION 3');
    expect((await attach(target.pid, ['count'])).generation).toBe(2);
    await untilAllRun(target, 3);
    await rollBack(target.pid, ['--to', '0']);
    await untilAllRun(target, 1);
  });
});

describe('what cannot be linked is refused with the way to write it instead', () => {
  it('a new thread-local variable, by its name', async () => {
    const [fixture, target] = await start(build('linked', 'gcc', '-g -O2'));
    using _ = fixture;
    await using __ = target;
    await untilAllRun(target, 1);
    fixture.edit(
      'counter.c',
      'static _Thread_local long own',
      'static _Thread_local int fresh_one;\nstatic _Thread_local long own',
    );
    fixture.edit(
      'counter.c',
      '  own += VERSION;',
      '  own += VERSION;\n  now->version += fresh_one++;',
    );
    const refusal = await refusalOf(['attach', target.pid, '--func', 'count']);
    expect(refusal).toMatchObject({ exitCode: 4, code: 'unsupported-thread-local' });
    expect(refusal.message).toContain('fresh_one');
    expect(refusal.hint).toMatch(/pthread_getspecific/);
    await untilAllRun(target, 1);
  });

  it('a fixed distance from the thread pointer, for a library that has none', async () => {
    const [fixture, target] = await start(build('opened', 'gcc', '-g -O2 -fPIC'));
    using _ = fixture;
    await using __ = target;
    await untilAllRun(target, 1);
    fixture.edit('counter.c', 'VERSION 1', 'VERSION 2');
    for (const flags of ['-ftls-model=initial-exec', '-mtls-dialect=gnu2']) {
      const refusal = await refusalOf(['attach', target.pid, '--func', 'count', '--cflags', flags]);
      expect(refusal).toMatchObject({ exitCode: 4, code: 'unsupported-thread-local' });
      expect(refusal.hint).toContain('-mtls-dialect=gnu');
    }
    await untilAllRun(target, 1);
    await attach(target.pid, ['count']);
    await untilAllRun(target, 2);
  });
});
