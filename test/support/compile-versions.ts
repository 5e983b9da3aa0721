/** New versions of a function that returns its version. */
import type { Fixture } from './fixture.js';

export interface CompiledVersion {
  readonly version: number;
  readonly path: string;
}

/** Objects of a source in which `return 1;` stands once, each returning one of the versions instead;
 *  the source is left as it was. */
export async function compileVersions(
  fixture: Fixture,
  source: string,
  versions: readonly number[],
): Promise<CompiledVersion[]> {
  const compiled: CompiledVersion[] = [];
  for (const version of versions) {
    const object = `${source.replace(/\.c$/, '')}-${version}.o`;
    fixture.edit(source, 'return 1;', `return ${version};`);
    await fixture.run('gcc', '-O2', '-g', '-c', '-o', object, source);
    fixture.edit(source, `return ${version};`, 'return 1;');
    compiled.push({ version, path: fixture.path(object) });
  }
  return compiled;
}
