import type { IronicConfig } from './config.ts';
import { type Release, atLeast } from './release.ts';

/**
 * Whether Ironic writes no heartbeats, so that its API takes every conductor for dead a minute after it started: with
 * SQLite, from 22.1 on.
 * Source: ironic/conductor/base_manager.py _conductor_service_record_keepalive; api/controllers/v1/conductor.py
 */
export function writesNoHeartbeats(config: IronicConfig, release: Release): boolean {
  const connection = config.find('database', 'connection')?.value ?? '';
  return connection.toLowerCase().includes('sqlite') && atLeast(release, '22.1');
}
