/** What a compiler said, line by line of the source. */

export interface Diagnostic {
  /** Counted from 1. */
  readonly line: number;
  readonly severity: 'error' | 'warning' | 'note';
  readonly text: string;
}

/** `net.c:12:5: error: expected ';'`, as gcc and clang write it; the column may be missing. */
const MESSAGE = /^(.+?):(\d+)(?::\d+)?: (?:fatal )?(error|warning|note): (.*)$/;

/** Those that are about one file. A compiler calls it as its command line does.
 *  @param file its path */
export function diagnosticsFor(file: string, said: string): readonly Diagnostic[] {
  return said.split('\n').flatMap((text): Diagnostic[] => {
    const [, named = '', line, severity, message = ''] = MESSAGE.exec(text) ?? [];
    if (severity === undefined || !isSame(file, named)) return [];
    return [{ line: Number(line), severity: severity as Diagnostic['severity'], text: message }];
  });
}

/** A relative path may begin anywhere above the file. */
function isSame(file: string, named: string): boolean {
  const words = named.split('/').filter((word) => word !== '' && word !== '.');
  const tail = words.slice(words.lastIndexOf('..') + 1).join('/');
  return file === named || file.endsWith(`/${tail}`);
}
