import { defineConfig } from 'vitest/config';

/** Tests that start programs and patch them; they need the command built. */
const LIVE = 'test/live/**/*.test.ts';

export default defineConfig({
  test: {
    pool: 'forks',
    // Two, also where vitest would take one: half of what the tests do is to wait for a program.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: [LIVE],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'live',
          include: [LIVE],
          globalSetup: 'test/support/build-once.ts',
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
