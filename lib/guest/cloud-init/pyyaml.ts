import {
  type Alias,
  type Document,
  Lexer,
  LineCounter,
  type ParsedNode,
  type Scalar,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  visit,
} from 'yaml';
import { AssayError, FormatError, LimitError, describeError } from '../../errors.ts';
import { implicitTag, scalarOf } from './pyyaml-scalars.ts';
import { type ConfigKey, type ConfigNode, type DictNode, type ScalarNode } from './value.ts';

/** Configuration of this kind has some kilobytes; the parser takes some seconds for a hostile megabyte. */
const maximumTextInCharacters = 256 * 1024;
const maximumNodes = 20_000;
const maximumDepth = 64;

/** What PyYAML's reader refuses: anything that YAML 1.1 does not call printable. */
// oxlint-disable-next-line no-control-regex
const unprintable = /[^\t\n\r -~\u0085\u00a0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/**
 * Reads YAML as Python's `yaml.safe_load` does, because that is what cloud-init reads it with: the YAML 1.1 types
 * of PyYAML, the last of repeated keys wins, unknown tags and more than one document are errors. Every value
 * remembers its line.
 * @returns undefined for an empty document (or a bare null)
 * @throws FormatError with line and column where there is one, also for what is beyond the bounds (256 Ki
 *   characters, 20 000 values, 64 levels)
 */
export function readPyYaml(text: string, file: string): ConfigNode | undefined {
  try {
    return read(text, file);
  } catch (cause) {
    if (cause instanceof AssayError) throw cause;
    // A stack overflow in the parser, at a nesting that no person writes.
    throw new FormatError(`${file}: cannot be read as YAML: ${describeError(cause)}`, { cause });
  }
}

function read(text: string, file: string): ConfigNode | undefined {
  if (text.length > maximumTextInCharacters) {
    throw new LimitError(`${file}: ${text.length} characters, more than ${maximumTextInCharacters}`);
  }
  const bad = unprintable.exec(text);
  if (bad !== null) {
    const code = bad[0].codePointAt(0) ?? 0;
    throw new FormatError(
      `${file}:${lineAt(text, bad.index)}: character U+${code.toString(16).padStart(4, '0')}`,
    );
  }
  checkFlowDepth(text, file);
  checkTabs(text, file);
  const lines = new LineCounter();
  const document = parse(text, lines);
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    const shown = text
      .slice(lines.lineStarts[line - 1], lines.lineStarts[line])
      .trim()
      .slice(0, 80);
    throw new FormatError(`${file}: ${describeError(error)} at line ${line}, column ${col}: ${shown}`);
  }
  if (document.contents === null) return undefined;

  const targets = aliasTargets(document, file);
  let nodes = 0;
  const open = new Set<ParsedNode>();
  const originOf = (node: ParsedNode) => ({ file, line: lines.linePos(node.range[0]).line });
  const refuse = (node: ParsedNode, what: string): never => {
    throw new FormatError(`${file}:${originOf(node).line}: ${what}`);
  };

  function convert(node: ParsedNode | null, depth: number): ConfigNode {
    if (node === null) return { kind: 'scalar', type: 'null', value: null, origin: { file, line: 0 } };
    if (++nodes > maximumNodes) throw new LimitError(`${file}: more than ${maximumNodes} values`);
    if (depth > maximumDepth) throw new LimitError(`${file}: nested deeper than ${maximumDepth} levels`);
    if (isAlias(node)) {
      const target = targets.get(node);
      if (target === undefined) return refuse(node, `undefined alias *${node.source}`);
      return convert(target, depth + 1);
    }
    if (open.has(node)) return refuse(node, 'a value that contains itself');
    open.add(node);
    const tag = tagOf(node);
    let result: ConfigNode;
    if (isScalar(node)) result = scalar(node, tag);
    else if (isSeq(node)) {
      if (tag !== 'seq') refuse(node, `tag ${node.tag} on a list`);
      result = {
        kind: 'list',
        items: node.items.map((item) => convert(item, depth + 1)),
        origin: originOf(node),
      };
    } else {
      if (tag !== 'map') refuse(node, `tag ${node.tag} on a mapping`);
      result = mapping(node, depth);
    }
    open.delete(node);
    return result;
  }

  function scalar(node: ParsedNode, tag: string): ScalarNode {
    const source = isScalar(node) ? textOf(node) : '';
    const resolved = /^(null|bool|int|float|timestamp|str)$/.test(tag) ? scalarOf(tag, source) : undefined;
    if (resolved === undefined) return refuse(node, `“${source}” cannot be read as ${node.tag ?? tag}`);
    return { kind: 'scalar', ...resolved, origin: originOf(node) };
  }

  /** PyYAML adds no line break to a block scalar that ends with the file. */
  function textOf(node: Scalar): string {
    const value = sourceOf(node);
    const isBlock = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED';
    const isUnended =
      isBlock && value.endsWith('\n') && !/[\r\n]$/.test(text) && node.range?.[1] === text.length;
    return isUnended ? value.slice(0, -1) : value;
  }

  function mapping(node: ParsedNode, depth: number): DictNode {
    const entries = new Map<ConfigKey, ConfigNode>();
    const merged: DictNode[] = [];
    for (const pair of isMap(node) ? node.items : []) {
      const key = pair.key;
      if (isScalar(key) && tagOf(key) === 'merge') {
        merged.push(...mergeSources(key, convert(pair.value, depth + 1)));
        continue;
      }
      const value = convert(pair.value, depth + 1);
      const isEquals = isScalar(key) && tagOf(key) === 'value';
      const name = isEquals ? '=' : keyOf(key, convert(key, depth + 1));
      entries.set(pythonKey(entries, name), { ...value, origin: originOf(key) });
    }
    // Merged keys come first, and the mapping's own win over them.
    const all = new Map(merged.flatMap((source) => [...source.entries]));
    for (const [key, value] of entries) all.set(pythonKey(all, key), value);
    return { kind: 'dict', entries: all, origin: originOf(node) };
  }

  function keyOf(node: ParsedNode, key: ConfigNode): ConfigKey {
    return key.kind === 'scalar' ? key.value : refuse(node, 'a list or mapping as a key');
  }

  /** `<<: *one` or `<<: [*one, *two]`, where the first of a list wins. */
  function mergeSources(key: ParsedNode, value: ConfigNode): DictNode[] {
    if (value.kind === 'dict') return [value];
    if (value.kind === 'list' && value.items.every((item) => item.kind === 'dict')) {
      return (value.items as DictNode[]).toReversed();
    }
    return refuse(key, '<< of something that is not a mapping');
  }

  const root = convert(document.contents, 0);
  return root.kind === 'scalar' && root.value === null ? undefined : root;
}

const maximumIndentations = 30;
/** Of a text that indentation would mend, each line gives a few. */
const maximumErrors = 1000;

/**
 * To PyYAML, indentation means nothing inside […], {…} and quotes; the parser here wants such lines to be indented
 * as YAML says. They are, before it is asked again, which changes nothing else: leading spaces there are no content.
 */
function parse(text: string, lines: LineCounter): Document.Parsed {
  const document = parseOnce(text, lines);
  if (document.errors.length > maximumErrors) return document;
  let [retried, source] = [document, text];
  for (let attempt = 0; attempt < maximumIndentations; attempt++) {
    const [error] = retried.errors;
    if (error === undefined) {
      lines.lineStarts = [];
      return parseOnce(source, lines);
    }
    // An open quote is told at the line break that ends it, open brackets at the start of the next line.
    const lineStart = error.pos[0] + (error.message.startsWith('Missing closing') ? 1 : 0);
    const isKnown = /^(Flow|Missing closing)/.test(error.message);
    if (!isKnown || lineStart >= source.length || source[lineStart - 1] !== '\n') break;
    source = `${source.slice(0, lineStart)}${' '.repeat(80)}${source.slice(lineStart)}`;
    retried = parseOnce(source);
  }
  return document;
}

/** One error is told. The parser makes one for every character that it minds, each with a stack and its whole line. */
function parseOnce(text: string, lineCounter?: LineCounter): Document.Parsed {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return parseDocument(text, {
      version: '1.1',
      schema: 'failsafe',
      uniqueKeys: false,
      logLevel: 'error',
      prettyErrors: false,
      ...(lineCounter !== undefined && { lineCounter }),
    });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** What each alias stands for: the node before it with that anchor. PyYAML refuses an anchor set twice. */
function aliasTargets(document: Document.Parsed, file: string): Map<Alias, ParsedNode> {
  const anchors = new Map<string, ParsedNode>();
  const targets = new Map<Alias, ParsedNode>();
  visit(document, {
    Alias(_, alias) {
      const target = anchors.get(alias.source);
      if (target !== undefined) targets.set(alias, target);
    },
    Value(_, node) {
      if (node.anchor === undefined) return;
      if (anchors.has(node.anchor)) throw new FormatError(`${file}: the anchor &${node.anchor} is set twice`);
      anchors.set(node.anchor, node as ParsedNode);
    },
  });
  return targets;
}

/** The text of a scalar; the schema in use makes no other values. */
function sourceOf(node: Scalar): string {
  return typeof node.value === 'string' ? node.value : '';
}

/** The short name of a tag of YAML's own, or the tag itself. */
function tagOf(node: ParsedNode): string {
  const tag = isAlias(node) ? undefined : node.tag;
  if (tag === '!' || tag === undefined) {
    if (!isScalar(node)) return isSeq(node) ? 'seq' : 'map';
    // YAML says that `!` makes a text; to PyYAML it makes even quoted text a plain scalar.
    return node.type === 'PLAIN' || tag === '!' ? implicitTag(sourceOf(node)) : 'str';
  }
  const short = tag.startsWith('tag:yaml.org,2002:') ? tag.slice('tag:yaml.org,2002:'.length) : tag;
  // cloud-init 23 and older read the tag that Python 2 wrote.
  return short === 'python/unicode' ? 'str' : short;
}

/** The key as it is known already: to Python, True is 1 and False is 0. */
function pythonKey(entries: ReadonlyMap<ConfigKey, ConfigNode>, key: ConfigKey): ConfigKey {
  const twin = typeof key === 'boolean' ? Number(key) : key === 1 || key === 0 ? key === 1 : undefined;
  return twin !== undefined && entries.has(twin) ? twin : key;
}

/** PyYAML takes a tab nowhere but in quoted text, block scalars and comments: not even at the end of a line. */
function checkTabs(text: string, file: string): void {
  if (!text.includes('\t')) return;
  let at = 0;
  let isScalarNext = false;
  let isBlock = false;
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme === '\u0002' || lexeme === '\u0018') continue;
    if (lexeme === '\u001f') {
      isScalarNext = true;
      continue;
    }
    const isHeader = !isScalarNext && /^[|>]/.test(lexeme);
    const mayHoldTabs = /^["'#]/.test(lexeme) || (isScalarNext && isBlock);
    const tab = lexeme.indexOf('\t');
    if (tab >= 0 && !mayHoldTabs) {
      throw new FormatError(
        `${file}:${lineAt(text, at + tab)}: a tab, which PyYAML does not take as a space`,
      );
    }
    if (isHeader) isBlock = true;
    else if (isScalarNext) isBlock = false;
    isScalarNext = false;
    at += lexeme.length;
  }
}

/** The parser recurses into [[[[…: refuse before it, in one pass. Brackets in text count too, which is harmless. */
function checkFlowDepth(text: string, file: string): void {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x5b || code === 0x7b) depth += 1;
    else if ((code === 0x5d || code === 0x7d) && depth > 0) depth -= 1;
    if (depth > 500) throw new LimitError(`${file}:${lineAt(text, index)}: more than 500 open brackets`);
  }
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
