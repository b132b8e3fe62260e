import { syntaxError } from './syntax-error.ts';

/** `at` and `end` are offsets into the expression. */
export type Token = {
  readonly at: number;
  readonly end: number;
} & (
  | { readonly type: 'word' | 'name' | 'string' | 'parameter' | 'symbol'; readonly text: string }
  | { readonly type: 'integer'; readonly value: bigint }
  | { readonly type: 'decimal'; readonly value: number }
  | { readonly type: 'end' }
);

// Sticky, and each in a time in proportion to what it reads: an expression is outside input.
const SPACE = /\s*/y;
const WORD = /\p{L}[\p{L}\p{Nd}_]*/uy;
const PARAMETER = /@[\p{L}_][\p{L}\p{Nd}_]*/uy;
const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const SYMBOL = /<>|!=|<=|>=|[=<>+\-*/%(),.;]/y;
const NAME_CHARACTER = /[\p{L}\p{Nd}_]/uy;
/** By the character that they begin with: how they end, and what they are called. */
const DELIMITED = {
  "'": { pattern: /'(?:[^']|'')*'(?!')/y, close: "'", type: 'string', noun: 'string' },
  '"': { pattern: /"(?:[^"]|"")*"(?!")/y, close: '"', type: 'name', noun: 'name' },
  '[': { pattern: /\[(?:[^\]]|\]\])*\](?!\])/y, close: ']', type: 'name', noun: 'name' },
} as const;

/** The expression in tokens, one at a time, so that errors come in the order of the text. */
export class Lexer {
  readonly #text: string;
  readonly #what: 'filter' | 'action';
  #offset = 0;

  constructor(what: 'filter' | 'action', text: string) {
    this.#what = what;
    this.#text = text;
  }

  /** @throws RetrainError `FILTER_INVALID` */
  next(): Token {
    this.#match(SPACE);
    const at = this.#offset;
    if (at === this.#text.length) return { type: 'end', at, end: at };
    const first = this.#text[at] as string;
    if (first === "'" || first === '"' || first === '[') return this.#delimited(at, DELIMITED[first]);
    const word = this.#match(WORD);
    if (word !== undefined) return { type: 'word', text: word, at, end: this.#offset };
    const number = this.#match(NUMBER);
    if (number !== undefined) return this.#number(at, number);
    const parameter = this.#match(PARAMETER);
    if (parameter !== undefined) return { type: 'parameter', text: parameter, at, end: this.#offset };
    const symbol = this.#match(SYMBOL);
    if (symbol !== undefined) return { type: 'symbol', text: symbol, at, end: this.#offset };
    throw syntaxError(this.#what, at, unexpected(first));
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const match = pattern.exec(this.#text);
    if (!match) return undefined;
    this.#offset += match[0].length;
    return match[0];
  }

  #delimited(at: number, { pattern, close, type, noun }: (typeof DELIMITED)[keyof typeof DELIMITED]): Token {
    const raw = this.#match(pattern);
    if (raw === undefined) throw syntaxError(this.#what, at, `the ${noun} has no end: ${close} is missing`);
    const text = raw.slice(1, -1).replaceAll(close + close, close);
    if (type === 'name' && text === '') throw syntaxError(this.#what, at, 'a name must have a character at least');
    return { type, text, at, end: this.#offset };
  }

  #number(at: number, text: string): Token {
    if (this.#match(NAME_CHARACTER) !== undefined)
      throw syntaxError(this.#what, at, 'a name must begin with a letter; any other one stands in brackets: [name]');
    const end = this.#offset;
    if (/^\d+$/.test(text)) return { type: 'integer', value: BigInt(text), at, end };
    const value = Number(text);
    if (!Number.isFinite(value))
      throw syntaxError(this.#what, at, `the number ${text} is beyond the range of a double`);
    return { type: 'decimal', value, at, end };
  }
}

function unexpected(first: string): string {
  if (first === '!') return "found '!', expected !=";
  if (first === '_' || first === '$' || first === '#')
    return `a name must begin with a letter, not '${first}'; any other one stands in brackets: [${first}name]`;
  if (first === '@') return 'a parameter must have a name: @name';
  return `found '${first}', which nothing can begin with`;
}
