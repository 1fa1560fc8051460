/** Whether a host is the machine that asks: to nodes as to us another one than is meant. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[?::1?\]?)$/i.test(host);
}
