/** Imports run one way; see ARCHITECTURE.md. */
const room = (name, mayImport) => ({
  name: `${name}-imports-downwards-only`,
  severity: 'error',
  from: { path: `^src/${name}/` },
  to: { path: '^src/', pathNot: `^src/(${[name, ...mayImport].join('|')})/` },
});

module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    room('core', []),
    room('elf', ['core']),
    room('arch', ['core']),
    room('dwarf', ['core', 'elf', 'arch']),
    room('link', ['core', 'elf', 'arch', 'dwarf']),
    room('patch', ['core', 'elf', 'arch', 'dwarf', 'link']),
    room('ptrace', ['core', 'elf', 'arch', 'link', 'patch']),
    room('build', ['core', 'elf', 'dwarf']),
    room('app', ['core', 'elf', 'arch', 'dwarf', 'link', 'patch', 'ptrace', 'build']),
    room('terminal', ['core', 'app']),
    room('cli', ['core', 'app', 'terminal', 'tui']),
    room('tui', ['core', 'app', 'terminal']),
    {
      name: 'only-arch-folders-know-a-machine',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/arch/' },
      to: { path: '^src/arch/[^/]+/' },
    },
    {
      name: 'only-ptrace-calls-libc',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/ptrace/ffi/' },
      to: { path: 'node_modules/(koffi|ffi-rs)' },
    },
    {
      name: 'only-build-and-app-run-start-programs',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/build/' },
      to: { path: '^(node:)?child_process$' },
    },
    {
      name: 'only-x86-64-loads-its-decoder',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/arch/x86-64/' },
      to: { path: 'node_modules/iced-x86' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node'] },
  },
};
