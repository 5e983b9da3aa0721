/** The ways in which users build: each compiler, each level, each kind of program. */

export interface Build {
  readonly title: string;
  readonly compiler: 'gcc' | 'clang';
  readonly level: string;
  readonly kind: Kind;
  /** Of the level and the kind. */
  readonly cflags: string;
}

export interface Kind {
  readonly name: 'PIE' | 'no-PIE' | 'static' | 'static-PIE' | '.so';
  readonly cflags: string;
  /** For the program; the library of the last kind is linked with -shared. */
  readonly ldflags: string;
}

export const COMPILERS = ['gcc', 'clang'] as const;
const LEVELS = ['-O0', '-O1', '-O2', '-O3', '-Os'] as const;

export const KINDS: readonly Kind[] = [
  { name: 'PIE', cflags: '-fPIE', ldflags: '-pie' },
  { name: 'no-PIE', cflags: '-fno-pie', ldflags: '-no-pie' },
  { name: 'static', cflags: '-fno-pie', ldflags: '-static' },
  { name: 'static-PIE', cflags: '-fPIE', ldflags: '-static-pie' },
  { name: '.so', cflags: '-fPIC', ldflags: '-pie' },
];

export const BUILDS: readonly Build[] = COMPILERS.flatMap((compiler) =>
  LEVELS.flatMap((level) =>
    KINDS.map((kind) => ({
      title: `${compiler} ${level} ${kind.name}`,
      compiler,
      level,
      kind,
      cflags: `${level} ${kind.cflags}`,
    })),
  ),
);
