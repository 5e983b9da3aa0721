/** Backtraces against gdb's, of threads that are stuck in every kind of frame. */
import { copyFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nameFrames, unwindThread } from '../../src/app/backtrace.js';
import { ProcessImage } from '../../src/app/observe.js';
import { UnwindTables } from '../../src/app/unwind-tables.js';
import type { ThreadTrace } from '../../src/core/thread-trace.js';
import { StoppedWorld } from '../../src/ptrace/stopped-world.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { type Target, startTarget } from '../support/target.js';
import { until } from '../support/until.js';

let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
  for (const name of ['stuck.cpp', 'plain.c']) {
    copyFileSync(new URL(`programs/${name}`, import.meta.url), shop.path(name));
  }
});
afterAll(() => shop[Symbol.dispose]());

function build(level: string, ...flags: readonly string[]): string {
  const without = ['-fno-asynchronous-unwind-tables', '-fno-unwind-tables', '-fno-exceptions'];
  shop.run('gcc', '-c', '-g', level, ...flags, ...without, 'plain.c');
  shop.run('g++', '-g', level, ...flags, '-pthread', '-o', 'stuck', 'stuck.cpp', 'plain.o');
  return shop.path('stuck');
}

interface GdbFrame {
  readonly address: string;
  /** Empty where it has no debug information, here and below. */
  readonly function: string;
  readonly source: string;
}

/** A thread's frames as gdb sees them, those of inlined copies and of tail calls left out. */
function framesByGdb(pid: number): Map<number, GdbFrame[]> {
  shop.write(
    'frames.py',
    `import gdb, json
for thread in gdb.selected_inferior().threads():
    thread.switch()
    frame = gdb.newest_frame()
    rows = []
    while frame is not None:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            sal = frame.find_sal()
            place = "%s:%d" % (sal.symtab.fullname(), sal.line) if sal.symtab else ""
            name = frame.function().print_name if frame.function() else ""
            rows.append({"address": hex(frame.pc()), "function": name, "source": place})
        frame = frame.older()
    print("THREAD", json.dumps([thread.ptid[1], rows]))
`,
  );
  const settings = ['past-main', 'past-entry'].flatMap((each) => [
    '-ex',
    `set backtrace ${each} on`,
  ]);
  const text = shop.run(
    'gdb',
    ...['-nx', '-batch', '-p', String(pid), ...settings, '-x', 'frames.py'],
  );
  return new Map(
    text
      .split('\n')
      .filter((line) => line.startsWith('THREAD '))
      .map((line) => JSON.parse(line.slice('THREAD '.length)) as [number, GdbFrame[]]),
  );
}

function tracesOf(pid: number): { readonly traces: ThreadTrace[]; readonly certain: Set<number> } {
  using image = ProcessImage.of(pid);
  const tables = new UnwindTables(image);
  const world = new StoppedWorld(image.target);
  try {
    world.stop(performance.now() + 20_000);
    const unwound = world.threads.map(({ tracee, registers }) => ({
      tid: tracee.tid,
      trace: unwindThread(image, tables, registers),
    }));
    world.resume();
    const certain = unwound.filter(({ trace }) => trace.isCertain).map(({ tid }) => Number(tid));
    return {
      traces: unwound.map(({ tid, trace }) => nameFrames(image, tid, trace)),
      certain: new Set(certain),
    };
  } finally {
    world[Symbol.dispose]();
  }
}

/** Each says so just before it is: it sleeps once it stands where it stays. */
async function allStuck(target: Target): Promise<void> {
  await until('all are stuck', () => target.threads.every(({ state }) => state === 'S'));
}

const withoutParameters = (name: string | undefined): string => (name ?? '').replace(/\(.*/, '');

describe.each([
  ['-O2', '-fomit-frame-pointer'],
  ['-O0', '-fno-omit-frame-pointer'],
])('threads of a program built with %s %s', (level, flag) => {
  it('have the frames that gdb finds, by name and line', async () => {
    await using target = await startTarget(build(level, flag));
    await target.waitForLine(/ready/);
    await allStuck(target);
    const { traces, certain } = tracesOf(target.pid);
    await allStuck(target);
    const expected = framesByGdb(target.pid);
    expect(traces).toHaveLength(9);
    for (const { tid, frames, end } of traces) {
      const isCoroutine = frames.some((each) => each.function === 'coroutine()');
      // A coroutine begins in code without a description. gdb takes what lies there for two frames.
      const known = (expected.get(tid) ?? []).slice(0, isCoroutine ? -2 : undefined);
      expect(frames.map(({ address }) => address)).toEqual(known.map(({ address }) => address));
      expect(end).toBe(isCoroutine ? 'no-description' : 'complete');
      for (const [i, frame] of frames.entries()) {
        const { function: name = '', source = '' } = known[i] ?? {};
        if (!/(stuck\.cpp|plain\.c):/.test(source)) continue;
        expect(frame.function).toContain(withoutParameters(name));
        // With inlined copies gdb tells the line of the innermost call of one instead.
        if (level === '-O0') expect(frame.source).toBe(source);
      }
    }
    const withFunction = (name: string): ThreadTrace =>
      traces.find(({ frames }) =>
        frames.some((each) => withoutParameters(each.function) === name),
      ) ?? expect.fail(`no thread in ${name}`);
    for (const name of ['compare', 'on_a_moved_stack', 'in_a_destructor', 'coroutine', 'plain']) {
      withFunction(name);
    }
    const interrupted = traces.filter(({ frames }) =>
      frames.some(({ kind }) => kind === 'interrupted'),
    );
    expect(interrupted).toHaveLength(3);
    for (const { tid } of interrupted) expect(certain).not.toContain(tid);
    expect(certain).toContain(withFunction('plain').tid);
    expect(certain).not.toContain(withFunction('coroutine').tid);
  });
});
