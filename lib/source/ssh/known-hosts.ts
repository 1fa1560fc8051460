import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { matchesPattern } from './pattern.ts';

/*
 * The format of known_hosts: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". https://man.openbsd.org/sshd.8
 *   [@cert-authority|@revoked] host-patterns key-type base64-key [comment]
 */
export interface KnownHost {
  readonly marker: 'none' | 'revoked' | 'cert-authority';
  /** Patterns with `*`, `?`, `!`, or one hashed name `|1|salt|hash`. */
  readonly patterns: readonly string[];
  readonly keyType: string;
  readonly key: Buffer;
  readonly lineNumber: number;
}

/** `known`: exactly this key is there for this host. `changed`: another key of its type is. */
export type HostKeyVerdict<Entry extends KnownHost = KnownHost> =
  | { readonly verdict: 'known' }
  | { readonly verdict: 'revoked' | 'changed'; readonly entry: Entry }
  | { readonly verdict: 'unknown'; readonly otherTypes: readonly string[]; readonly hasAuthority: boolean };

const markers = new Map([
  ['@revoked', 'revoked'],
  ['@cert-authority', 'cert-authority'],
] as const);

/** The entries of a known_hosts file. Lines that are no entry mean nothing, as with OpenSSH. */
export function parseKnownHosts(text: string): KnownHost[] {
  const entries: KnownHost[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const fields = line.trim().split(/[ \t]+/);
    const [first = ''] = fields;
    if (first === '' || first.startsWith('#')) continue;
    const marker = first.startsWith('@') ? markers.get(fields.shift() as '@revoked') : 'none';
    const [names, keyType, encoded] = fields;
    if (marker === undefined || names === undefined || keyType === undefined || encoded === undefined)
      continue;
    const key = Buffer.from(encoded, 'base64');
    if (keyTypeOf(key) !== keyType) continue;
    entries.push({ marker, patterns: names.split(','), keyType, key, lineNumber: index + 1 });
  }
  return entries;
}

/**
 * What known_hosts says of the key that a host shows. A host on another port than 22 is written `[host]:port`;
 * as with OpenSSH, an entry without the port counts as well when it has this very key.
 */
export function judgeHostKey<Entry extends KnownHost>(
  entries: readonly Entry[],
  host: string,
  port: number,
  key: Buffer,
): HostKeyVerdict<Entry> {
  const name = entryName(host, port);
  const mine = entries.filter((entry) => matches(entry, name));
  const revoked = [...mine, ...entries.filter((entry) => matches(entry, host.toLowerCase()))].find(
    (entry) => entry.marker === 'revoked' && entry.key.equals(key),
  );
  if (revoked !== undefined) return { verdict: 'revoked', entry: revoked };
  const keys = mine.filter((entry) => entry.marker === 'none');
  if (keys.some((entry) => entry.key.equals(key))) return { verdict: 'known' };
  const other = keys.find((entry) => entry.keyType === keyTypeOf(key));
  if (other !== undefined) return { verdict: 'changed', entry: other };
  if (port !== 22 && keys.length === 0) {
    if (judgeHostKey(entries, host, 22, key).verdict === 'known') return { verdict: 'known' };
  }
  return {
    verdict: 'unknown',
    otherTypes: [...new Set(keys.map((entry) => entry.keyType))],
    hasAuthority: mine.some((entry) => entry.marker === 'cert-authority'),
  };
}

/** The key types known of a host: a server is to be asked for these first, or it shows another, unknown key. */
export function knownKeyTypes(entries: readonly KnownHost[], host: string, port: number): string[] {
  const named = (name: string) =>
    entries.filter((entry) => entry.marker === 'none' && matches(entry, name)).map((entry) => entry.keyType);
  const types = named(entryName(host, port));
  return [...new Set(types.length > 0 ? types : named(entryName(host, 22)))];
}

/** As OpenSSH prints it: `SHA256:…`. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The type that a public key in the SSH wire format names itself (RFC 4253, section 6.6); '' when damaged. */
export function keyTypeOf(key: Buffer): string {
  if (key.length < 4) return '';
  const length = key.readUInt32BE(0);
  return length > 64 || 4 + length > key.length ? '' : key.toString('latin1', 4, 4 + length);
}

function entryName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

function matches(entry: KnownHost, name: string): boolean {
  let matched = false;
  for (const pattern of entry.patterns) {
    if (pattern.startsWith('|')) matched ||= matchesHash(pattern, name);
    else if (pattern.startsWith('!')) {
      if (matchesPattern(name, pattern.slice(1).toLowerCase())) return false;
    } else matched ||= matchesPattern(name, pattern.toLowerCase());
  }
  return matched;
}

function matchesHash(pattern: string, name: string): boolean {
  const [, version, salt, hash] = pattern.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return false;
  const wanted = Buffer.from(hash, 'base64');
  const found = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return wanted.length === found.length && timingSafeEqual(wanted, found);
}
