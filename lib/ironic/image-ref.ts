import { isRedacted } from './redaction.ts';

/** Where an image reference of a node or of ironic.conf leads. */
export type ImageRef =
  /** As written: Glance compares the text, so that 32 digits without dashes find nothing. */
  | { readonly kind: 'glance'; readonly id: string }
  | { readonly kind: 'http'; readonly url: string }
  /** A file of the conductor that manages the node. */
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'oci'; readonly url: string }
  | { readonly kind: 'nfs'; readonly url: string }
  | { readonly kind: 'cifs'; readonly url: string }
  | { readonly kind: 'redacted' }
  | { readonly kind: 'invalid'; readonly value: string; readonly why: string };

/**
 * What Ironic takes a reference for; an image's name is none, and fails at deploy time.
 * Source: ironic/common/image_service.py (get_image_service), glance_service/service_utils.py (parse_image_id).
 */
export function parseImageRef(value: unknown): ImageRef {
  if (isRedacted(value)) return { kind: 'redacted' };
  if (typeof value !== 'string') {
    return {
      kind: 'invalid',
      value: JSON.stringify(value) ?? 'undefined',
      why: 'an image reference is text',
    };
  }
  const scheme = schemeOf(value);
  switch (scheme) {
    case '':
      if (isUuidLike(value)) return { kind: 'glance', id: value };
      return { kind: 'invalid', value, why: 'Scheme-less image href is not a UUID.' };
    case 'glance':
      return glanceRef(value);
    case 'http':
    case 'https':
      return { kind: 'http', url: value };
    case 'file':
      return fileRef(value);
    case 'oci':
    case 'nfs':
      return { kind: scheme, url: value };
    case 'cifs':
    case 'smb':
      return { kind: 'cifs', url: value };
    default:
      return { kind: 'invalid', value, why: `Image download protocol ${scheme} is not supported.` };
  }
}

/** oslo.utils' idea of a UUID: dashes, braces, case and the prefixes `urn:` and `uuid:` do not matter. */
export function isUuidLike(text: string): boolean {
  const bare = text.replaceAll('urn:', '').replaceAll('uuid:', '');
  let [start, end] = [0, bare.length];
  while (start < end && isBrace(bare[start])) start += 1;
  while (end > start && isBrace(bare[end - 1])) end -= 1;
  return /^[0-9a-f]{32}$/iu.test(bare.slice(start, end).replaceAll('-', ''));
}

function isBrace(char: string | undefined): boolean {
  return char === '{' || char === '}';
}

/** Python's urlparse: what precedes the first colon, where it has the form of a scheme. */
function schemeOf(text: string): string {
  return /^([a-z][a-z0-9+.-]*):/iu.exec(text.slice(0, 64))?.[1]?.toLowerCase() ?? '';
}

function glanceRef(value: string): ImageRef {
  const id = value.slice(value.lastIndexOf('/') + 1);
  // The scheme is found without regard to case, but the reference must begin in lower case.
  if (value.startsWith('glance://') && isUuidLike(id)) return { kind: 'glance', id };
  return { kind: 'invalid', value, why: 'Invalid image href: glance:// takes the UUID of an image.' };
}

function fileRef(value: string): ImageRef {
  const rest = value.slice('file:'.length);
  const path = /^(?!\/\/)\/[^?#]*/u.exec(rest)?.[0] ?? /^\/\/[^/?#]*(\/[^?#]*)/u.exec(rest)?.[1];
  if (path === undefined) return { kind: 'invalid', value, why: 'file:// takes an absolute path.' };
  return { kind: 'file', path };
}
