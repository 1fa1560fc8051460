import { strip } from './python.ts';

/*
 * What Ironic takes for kernel parameters since the fix of CVE-2026-46447: KEY, KEY=VALUE and KEY="VALUE WITH SPACES", of
 * printable ASCII, with a quote nowhere but around a whole value. Newer releases also take a parameter right behind a
 * quoted value, and anything behind ` -- `; what all of them take is asked for here.
 * Source: ironic/common/kernel_parameter_parser/grammar.g, from 35.0 on ironic/common/kernel_parameters.py
 */
const parameter = /[\w.-]+(?:="[ !#-~]+"|=[!#-~]+)?(?= |$)/y;
const spaces = / +/y;

/** The first word that keeps Ironic from taking a text for kernel parameters; undefined where it takes it. */
export function malformedParameter(text: string): string | undefined {
  const line = strip(text);
  for (let at = 0; at < line.length;) {
    parameter.lastIndex = at;
    if (!parameter.test(line)) return /^\S*/.exec(line.slice(at))?.[0].slice(0, 80);
    spaces.lastIndex = parameter.lastIndex;
    if (!spaces.test(line)) return undefined;
    at = spaces.lastIndex;
  }
  return undefined;
}
