/**
 * A program whose dynamic linker is still at work when hcr comes: the slots that tell where its names
 * are have not been filled. An auditing library holds the dynamic linker where the test wants it.
 * @see rtld-audit(7)
 */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reload, refusalOf } from '../support/hcr.js';
import { type InlineProgram, MAIN_C, buildInline } from '../support/inline-program.js';
import { type Target } from '../support/target.js';

/** Waits at the place that HOLD names until the file that GO names is there. */
const AUDIT_C = `#define _GNU_SOURCE
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void hold(const char *place)
{
    const char *wanted = getenv("HOLD"), *go = getenv("GO");
    if (wanted == NULL || strcmp(wanted, place) != 0)
        return;
    if (write(STDERR_FILENO, "held\\n", 5) != 5)
        _exit(1);
    while (access(go, F_OK) != 0)
        usleep(1000);
}
unsigned la_version(unsigned version)
{
    hold("before its libraries are mapped");
    return version < LAV_CURRENT ? version : LAV_CURRENT;
}
unsigned la_objopen(struct link_map *map, Lmid_t lmid, uintptr_t *cookie)
{
    if (strstr(map->l_name, "libc.so") != NULL)
        hold("before its slots are filled");
    return 0;
}
`;
const SHOW_C = `#include <stdio.h>
#include <stdlib.h>
int level = 1;
void show(void) { printf("level %d", level); }
`;

describe('a program that is still being loaded', () => {
  let program: InlineProgram;
  beforeAll(async () => {
    program = await buildInline({ 'main.c': MAIN_C, 'show.c': SHOW_C });
    program.write('audit.c', AUDIT_C);
    await program.run('gcc', '-shared', '-fPIC', '-o', 'audit.so', 'audit.c');
    program.edit('show.c', '"level %d", level', '"now %d", level + atoi("6")');
  });
  afterAll(() => program[Symbol.dispose]());

  async function held(place: string, go: string): Promise<Target> {
    const env = { ...process.env, LD_AUDIT: program.at('audit.so'), HOLD: place, GO: go };
    const target = await program.start({ env });
    await target.errorLines.waitFor(/^held$/);
    return target;
  }

  it.each(['before its libraries are mapped', 'before its slots are filled'])(
    'is left alone %s, and patched when that is done',
    async (place) => {
      const go = program.at(`${place}.go`);
      await using target = await held(place, go);
      const refusal = await refusalOf(['reload', target.pid, '--timeout', 200]);
      expect(refusal).toMatchObject({ exitCode: 6, code: 'busy' });
      expect(refusal.message).toContain('dynamic linker');
      const patching = reload(target.pid, ['--timeout', '60000']);
      writeFileSync(go, '');
      expect((await patching).functions.map(({ name }) => name)).toEqual(['show']);
      await target.waitForLine(/^now 7$/);
    },
  );
});
