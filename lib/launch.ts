// oxlint-disable-next-line import/no-unassigned-import -- for those who call this file directly
import './compile-cache.js';

const { UsageError, describeError } = await import('./errors.ts');
try {
  const { main } = await import('./main.ts');
  process.exitCode = await main();
} catch (error) {
  const text = error instanceof UsageError ? error.message : `internal error: ${describeError(error)}`;
  console.error(`ironic-assay: ${text}`);
  process.exitCode = 2;
}
