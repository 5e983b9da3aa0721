/** mawk, built by its own build, patched while it waits for its input. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EditedSource } from '../../support/edited-source.js';
import { attach, rollBack } from '../../support/hcr.js';
import { buildRealProgram } from '../../support/real-program.js';
import { startTarget } from '../../support/target.js';

describe('mawk', () => {
  const CFLAGS = [
    '--cflags',
    '-I. -DHAVE_CONFIG_H -DLOCAL_REGEXP -D_DEFAULT_SOURCE -D_XOPEN_SOURCE=500',
  ];

  it('runs changed builtins while it waits for its input', async () => {
    const source = await buildRealProgram('mawk', 'build-mawk.sh');
    await using target = await startTarget(join(source, 'mawk'), [
      ...['-W', 'interactive', '{ print length($0), toupper($0) }'],
    ]);
    const ask = async (line: string): Promise<string | undefined> => {
      target.write(`${line}\n`);
      return await target.lines.next();
    };
    expect(await ask('before')).toBe('6 BEFORE');
    using edited = new EditedSource(join(source, 'bi_funct.c'));
    edited.replace(
      'sp->dval = (double) len;\n\n    return_CELL("bi_length", sp);',
      'sp->dval = (double) len + 0.5;\n\n    return_CELL("bi_length", sp);',
    );
    edited.replace(
      '*q = (char) toupper((UChar) * q);',
      "*q = *q == 'e' ? '3' : (char) toupper((UChar) * q);",
    );
    await attach(target.pid, ['bi_length', 'bi_toupper'], CFLAGS);
    expect(await ask('patched')).toBe('7.5 PATCH3D');
    await rollBack(target.pid);
    expect(await ask('rolled back')).toBe('11 ROLLED BACK');
  });
});
