/** Bundles hcr's own modules: Node takes longer to load two hundred small files than hcr to patch. */
import { defineConfig } from 'rolldown';

export default defineConfig({
  input: 'src/cli/main.ts',
  platform: 'node',
  external: ['commander', 'ffi-rs', 'fzstd', 'iced-x86', 'koffi', /^node:/],
  transform: { target: 'node20.19' },
  output: {
    dir: 'dist/cli',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    sourcemap: true,
    cleanDir: true,
  },
});
