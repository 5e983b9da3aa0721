/** LevelDB, a C++ library built by its own build, patched while threads of a program work with it. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TemporaryTree } from '../../build/temporary-tree.js';
import { EditedSource } from '../../support/edited-source.js';
import { type Fixture, buildFixture } from '../../support/fixture.js';
import { attach, rollBack } from '../../support/hcr.js';
import { buildRealProgram } from '../../support/real-program.js';
import { startTarget } from '../../support/target.js';

const ORIGINAL = /^10 entries, NotFound: , ac, \d MB, 0 mistakes$/;

interface Edit {
  readonly kind: string;
  readonly functions: readonly string[];
  readonly file: string;
  readonly replace: readonly (readonly [from: string, to: string])[];
  /** Functions that are patched, as people call them. */
  readonly patched: readonly string[];
  readonly changed: RegExp;
}

const EDITS: readonly Edit[] = [
  {
    kind: 'method',
    functions: ['leveldb::Status::ToString'],
    file: 'util/status.cc',
    replace: [['type = "NotFound: ";', 'type = "Nowhere";']],
    patched: ['leveldb::Status::ToString() const'],
    changed: /^10 entries, Nowhere, ac, \d MB, 0 mistakes$/,
  },
  {
    kind: 'virtual method of a class in an unnamed namespace',
    functions: ['BytewiseComparatorImpl::FindShortestSeparator'],
    file: 'util/comparator.cc',
    replace: [['(*start)[diff_index]++;', '(*start)[diff_index] += 2;']],
    patched: [
      'leveldb::(anonymous namespace)::BytewiseComparatorImpl::FindShortestSeparator(std::string *, const leveldb::Slice &) const',
    ],
    changed: /^10 entries, NotFound: , ad, \d MB, 0 mistakes$/,
  },
  {
    kind: 'method that is inlined into a virtual one',
    functions: ['LRUCache::TotalCharge'],
    file: 'util/cache.cc',
    replace: [['return usage_;', 'return usage_ + 1000000;']],
    patched: ['leveldb::(anonymous namespace)::ShardedLRUCache::TotalCharge() const'],
    changed: /^10 entries, NotFound: , ac, 1[6-9] MB, 0 mistakes$/,
  },
];

let library: string;
let driver: Fixture;
beforeAll(async () => {
  library = await buildRealProgram('leveldb', 'build-leveldb.sh');
  const built = join(library, 'build');
  driver = await buildFixture('leveldb-driver', {
    cflags: `-O2 -g -I${join(library, 'include')}`,
    ldflags: `-L${built} -Wl,-rpath,${built}`,
  });
});
afterAll(() => driver[Symbol.dispose]());

describe('LevelDB, which makes no mistake,', () => {
  it.each(EDITS)('runs a changed $kind', async (edit) => {
    using folder = new TemporaryTree({});
    await using target = await startTarget(driver.program, [folder.at('database')]);
    await target.waitForLine(ORIGINAL);
    using edited = new EditedSource(join(library, edit.file));
    for (const [from, to] of edit.replace) edited.replace(from, to);
    const report = await attach(target.pid, edit.functions);
    expect(report.functions.map(({ name, label }) => label ?? name)).toEqual(edit.patched);
    await target.waitForLine(edit.changed);
    await rollBack(target.pid);
    target.lines.skipArrived();
    await target.waitForLine(ORIGINAL);
    expect(target.isAlive).toBe(true);
  });

  it('runs a changed method of a template, with a new variable', async () => {
    using folder = new TemporaryTree({});
    await using target = await startTarget(driver.program, [folder.at('database')]);
    await target.waitForLine(ORIGINAL);
    using edited = new EditedSource(join(library, 'db/skiplist.h'));
    const search = '  Node* x = FindGreaterOrEqual(key, prev);\n';
    edited.replace(
      search,
      `${search}
  static std::atomic<int> count{0};
  if (++count == 1000) fputs("1000 inserted by new code\\n", stderr);
`,
    );
    edited.replace('#include <atomic>', '#include <atomic>\n#include <cstdio>');
    const report = await attach(target.pid, ['leveldb::SkipList::Insert']);
    expect(report.functions.map(({ label }) => label)).toEqual([
      'leveldb::SkipList<char const*, leveldb::MemTable::KeyComparator>::Insert(const char *const &)',
    ]);
    await target.errorLines.waitFor(/^1000 inserted by new code$/);
    await rollBack(target.pid);
    target.lines.skipArrived();
    await target.waitForLine(ORIGINAL);
  });
});
