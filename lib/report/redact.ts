/**
 * The last line of defence against secrets in reports, which people attach to public bug reports. Checks and
 * sources do not put secrets into findings; what slips through in a quoted line of configuration, a URL or a
 * kernel command line is hidden here, as Ironic's API hides it.
 */
const hidden = '******';

/** A value that is no secret: a variable, a placeholder, or already hidden. */
const harmless = /^["']?[$<*]/;

const secretName =
  '(?:password|passwd|passphrase|secret|secret_key|api_key|rootpwd|auth_token|agent_token|private_key)';

type Rule = readonly [pattern: RegExp, replace: (...groups: string[]) => string];

/** Every repetition is bounded, so that hostile text costs time in proportion to its length. */
const rules: readonly Rule[] = [
  // scheme://user:password@host, also in oslo.messaging's list of hosts
  [
    /\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@]{0,256}):([^\s/]{1,512})@/gi,
    (whole, user = '', password = '') => (harmless.test(password) ? whole : `${user}:${hidden}@`),
  ],
  // Fernet tokens of Keystone
  [/\bgAAAA[\w-]{60,}={0,2}/g, () => hidden],
  // Signatures of temporary URLs
  [/\b(temp_url_sig|x-amz-signature|sig|signature)=[\w%+/-]{16,}/gi, (_, name = '') => `${name}=${hidden}`],
  [
    /\b(x-[a-z-]{0,40}token|authorization)(["']?\s{0,8}[:=]\s{0,8}["']?)((?:basic|bearer)\s)?([^\s"']+)/gi,
    (whole, name = '', between = '', scheme = '', value = '') =>
      harmless.test(value) ? whole : `${name}${between}${scheme}${hidden}`,
  ],
  // name = value of oslo.config, kernel command lines and shells
  [
    new RegExp(String.raw`(${secretName}\s{0,8}=\s{0,8})("[^"\n]*"|'[^'\n]*'|[^\s,;&]+)`, 'gi'),
    (whole, name = '', value = '') => (harmless.test(value) ? whole : `${name}${hidden}`),
  ],
  // "name": "value" of JSON and YAML
  [
    new RegExp(String.raw`(${secretName}["']?\s{0,8}:\s{0,8})("[^"\n]*"|'[^'\n]*')`, 'gi'),
    (whole, name = '', value = '') => (harmless.test(value) ? whole : `${name}"${hidden}"`),
  ],
  [
    /(--[a-z-]{0,32}password)[ \t]{1,8}(\S+)/gi,
    (whole, option = '', value = '') => (harmless.test(value) ? whole : `${option} ${hidden}`),
  ],
  [
    /(-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----)[^-]*(?:-----END [A-Z ]{0,32}PRIVATE KEY-----)?/g,
    (_, begin = '') => `${begin} ${hidden}`,
  ],
];

/** The text with what looks like a secret replaced by `******`. */
export function redact(text: string): string {
  return rules.reduce((so, [pattern, replace]) => so.replaceAll(pattern, replace), text);
}
