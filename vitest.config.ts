import { defineConfig } from 'vitest/config';

/** The project's own tests (`npm run verify`). The conformance run has its own settings in lib/launch.ts. */
export default defineConfig({
  test: {
    include: ['{lib,suites,fixtures}/**/*.test.ts'],
    pool: 'threads',
    isolate: false,
    maxWorkers: 2,
    testTimeout: 60_000,
    expect: { requireAssertions: true },
  },
});
