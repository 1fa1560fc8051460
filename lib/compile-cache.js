import { enableCompileCache } from 'node:module';

/**
 * Keeps what Node compiles of modules, types stripped, for the next process. Only modules loaded afterwards gain, so
 * it is loaded before the entry point: `node --import ./lib/compile-cache.js …`. Where the folder cannot be written,
 * Node goes on without.
 *
 * In JavaScript, because a single module whose types are not stripped yet makes Node load its TypeScript compiler:
 * that takes longer than Node itself takes to start.
 */
enableCompileCache(`${import.meta.dirname}/../node_modules/.cache/compiled`);
