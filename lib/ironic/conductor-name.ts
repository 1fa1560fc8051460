/**
 * Whether a conductor is registered under its `[DEFAULT]host`: from 23.0 on, the port follows where `[json_rpc]port` is
 * another than 8089, and an IPv6 address is in brackets then.
 * Source: ironic/conductor/base_manager.py prepare_host
 */
export function isRegisteredAs(registered: string, host: string): boolean {
  if (registered === host) return true;
  const port = /:(\d{1,5})$/.exec(registered);
  if (port === null) return false;
  const name = registered.slice(0, port.index);
  return name === host || name === `[${host}]`;
}
