/** The Lua interpreter, built by its own build, patched while a script runs in it. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { TemporaryTree } from '../../build/temporary-tree.js';
import { EditedFolder, EditedSource } from '../../support/edited-source.js';
import { attach, reload, rollBack } from '../../support/hcr.js';
import { buildRealProgram } from '../../support/real-program.js';
import { REPOSITORY } from '../../support/repository.js';
import { type Target, startTarget } from '../../support/target.js';

const ROUNDS = join(REPOSITORY, 'fixtures/lua/rounds.lua');

describe('the Lua interpreter', () => {
  /** What its Makefile passes and debug information does not keep. */
  const CFLAGS = ['--cflags', '-DLUA_COMPAT_5_3 -DLUA_USE_LINUX'];
  /** `negated` is computed in a call from C, in a frame of luaV_execute of its own; `below` in the
   *  frame that the whole script runs in. */
  const SCRIPT = `
    local negate = function(x) return -x end
    local tick, seven = 0, 7
    while true do
      tick = tick + 1
      local _, negated = pcall(negate, seven)
      local below = -seven
      print(tick, negated, below, #"abc", ("abc"):len(), ("ab"):rep(3))
      io.flush()
      local start = os.clock()
      repeat until os.clock() - start > 0.005
    end`;
  let source: string;

  beforeAll(async () => {
    source = await buildRealProgram('lua5.4', 'build-lua.sh');
  });

  async function startScript(): Promise<Target & { readonly script: TemporaryTree }> {
    const script = new TemporaryTree({ 'script.lua': SCRIPT });
    const target = await startTarget(join(source, 'src/lua'), [script.at('script.lua')]);
    return Object.assign(target, { script });
  }

  const ORIGINAL = /^\d+\t-7\t-7\t3\t3\tababab$/;

  it.each([
    {
      claim: 'runs a changed opcode in its computed-goto loop, which is always on the stack',
      file: 'lvm.c',
      functions: ['luaV_execute'],
      edits: [['intop(-, 0, ib)', 'intop(-, 1000, ib)']],
      // The frame that the script runs in finishes in the old body.
      changed: /^\d+\t993\t-7\t3\t3\tababab$/,
    },
    {
      claim: 'prints through a changed library function that was registered by its address',
      file: 'lbaselib.c',
      functions: ['luaB_print'],
      edits: [['lua_writestring("\\t", 1);', 'lua_writestring(" | ", 3);']],
      changed: /^\d+ \| -7 \| -7 \| 3 \| 3 \| ababab$/,
    },
    {
      claim: 'runs two changed static functions of one file',
      file: 'lstrlib.c',
      functions: ['str_len', 'str_rep'],
      edits: [
        [
          '  lua_pushinteger(L, (lua_Integer)l);\n  return 1;\n}\n\n\n/*\n** translate',
          '  lua_pushinteger(L, (lua_Integer)l + 100);\n  return 1;\n}\n\n\n/*\n** translate',
        ],
        [
          '  const char *s = luaL_checklstring(L, 1, &l);\n  lua_Integer n = luaL_checkinteger(L, 2);\n  const char *sep',
          '  const char *s = luaL_checklstring(L, 1, &l);\n  lua_Integer n = luaL_checkinteger(L, 2) * 2;\n  const char *sep',
        ],
      ],
      changed: /^\d+\t-7\t-7\t3\t103\tabababababab$/,
    },
    {
      claim: 'runs a changed function of its core that everything calls',
      file: 'lauxlib.c',
      functions: ['luaL_tolstring'],
      edits: [
        [
          'lua_pushfstring(L, "%I", (LUAI_UACINT)lua_tointeger(L, idx));',
          'lua_pushfstring(L, "<%I>", (LUAI_UACINT)lua_tointeger(L, idx));',
        ],
      ],
      changed: /^<\d+>\t<-7>\t<-7>\t<3>\t<3>\tababab$/,
    },
  ])('$claim', async ({ file, functions, edits, changed }) => {
    await using target = await startScript();
    using _ = target.script;
    await target.waitForLine(ORIGINAL);
    using edited = new EditedSource(join(source, 'src', file));
    for (const [from = '', to = ''] of edits) edited.replace(from, to);
    const report = await attach(target.pid, functions, CFLAGS);
    expect(report.functions.map(({ name }) => name)).toEqual(expect.arrayContaining(functions));
    await target.waitForLine(changed);
    expect((await rollBack(target.pid)).generation).toBe(0);
    target.lines.skipArrived();
    await target.waitForLine(ORIGINAL);
    expect(target.isAlive).toBe(true);
  });

  it('computes right while nearly all of its functions are replaced at once, and back', async () => {
    await using target = await startTarget(join(source, 'src/lua'), [ROUNDS]);
    await target.waitForLine(/^right/);
    // In lcode.c gcc calls a function with arguments on a stack that is not aligned.
    using _ = await EditedFolder.sed(
      join(source, 'src'),
      /^l(?!code).*\.c$/,
      '/^[A-Za-z_].*) {$/s/$/ { volatile int edited_ = 1; edited_ += 1; }/',
    );
    const { functions, generation } = await reload(target.pid, CFLAGS);
    expect(functions.length).toBeGreaterThan(400);
    for (const to of ['0', String(generation)]) {
      target.lines.skipArrived();
      await target.waitForLine(/^right/);
      await rollBack(target.pid, ['--to', to]);
    }
    target.lines.skipArrived();
    await target.waitForLine(/^right/);
  });
});
