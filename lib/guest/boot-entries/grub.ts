import { FormatError, LimitError } from '../../errors.ts';
import { type GrubWord, grubTokens, plainText } from './words.ts';

const maximumDepth = 32;
const maximumItems = 1000;

/** A command of a grub.cfg. */
export interface GrubCommand {
  readonly words: readonly GrubWord[];
  readonly line: number;
  /** Inside an `if`, a loop or a function: it may or may not be run. */
  readonly conditional: boolean;
  /** The variable whose being empty is the condition: `if [ -z "$kernelopts" ]`. */
  readonly ifEmpty?: string;
}

/** What makes a line of the menu: an entry, a menu below it, or `blscfg`, which makes many. */
export interface GrubItem {
  readonly kind: 'menuentry' | 'submenu' | 'blscfg';
  /** The arguments: title and options. */
  readonly words: readonly GrubWord[];
  readonly line: number;
  readonly conditional: boolean;
  /** What is run when it is chosen. */
  readonly commands: readonly GrubCommand[];
  /** The lines of a submenu. */
  readonly items: readonly GrubItem[];
}

/** A grub.cfg taken apart and not run. */
export interface GrubScript {
  readonly commands: readonly GrubCommand[];
  readonly items: readonly GrubItem[];
}

interface Block {
  readonly kind: 'script' | 'menuentry' | 'submenu' | 'function' | 'group';
  readonly line: number;
  readonly commands: GrubCommand[];
  readonly items: GrubItem[];
  /** The ifs and loops that are open in it. */
  readonly conditions: { readonly line: number; ifEmpty?: string }[];
}

/**
 * Takes the text of a grub.cfg apart: what is run, and the menu. Nothing is evaluated.
 * @throws FormatError for blocks, ifs and quotes that are not closed, for which GRUB refuses the whole script; LimitError
 */
export function parseGrubScript(text: string, origin: string): GrubScript {
  const root = block('script', 1, [], []);
  const stack: Block[] = [root];
  let words: GrubWord[] = [];
  let line = 1;
  let count = 0;
  let awaitsFunctionBody = false;

  const here = (): Block => stack.at(-1) ?? root;
  /** The blocks from the menu entry, or the script, that is being read. */
  const enclosing = () => stack.slice(stack.findLastIndex(({ kind }) => isMenu(kind)));
  const isConditional = () =>
    enclosing().some(({ kind, conditions }) => kind === 'function' || conditions.length > 0);

  function open(kind: Block['kind']): void {
    if (stack.length > maximumDepth) {
      throw new LimitError(`${origin}:${line}: blocks deeper than ${maximumDepth}`);
    }
    const parent = here();
    const opened =
      kind === 'menuentry' || kind === 'submenu'
        ? block(kind, line, [], [])
        : block(kind, line, parent.commands, parent.items);
    if (kind === 'menuentry' || kind === 'submenu') {
      const { commands, items } = opened;
      addItem({ kind, words: words.slice(1), line, conditional: isConditional(), commands, items });
    }
    stack.push(opened);
    words = [];
  }

  function addItem(item: GrubItem): void {
    count += 1;
    if (count > maximumItems)
      throw new LimitError(`${origin}:${line}: more than ${maximumItems} menu entries`);
    here().items.push(item);
  }

  function close(): void {
    const closed = stack.length > 1 ? stack.pop() : undefined;
    if (closed === undefined)
      throw new FormatError(`${origin}:${line}: a } without {: GRUB refuses the script`);
    refuseOpenCondition(closed, origin);
  }

  /** A command has ended: its reserved words open and close conditions, the rest is kept. */
  function endCommand(): void {
    let own = words;
    words = [];
    const { conditions } = here();
    let isCondition = false;
    for (let name = plainText(own[0]); own.length > 0; name = plainText(own[0])) {
      if (name === 'if' || name === 'while' || name === 'until' || name === 'for') {
        if (conditions.length >= maximumDepth)
          throw new LimitError(`${origin}:${line}: conditions deeper than ${maximumDepth}`);
        conditions.push({ line });
        isCondition = true;
      } else if (name === 'else' || name === 'elif') {
        delete conditions.at(-1)?.ifEmpty;
        isCondition = name === 'elif';
      } else if (name === 'fi' || name === 'done') {
        if (conditions.pop() === undefined)
          throw new FormatError(`${origin}:${line}: a ${name} too many: GRUB refuses the script`);
      } else if (name !== 'then' && name !== 'do') break;
      own = own.slice(1);
    }
    if (own.length === 0) return;
    if (isCondition) {
      const tested = testedForEmpty(own);
      const condition = conditions.at(-1);
      if (tested !== undefined && condition !== undefined) condition.ifEmpty = tested;
      return;
    }
    const conditional = isConditional();
    const [only, second] = enclosing().flatMap((one) => one.conditions);
    const ifEmpty = second === undefined ? only?.ifEmpty : undefined;
    const name = plainText(own[0]);
    if (name === 'blscfg' || name === 'bls_import') {
      addItem({ kind: 'blscfg', words: own.slice(1), line, conditional, commands: [], items: [] });
    }
    here().commands.push({ words: own, line, conditional, ...(ifEmpty !== undefined && { ifEmpty }) });
  }

  for (const token of grubTokens(text, origin)) {
    if ('word' in token) {
      if (words.length === 0) ({ line } = token);
      words.push(token.word);
      continue;
    }
    if (words.length === 0) ({ line } = token);
    const name = plainText(words[0]);
    if (token.mark === '{') {
      if (name === 'menuentry' || name === 'submenu') open(name);
      else if (name === 'function' || awaitsFunctionBody) open('function');
      else {
        endCommand();
        open('group');
      }
      awaitsFunctionBody = false;
    } else if (token.mark === '\n' && name === 'function') {
      words = [];
      awaitsFunctionBody = true;
    } else {
      endCommand();
      if (token.mark === '}') close();
    }
  }
  endCommand();
  const unclosed = stack.length > 1 ? here() : undefined;
  if (unclosed !== undefined) {
    throw new FormatError(`${origin}:${unclosed.line}: a { without }: GRUB refuses the script`);
  }
  refuseOpenCondition(root, origin);
  return { commands: root.commands, items: root.items };
}

function isMenu(kind: Block['kind']): boolean {
  return kind === 'script' || kind === 'menuentry' || kind === 'submenu';
}

function block(kind: Block['kind'], line: number, commands: GrubCommand[], items: GrubItem[]): Block {
  return { kind, line, commands, items, conditions: [] };
}

function refuseOpenCondition({ conditions }: Block, origin: string): void {
  const condition = conditions.at(-1);
  if (condition !== undefined) {
    throw new FormatError(
      `${origin}:${condition.line}: an if or loop without its end: GRUB refuses the script`,
    );
  }
}

/** The variable in `[ -z "$variable" ]`. */
function testedForEmpty(words: readonly GrubWord[]): string | undefined {
  const [open, operator, operand, close] = words;
  const [part, second] = operand?.parts.filter((piece) => !('text' in piece) || piece.text !== '') ?? [];
  const isTest = plainText(open) === '[' && plainText(operator) === '-z' && plainText(close) === ']';
  return isTest && words.length === 4 && part !== undefined && second === undefined && 'variable' in part
    ? part.variable
    : undefined;
}
