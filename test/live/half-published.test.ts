/**
 * hcr is killed between the writes of one transaction over several functions: some entries lead to
 * new code and others do not. Whoever comes next says so, and takes it back or completes it.
 */
import { describe, expect, it } from 'vitest';
import { attach, parseJson, readStatus, rollBack, runHcr } from '../support/hcr.js';
import { MAIN_C, buildInline } from '../support/inline-program.js';
import { runKilledAt } from '../support/kill-at.js';
import { holdLock } from '../support/lock-holder.js';
import { type Target } from '../support/target.js';

const NAMES = ['one', 'two', 'three', 'four'];
/** Each in a page of its own: hcr writes those of one page at once. */
const SHOW_C = `#include <stdio.h>
${NAMES.map((name) => `__attribute__((noipa, aligned(4096))) int ${name}(void) { return VERSION; }`).join('\n')}
void show(void) { printf("v%d%d%d%d", one(), two(), three(), four()); }
`;
/** More writes than hcr makes. */
const MAX_WRITES = 50;

async function shown(target: Target): Promise<string> {
  await target.lines.skipBegun();
  const [, versions = ''] = await target.waitForLine(/^v(\d{4})$/);
  return versions;
}

async function doctorSays(pid: number): Promise<string> {
  const { conditions } = parseJson(await runHcr(['doctor', pid, '--json'])) as unknown as {
    readonly conditions: readonly { readonly name: string; readonly detail: string }[];
  };
  return conditions.find(({ name }) => name === 'record')?.detail ?? '';
}

describe('a set of functions that is half published', () => {
  it('is detected by status and doctor, and taken back by the next hcr', async () => {
    using program = await buildInline({ 'main.c': MAIN_C, 'show.c': SHOW_C }, [
      ...['-O2', '-g', '-DVERSION=1'],
    ]);
    const objects = new Map<number, string>();
    for (const version of [2, 3]) {
      const object = program.at(`show-${version}.o`);
      const flags = ['-O2', '-g', `-DVERSION=${version}`];
      await program.run('gcc', ...flags, '-c', '-o', object, 'show.c');
      objects.set(version, object);
    }
    await using target = await program.start();
    const patch = (version: number): readonly string[] => ['--object', objects.get(version) ?? ''];
    await attach(target.pid, NAMES, patch(2));
    let halves = 0;
    for (let write = 1; ; write++) {
      expect(write).toBeLessThan(MAX_WRITES);
      const wanted = NAMES.flatMap((name) => ['--func', name]);
      const args = ['attach', target.pid, ...wanted, ...patch(3), '--json'];
      if (!(await runKilledAt(args, 'pwrite64', write))) break;
      const versions = await shown(target);
      const { notes, generation } = await readStatus(target.pid);
      const isHalf = versions.includes('2') && versions.includes('3');
      // One entry after the other, and the record knows.
      expect(versions).toMatch(/^3*2*$/);
      expect(notes.join().includes('in the middle of a publication')).toBe(isHalf);
      if (isHalf) {
        halves++;
        const letGo = await holdLock(target.pid);
        expect((await readStatus(target.pid)).notes.join()).toContain('at this moment');
        await letGo();
        expect(await doctorSays(target.pid)).toContain('killed while it published');
        // A rollback to what is live has nothing else to do than to put it right.
        const back = await rollBack(target.pid, ['--to', String(generation)]);
        expect(back.notes.join()).toContain('it was taken back');
      } else if (notes.length > 0) {
        const next = await attach(target.pid, NAMES, patch(2));
        expect(next.notes.join()).toContain('killed before it published');
      }
      expect(await shown(target)).toBe('2222');
    }
    expect(await shown(target)).toBe('3333');
    expect(halves).toBe(NAMES.length - 1);
    expect((await readStatus(target.pid)).notes).toEqual([]);
  });
});
