import { defineConfig } from 'vitest/config';

const shared = { pool: 'threads', isolate: false, expect: { requireAssertions: true } } as const;

/**
 * The project's own tests. `verify` needs nothing but npm's packages; `differential` compares our readers with
 * independent tools and needs Debian's (see .ci/run); `mounted` compares them with the kernel, as root;
 * `built` judges what diskimage-builder builds here, as root (see fixtures/dib). A conformance run has its own settings: lib/assay.ts.
 */
export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...shared,
          name: 'verify',
          include: ['{lib,suites,fixtures}/**/*.test.ts'],
          exclude: ['**/*.differential.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'differential',
          include: ['{lib,suites,fixtures}/**/*.differential.test.ts'],
          exclude: ['**/*-{mounted,built}.differential.test.ts'],
          testTimeout: 15 * 60_000,
          hookTimeout: 30 * 60_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'mounted',
          include: ['{lib,suites,fixtures}/**/*-mounted.differential.test.ts'],
          testTimeout: 15 * 60_000,
          hookTimeout: 30 * 60_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'built',
          include: ['{lib,suites,fixtures}/**/*-built.differential.test.ts'],
          testTimeout: 5 * 60_000,
          hookTimeout: 45 * 60_000,
        },
      },
    ],
  },
});
