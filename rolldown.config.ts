/** Bundles hcr's own modules: Node takes longer to load two hundred small files than hcr to patch. */
import { defineConfig } from 'rolldown';

export default defineConfig({
  input: { main: 'src/cli/main.ts', engine: 'src/tui/engine/worker.ts' },
  platform: 'node',
  external: [
    ...['commander', 'ffi-rs', 'fzstd', 'iced-x86', 'koffi'],
    ...[
      'cli-truncate',
      'fuzzysort',
      'ink',
      'react',
      'react/jsx-runtime',
      'string-width',
      'wrap-ansi',
    ],
    /^node:/,
  ],
  transform: { target: 'node20.19' },
  output: {
    dir: 'dist/cli',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    sourcemap: true,
    cleanDir: true,
  },
});
