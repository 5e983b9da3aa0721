/** What C++ makes impossible is refused by name, and the program is as it was. */
import { afterEach, beforeAll, afterAll, beforeEach, describe, expect, it } from 'vitest';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { attach, refusalOf, runHcr } from '../support/hcr.js';
import { type MappedRange, snapshotMemory } from '../support/memory-snapshot.js';
import { type Target, startTarget } from '../support/target.js';
import { nextTick } from '../support/ticks.js';

/** Mappings, and the bytes of those that hold code. */
function snapshotCode(pid: number): MappedRange[] {
  return snapshotMemory(pid).filter(({ line }) => / r-xp | ---p /.test(line));
}

describe('C++ that cannot be patched', () => {
  let fixture: Fixture;
  let target: Target;

  beforeAll(async () => {
    fixture = await buildFixture('cxx', { cxxflags: '-O2 -g' });
  });
  afterAll(() => {
    fixture[Symbol.dispose]();
  });
  beforeEach(async () => {
    target = await startTarget(fixture.program);
    await nextTick(target);
  });
  // The sources are those of the program again.
  afterEach(async () => {
    await target[Symbol.asyncDispose]();
    fixture.restore();
  });

  it('a new object that a constructor has to make before main', async () => {
    const before = snapshotCode(target.pid);
    fixture.edit(
      'statics.cpp',
      'static std::vector<long> history{1, 2, 3};',
      'static std::vector<long> history{1, 2, 3};\nstatic std::vector<long> extra{7};',
    );
    fixture.edit('statics.cpp', 'history.push_back(x);', 'history.push_back(extra[0]);');
    const refusal = await refusalOf(['attach', target.pid, '--func', 'static_objects']);
    expect(refusal).toMatchObject({ code: 'function-not-patchable', exitCode: 4 });
    expect(refusal.message).toContain('extra');
    expect(refusal.hint).toContain('static local');
    expect(snapshotCode(target.pid)).toEqual(before);

    // As the hint says it.
    fixture.edit(
      'statics.cpp',
      'static std::vector<long> extra{7};',
      'static std::vector<long> &extra() { static std::vector<long> made{7}; return made; }',
    );
    fixture.edit('statics.cpp', 'extra[0]', 'extra()[0]');
    await attach(target.pid, ['static_objects']);
    const { static: size } = await nextTick(target);
    expect(Number((await nextTick(target))['static'])).toBe(Number(size) + 1);
  });

  it('a class with a further virtual method', async () => {
    const before = snapshotCode(target.pid);
    fixture.edit(
      'virtual.cpp',
      'virtual int area() const = 0;',
      'virtual int corners() const { return 4; }\n    virtual int area() const = 0;',
    );
    fixture.edit('virtual.cpp', 'return size * 2;', 'return size * 2 + corners();');
    for (const args of [
      ['attach', target.pid, '--func', 'Strip::area'],
      ['reload', target.pid],
    ]) {
      const refusal = await refusalOf(args);
      expect(refusal).toMatchObject({ code: 'layout-changed', exitCode: 4 });
      expect(refusal.message).toContain('Shape');
      expect(refusal.message).toContain('virtual table');
    }
    expect(snapshotCode(target.pid)).toEqual(before);
  });

  it('closures that exist keep their code when a lambda is added before theirs', async () => {
    fixture.edit(
      'lambdas.cpp',
      'return [step](int x) { return x * 2 + step; };',
      'auto more = [](int y) { return y + 1000; };\n    return [step, more](int x) { return more(x * 3 + step); };',
    );
    const outcome = await runHcr(['attach', target.pid, '--func', 'make']);
    expect(outcome.exitCode).toBe(0);
    expect(outcome.stdout).toContain('closures made before keep the code that they have');
    target.lines.skipArrived();
    for (let line = 0; line < 10; line++) {
      const { tick, kept } = await nextTick(target);
      expect(Number(kept)).toBe((Number(tick) % 10) * 2 + 5);
    }
  });

  it('a name that means several functions', async () => {
    const refusal = await refusalOf(['attach', target.pid, '--func', 'area']);
    expect(refusal).toMatchObject({ code: 'ambiguous-function', exitCode: 4 });
    expect(refusal.message).toContain('Square::area() const');
    expect(refusal.hint).toMatch(/--func '\w+::area\(\) const'/);
  });
});

describe('a program with an unwinder that is not libgcc’s', () => {
  it('is refused code that exceptions may pass through, and takes what calls nothing', async () => {
    using fixture = await buildFixture('cxx', {
      cxxflags: '-O2 -g',
      ldflags: '-Wl,--no-as-needed -lunwind',
    });
    await using target = await startTarget(fixture.program);
    await nextTick(target);
    const before = snapshotCode(target.pid);
    fixture.edit('exceptions.cpp', 'throw Odd(x);', 'throw Odd(x + 50);');
    const refusal = await refusalOf(['attach', target.pid, '--func', 'refuses_odd']);
    expect(refusal).toMatchObject({ code: 'function-not-patchable', exitCode: 4 });
    expect(refusal.message).toContain('libunwind');
    expect(refusal.hint).toContain('libgcc');
    expect(snapshotCode(target.pid)).toEqual(before);
    fixture.restore();

    fixture.edit('virtual.cpp', 'return size * 2;', 'return size * 3;');
    await attach(target.pid, ['Strip::area']);
    await nextTick(target);
  });
});
