import { readFile } from 'node:fs/promises';
import { type Deployment, parseDeployment } from './deployment.ts';
import { UsageError, describeError } from './errors.ts';

/**
 * Reads deployment.yaml, and what its `from` names.
 * @throws UsageError with file, line and column of everything that is wrong with it
 */
export async function readDeployment(path: string): Promise<Deployment> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UsageError(`${path}: cannot be read: ${describeError(error)}`, { cause: error });
  });
  return completed(parseDeployment(text, path));
}

/**
 * A deployment with the conductors and hosts that its `from` leads to.
 * @throws UsageError naming the file and line of what cannot be read
 */
export async function completed(deployment: Deployment): Promise<Deployment> {
  if (deployment.from === undefined) return deployment;
  const { expandDeployment } = await import('./deployer/expand.ts');
  return expandDeployment(deployment);
}
