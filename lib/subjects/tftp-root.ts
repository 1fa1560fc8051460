import { AccessError } from '../errors.ts';
import { fact } from '../facts.ts';
import type { Files } from '../source/source.ts';
import type { ConductorSource } from '../world.ts';
import { usableConfig } from './config.ts';
import { isLoopback } from './loopback.ts';

/**
 * The TFTP server that the nodes of a conductor are sent to: as deployment.yaml says, or `[pxe]tftp_server`.
 * @throws AccessError where neither tells
 */
export const tftpRoot = fact('TFTP root', async (conductor: ConductorSource, use): Promise<Files> => {
  if (conductor.tftp !== undefined) return conductor.tftp;
  // Of recorded answers nobody knows whether the network here is that of the deployment.
  if (use.world.deployment.cloud === undefined) {
    throw new AccessError(`${conductor.name}: deployment.yaml does not say where its TFTP server is (tftp)`);
  }
  const reading = (await use(usableConfig, conductor)).string('pxe', 'tftp_server');
  const server = reading.ok && reading.unresolved.length === 0 ? (reading.value ?? '') : '';
  if (!/^[\w.:-]+$/.test(server)) {
    throw new AccessError(
      `${conductor.name}: [pxe]tftp_server names no server, and deployment.yaml (tftp) does not either`,
    );
  }
  if (isLoopback(server)) {
    throw new AccessError(
      `${conductor.name}: [pxe]tftp_server is ${server}, which here is another machine (tftp)`,
    );
  }
  return use.world.openTftp(server);
});
