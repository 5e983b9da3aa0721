/**
 * Reads a line for the shell as the simple commands in it, without running it.
 *
 * Words are read as far as that can be done from the text alone. What only a running shell knows
 * (variables, output of commands, file names by pattern) makes a word inexact, and whoever uses the
 * command decides whether that word matters. Where it is not certain what the commands are, there
 * are none: here-documents, quotes that are not closed.
 *
 * @see POSIX.1-2017, Shell Command Language 2.3 Token Recognition, 2.9 Shell Commands
 */

export interface ShellWord {
  /** Without quotes; of an inexact word, as it is written. */
  readonly text: string;
  /** Whether the shell would take it for exactly this text. */
  readonly isExact: boolean;
}

export interface SimpleCommand {
  readonly words: readonly ShellWord[];
  /** How many subshells it is in. */
  readonly depth: number;
}

/** Words of the grammar that a command may follow. */
const RESERVED = new Set(['if', 'then', 'else', 'elif', 'do', 'while', 'until', '!', '{', 'time']);
const BLANK = /[ \t\r]/;
const OPERATOR = /[;&|()\n]/;
/** Characters by which the shell looks for file names, at least in some place of a word. */
const PATTERN = /[*?[\]{}]/;
const ESCAPABLE_IN_QUOTES = /["\\$`\n]/;

/** The simple commands of the text in their order; none where they are not certain. */
export function readSimpleCommands(text: string): SimpleCommand[] {
  return new ShellReader(text).read() ?? [];
}

class ShellReader {
  private readonly text: string;
  private at = 0;
  private depth = 0;
  private readonly commands: SimpleCommand[] = [];
  private words: ShellWord[] = [];

  constructor(text: string) {
    this.text = text;
  }

  read(): SimpleCommand[] | undefined {
    while (this.at < this.text.length) {
      const char = this.text.charAt(this.at);
      if (BLANK.test(char)) this.at += 1;
      else if (this.startsWith('\\\n')) this.at += 2;
      else if (char === '#') this.skipComment();
      else if (OPERATOR.test(char)) this.operator(char);
      else if (char === '<' || char === '>') {
        if (!this.redirection()) return undefined;
      } else {
        const word = this.word();
        if (word === undefined) return undefined;
        // The number of a file that is redirected.
        const isFileNumber = /^\d+$/.test(word.text) && /[<>]/.test(this.text.charAt(this.at));
        if (!isFileNumber) this.words.push(word);
      }
    }
    this.endCommand();
    return this.commands;
  }

  private startsWith(text: string): boolean {
    return this.text.startsWith(text, this.at);
  }

  private skipComment(): void {
    while (this.at < this.text.length && this.text.charAt(this.at) !== '\n') this.at += 1;
  }

  private operator(char: string): void {
    this.endCommand();
    if (char === '(') this.depth += 1;
    if (char === ')') this.depth -= 1;
    this.at += 1;
  }

  private endCommand(): void {
    let first = 0;
    while (this.words[first]?.isExact === true && RESERVED.has(this.words[first]?.text ?? ''))
      first += 1;
    const words = this.words.slice(first);
    if (words.length > 0) this.commands.push({ words, depth: this.depth });
    this.words = [];
  }

  /** @returns false for what follows in later lines */
  private redirection(): boolean {
    if (this.startsWith('<<')) return false;
    while (/[<>&|]/.test(this.text.charAt(this.at))) this.at += 1;
    while (BLANK.test(this.text.charAt(this.at))) this.at += 1;
    return this.word() !== undefined;
  }

  /** One word; undefined when a quote in it is not closed. */
  private word(): ShellWord | undefined {
    const start = this.at;
    let text = '';
    let isExact = !this.startsWith('~');
    while (this.at < this.text.length) {
      const char = this.text.charAt(this.at);
      if (BLANK.test(char) || OPERATOR.test(char) || char === '<' || char === '>') break;
      if (char === '\\') {
        if (!this.startsWith('\\\n')) text += this.text.charAt(this.at + 1);
        this.at += 2;
      } else if (char === "'") {
        const end = this.text.indexOf("'", this.at + 1);
        if (end < 0) return undefined;
        text += this.text.slice(this.at + 1, end);
        this.at = end + 1;
      } else if (char === '"') {
        const quoted = this.doubleQuoted();
        if (quoted === undefined) return undefined;
        text += quoted.text;
        isExact &&= quoted.isExact;
      } else if (char === '`' || char === '$') {
        if (!this.skipExpansion()) return undefined;
        isExact = false;
      } else {
        if (PATTERN.test(char)) isExact = false;
        text += char;
        this.at += 1;
      }
    }
    return { text: isExact ? text : this.text.slice(start, this.at), isExact };
  }

  private doubleQuoted(): ShellWord | undefined {
    let text = '';
    let isExact = true;
    this.at += 1;
    while (this.at < this.text.length) {
      const char = this.text.charAt(this.at);
      const next = this.text.charAt(this.at + 1);
      if (char === '"') {
        this.at += 1;
        return { text, isExact };
      }
      if (char === '\\' && ESCAPABLE_IN_QUOTES.test(next)) {
        if (next !== '\n') text += next;
        this.at += 2;
      } else if (char === '`' || char === '$') {
        if (!this.skipExpansion()) return undefined;
        isExact = false;
      } else {
        text += char;
        this.at += 1;
      }
    }
    return undefined;
  }

  /** Goes past `$name`, `${…}`, `$(…)` or `` `…` ``. @returns false when it does not end */
  private skipExpansion(): boolean {
    const opening = this.text.charAt(this.at + 1);
    if (this.text.charAt(this.at) === '`') return this.skipTo('`', 1);
    if (opening === '{') return this.skipTo('}', 2);
    if (opening === '(') return this.skipParentheses();
    this.at += 1;
    return true;
  }

  private skipTo(end: string, from: number): boolean {
    this.at += from;
    while (this.at < this.text.length && this.text.charAt(this.at) !== end)
      this.at += this.text.charAt(this.at) === '\\' ? 2 : 1;
    this.at += 1;
    return this.at <= this.text.length;
  }

  private skipParentheses(): boolean {
    let open = 0;
    for (this.at += 1; this.at < this.text.length; this.at += 1) {
      const char = this.text.charAt(this.at);
      if (char === '(') open += 1;
      if (char === ')') open -= 1;
      if (open > 0) continue;
      this.at += 1;
      return true;
    }
    return false;
  }
}
