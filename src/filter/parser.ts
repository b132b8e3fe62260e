import type { RetrainError } from '../errors.ts';
import { Lexer, type Token } from './lexer.ts';
import { LIMITS } from './limits.ts';
import type { PropertyValue } from './property-value.ts';
import { syntaxError } from './syntax-error.ts';
import type {
  ArithmeticOperator,
  ComparisonOperator,
  Node,
  PredicateNode,
  PropertyNode,
  ReferenceNode,
  Statement,
  ValueNode,
} from './syntax-tree.ts';
import { systemPropertyOf } from './system-name.ts';

const MAX_INTEGER = 2n ** 63n - 1n;
const COMPARISONS: ReadonlyMap<string, ComparisonOperator> = new Map([
  ['=', '='],
  ['<>', '<>'],
  ['!=', '<>'],
  ['<', '<'],
  ['<=', '<='],
  ['>', '>'],
  ['>=', '>='],
]);
const RESERVED = new Set(['AND', 'OR', 'NOT', 'IN', 'LIKE', 'ESCAPE', 'EXISTS', 'IS', 'NULL', 'TRUE', 'FALSE']);
/** In an action a statement may follow another one without a semicolon. */
const RESERVED_IN_ACTIONS = new Set([...RESERVED, 'SET', 'REMOVE']);
const A_CONDITION = '=, <>, <, <=, >, >=, IN, LIKE or IS';

/**
 * The documented grammar (service-bus-messaging-sql-filter, -sql-rule-action) by recursive descent. From loose to tight: OR; AND; NOT; comparisons, IN,
 * LIKE and IS, which do not chain; + and -; *, / and %; signs. A parenthesis may hold a condition or a value: what it held is checked where it is
 * used, so that nothing is read twice.
 */
export class Parser {
  readonly #what: 'filter' | 'action';
  readonly #lexer: Lexer;
  /** By name without `@`, in lower case. */
  readonly #parameters: ReadonlyMap<string, PropertyValue>;
  readonly #reserved: ReadonlySet<string>;
  #token: Token;
  #depth = 0;

  /** @throws RetrainError `FILTER_INVALID`, as all that parses */
  constructor(what: 'filter' | 'action', text: string, parameters: ReadonlyMap<string, PropertyValue>) {
    this.#what = what;
    this.#parameters = parameters;
    this.#reserved = what === 'action' ? RESERVED_IN_ACTIONS : RESERVED;
    const limit = LIMITS.expressionCharacters;
    if (text.length > limit)
      throw syntaxError(what, limit, `the expression has ${text.length} characters; the limit is ${limit}`);
    this.#lexer = new Lexer(what, text);
    this.#token = this.#lexer.next();
  }

  parseFilter(): PredicateNode {
    const node = this.#condition(this.#or());
    if (this.#token.type !== 'end') throw this.#unexpected('AND, OR or the end');
    return node;
  }

  parseAction(): Statement[] {
    const statements: Statement[] = [];
    do {
      if (statements.length === LIMITS.actionStatements)
        throw this.#error(this.#token.at, `an action has ${LIMITS.actionStatements} statements at most`);
      statements.push(this.#statement());
      if (!this.#takeSymbol(';')) this.#takeSymbol(',');
    } while (this.#token.type !== 'end');
    return statements;
  }

  #statement(): Statement {
    if (this.#takeWord('REMOVE')) return { target: this.#property(), value: undefined };
    if (!this.#takeWord('SET')) throw this.#unexpected('SET or REMOVE');
    const target = this.#property();
    this.#expectSymbol('=');
    return { target, value: this.#value(this.#sum()) };
  }

  #or(): Node {
    return this.#joined('or', 'OR', () => this.#joined('and', 'AND', () => this.#not()));
  }

  #joined(kind: 'and' | 'or', word: string, operand: () => Node): Node {
    const { at } = this.#token;
    const first = operand();
    if (!this.#isWord(word)) return first;
    const operands = [this.#condition(first)];
    while (this.#takeWord(word)) operands.push(this.#condition(operand()));
    return { kind, operands, at };
  }

  #not(): Node {
    const { at } = this.#token;
    if (!this.#takeWord('NOT')) return this.#comparison();
    return { kind: 'not', operand: this.#condition(this.#nested(() => this.#not())), at };
  }

  #comparison(): Node {
    if (this.#isWord('EXISTS')) return this.#exists();
    const left = this.#sum();
    const { at } = this.#token;
    const operator = this.#token.type === 'symbol' ? COMPARISONS.get(this.#token.text) : undefined;
    if (operator) {
      this.#checkIsValue(left);
      this.#advance();
      return { kind: 'comparison', operator, left, right: this.#value(this.#sum()), at };
    }
    if (this.#isWord('IS')) return this.#isNull(left);
    const negated = this.#isWord('NOT');
    if (!negated && !this.#isWord('IN') && !this.#isWord('LIKE')) return left;
    this.#checkIsValue(left);
    if (negated) this.#advance();
    const node = this.#isWord('IN') ? this.#in(left) : this.#like(left);
    return negated ? { kind: 'not', operand: node, at } : node;
  }

  #exists(): PredicateNode {
    const { at } = this.#token;
    this.#advance();
    this.#expectSymbol('(');
    const operand = this.#propertyOrReference();
    this.#expectSymbol(')');
    return { kind: 'exists', operand, at };
  }

  #isNull(operand: Node): PredicateNode {
    const { at } = this.#token;
    if (operand.kind !== 'property' && operand.kind !== 'reference')
      throw this.#error(operand.at, 'only a property can be asked for IS NULL');
    this.#advance();
    const negated = this.#takeWord('NOT');
    if (!this.#takeWord('NULL')) throw this.#unexpected(negated ? 'NULL' : 'NULL or NOT NULL');
    const node: PredicateNode = { kind: 'null', operand, at };
    return negated ? { kind: 'not', operand: node, at } : node;
  }

  #in(operand: ValueNode): PredicateNode {
    const { at } = this.#token;
    this.#advance();
    this.#expectSymbol('(');
    const list: ValueNode[] = [];
    do list.push(this.#value(this.#nested(() => this.#sum())));
    while (this.#takeSymbol(','));
    this.#expectSymbol(')', ', or )');
    return { kind: 'in', operand, list, at };
  }

  #like(operand: ValueNode): PredicateNode {
    const { at } = this.#token;
    if (!this.#takeWord('LIKE')) throw this.#unexpected('IN or LIKE');
    const pattern = this.#value(this.#sum());
    const escape = this.#takeWord('ESCAPE') ? this.#value(this.#sum()) : undefined;
    return { kind: 'like', operand, pattern, escape, at };
  }

  #sum(): Node {
    return this.#arithmetic(['+', '-'], () => this.#arithmetic(['*', '/', '%'], () => this.#sign()));
  }

  #arithmetic(operators: readonly ArithmeticOperator[], operand: () => Node): Node {
    let left = operand();
    for (;;) {
      const operator = operators.find((symbol) => this.#isSymbol(symbol));
      if (!operator) return left;
      this.#checkIsValue(left);
      const { at } = this.#token;
      this.#advance();
      left = { kind: 'arithmetic', operator, left, right: this.#value(operand()), at };
    }
  }

  #sign(): Node {
    const { at } = this.#token;
    const operator = this.#isSymbol('-') ? '-' : this.#isSymbol('+') ? '+' : undefined;
    if (!operator) return this.#primary();
    this.#advance();
    // The smallest integer has no positive counterpart, so that its sign belongs to it.
    if (this.#token.type === 'integer') {
      const value = operator === '-' ? -this.#token.value : this.#token.value;
      return this.#integer(value, at);
    }
    return { kind: 'sign', operator, operand: this.#value(this.#nested(() => this.#sign())), at };
  }

  #primary(): Node {
    const token = this.#token;
    const { at } = token;
    switch (token.type) {
      case 'integer':
        return this.#integer(token.value, at);
      case 'decimal':
        this.#advance();
        return { kind: 'constant', value: token.value, at };
      case 'string':
        this.#advance();
        return { kind: 'constant', value: token.text, at };
      case 'parameter':
        return this.#parameter(token.text, at);
      case 'symbol':
        if (token.text === '(') return this.#parenthesis();
        break;
      case 'word':
        return this.#word(token.text, at);
      case 'name':
        return this.#property();
      case 'end':
        break;
    }
    throw this.#unexpected('a value');
  }

  #integer(value: bigint, at: number): ValueNode {
    if (value > MAX_INTEGER || value < -MAX_INTEGER - 1n)
      throw this.#error(at, `the integer ${value} does not fit in 64 bits; write it with a decimal point for a double`);
    this.#advance();
    return { kind: 'constant', value, at };
  }

  #parameter(text: string, at: number): ValueNode {
    const value = this.#parameters.get(text.slice(1).toLowerCase());
    if (value === undefined) throw this.#error(at, `the parameter ${text} has no value; give it one in parameters`);
    this.#advance();
    return { kind: 'constant', value, at };
  }

  #parenthesis(): Node {
    this.#advance();
    const node = this.#nested(() => (this.#what === 'filter' ? this.#or() : this.#sum()));
    this.#expectSymbol(')');
    return node;
  }

  #word(text: string, at: number): Node {
    switch (text.toUpperCase()) {
      case 'TRUE':
      case 'FALSE':
        this.#advance();
        return { kind: 'constant', value: text.toUpperCase() === 'TRUE', at };
      case 'NULL':
        this.#advance();
        return { kind: 'constant', value: null, at };
      default:
        return this.#propertyOrFunction();
    }
  }

  #propertyOrReference(): PropertyNode | ReferenceNode {
    const node = this.#propertyOrFunction();
    if (node.kind === 'property' || node.kind === 'reference') return node;
    throw this.#error(node.at, 'expected a property');
  }

  /** A name before a parenthesis is a function's, any other one a property's. */
  #propertyOrFunction(): ValueNode {
    const token = this.#token;
    if (token.type !== 'word' || this.#reserved.has(token.text.toUpperCase())) return this.#property();
    const { text, at } = token;
    this.#advance();
    if (!this.#isSymbol('(')) return this.#propertyFrom(token);
    const name = text.toLowerCase();
    if (name !== 'newid' && name !== 'property' && name !== 'p')
      throw this.#error(at, `there is no function ${text}; there are newid(), property(name) and p(name)`);
    this.#advance();
    if (name === 'newid') {
      this.#expectSymbol(')');
      return { kind: 'newid', at };
    }
    const argument = this.#value(this.#nested(() => this.#sum()));
    this.#expectSymbol(')');
    return { kind: 'reference', name: argument, at };
  }

  #property(): PropertyNode {
    const token = this.#token;
    if (token.type !== 'word' && token.type !== 'name') throw this.#unexpected('a property');
    this.#checkReserved(token);
    this.#advance();
    return this.#propertyFrom(token);
  }

  /** `first` has been read: it is a scope when a period follows. */
  #propertyFrom(first: Token & { readonly text: string }): PropertyNode {
    const { text, at } = first;
    if (!this.#takeSymbol('.')) return { kind: 'property', property: userNamed(text), written: text, at };
    const scope = text.toLowerCase();
    if (scope !== 'sys' && scope !== 'user')
      throw this.#error(at, `the scope must be sys or user, not ${text}; a name with a period stands in brackets`);
    const name = this.#token;
    if (name.type !== 'word' && name.type !== 'name') throw this.#unexpected(`a property after ${text}.`);
    this.#checkReserved(name);
    this.#advance();
    if (scope === 'user') return { kind: 'property', property: userNamed(name.text), written: name.text, at };
    const system = systemPropertyOf(name.text);
    if (!system) throw this.#error(name.at, `there is no system property ${name.text}`);
    return { kind: 'property', property: { scope: 'system', name: system }, written: name.text, at };
  }

  #checkReserved(token: Token & { readonly text: string }): void {
    if (token.type !== 'word' || !this.#reserved.has(token.text.toUpperCase())) return;
    throw this.#error(token.at, `${token.text} is a reserved word; as a name it stands in brackets: [${token.text}]`);
  }

  #condition(node: Node): PredicateNode {
    if (!isValue(node)) return node;
    throw this.#unexpected(A_CONDITION);
  }

  #value(node: Node): ValueNode {
    this.#checkIsValue(node);
    return node;
  }

  #checkIsValue(node: Node): asserts node is ValueNode {
    if (!isValue(node)) throw this.#error(node.at, 'found a condition where a value is expected');
  }

  #nested(parse: () => Node): Node {
    this.#depth += 1;
    if (this.#depth > LIMITS.nesting)
      throw this.#error(this.#token.at, `nested more than ${LIMITS.nesting} levels deep`);
    const node = parse();
    this.#depth -= 1;
    return node;
  }

  #advance(): void {
    this.#token = this.#lexer.next();
  }

  #isWord(word: string): boolean {
    return this.#token.type === 'word' && this.#token.text.toUpperCase() === word;
  }

  #takeWord(word: string): boolean {
    const is = this.#isWord(word);
    if (is) this.#advance();
    return is;
  }

  #isSymbol(symbol: string): boolean {
    return this.#token.type === 'symbol' && this.#token.text === symbol;
  }

  #takeSymbol(symbol: string): boolean {
    const is = this.#isSymbol(symbol);
    if (is) this.#advance();
    return is;
  }

  #expectSymbol(symbol: string, expected = symbol): void {
    if (!this.#takeSymbol(symbol)) throw this.#unexpected(expected);
  }

  #unexpected(expected: string): RetrainError {
    return this.#error(this.#token.at, `found ${shown(this.#token)}, expected ${expected}`);
  }

  #error(at: number, reason: string): RetrainError {
    return syntaxError(this.#what, at, reason);
  }
}

function userNamed(name: string): PropertyNode['property'] {
  return { scope: 'user', name: name.toLowerCase() };
}

const VALUES: ReadonlySet<Node['kind']> = new Set<ValueNode['kind']>([
  'constant',
  'property',
  'reference',
  'newid',
  'sign',
  'arithmetic',
]);

function isValue(node: Node): node is ValueNode {
  return VALUES.has(node.kind);
}

function shown(token: Token): string {
  switch (token.type) {
    case 'end':
      return 'the end';
    case 'string':
      return 'a string';
    case 'integer':
    case 'decimal':
      return `the number ${token.value}`;
    default:
      return `'${token.text}'`;
  }
}
