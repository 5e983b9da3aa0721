/** New versions of the function that all running threads of fixtures/threads are in. */
import type { Fixture } from '../support/fixture.js';

export interface CompiledVersion {
  readonly version: number;
  readonly path: string;
}

/** Objects of churn.c that return these versions; the source is left as it was.
 *  What they compute is the same, so that a thread's results stay the same. */
export async function compileChurn(
  fixture: Fixture,
  versions: readonly number[],
): Promise<CompiledVersion[]> {
  const compiled: CompiledVersion[] = [];
  for (const version of versions) {
    const object = `churn-${version}.o`;
    fixture.edit('churn.c', 'return 1;', `return ${version};`);
    await fixture.run('gcc', '-O2', '-g', '-c', '-o', object, 'churn.c');
    fixture.edit('churn.c', `return ${version};`, 'return 1;');
    compiled.push({ version, path: fixture.path(object) });
  }
  return compiled;
}
