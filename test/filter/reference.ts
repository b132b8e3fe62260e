import { FilterDuration, FilterTime, FilterUuid, type PropertyValue } from '../../src/filter/index.ts';
import { FIXED_UUID, type Properties } from './message-of.ts';

// The meaning of SQL filters, written down a second time: as slowly and as plainly as it can be, without a look at how the filter room does it.

export type Value =
  | { readonly is: 'constant'; readonly value: PropertyValue; readonly parameter?: string }
  | {
      readonly is: 'user';
      readonly name: string;
      readonly through: 'name' | 'scope' | 'brackets' | 'quotes' | 'function';
    }
  | { readonly is: 'system'; readonly name: 'Label' | 'MessageId' }
  | { readonly is: 'newid' }
  | { readonly is: 'sign'; readonly operator: '+' | '-'; readonly of: Value }
  | {
      readonly is: 'arithmetic';
      readonly operator: '+' | '-' | '*' | '/' | '%';
      readonly left: Value;
      readonly right: Value;
    };

export type Condition =
  | {
      readonly is: 'compare';
      readonly operator: '=' | '<>' | '!=' | '<' | '<=' | '>' | '>=';
      readonly left: Value;
      readonly right: Value;
    }
  | { readonly is: 'in'; readonly not: boolean; readonly of: Value; readonly list: readonly Value[] }
  | {
      readonly is: 'like';
      readonly not: boolean;
      readonly of: Value;
      readonly pattern: Value;
      readonly escape: Value | undefined;
    }
  | { readonly is: 'null'; readonly not: boolean; readonly of: Value & { is: 'user' | 'system' } }
  | { readonly is: 'exists'; readonly of: Value & { is: 'user' | 'system' } }
  | { readonly is: 'not'; readonly of: Condition }
  | { readonly is: 'and' | 'or'; readonly of: readonly Condition[] };

/** The filter cannot be evaluated for the message. */
export class Fails extends Error {}

type Truth = 'true' | 'false' | 'unknown';

/** Whether a filter matches: only what can still become true is looked at. @throws Fails */
export function matches(condition: Condition, message: Properties): boolean {
  if (condition.is === 'and') return condition.of.every((operand) => matches(operand, message));
  if (condition.is === 'or') return condition.of.some((operand) => matches(operand, message));
  return truth(condition, message) === 'true';
}

function truth(condition: Condition, message: Properties): Truth {
  switch (condition.is) {
    case 'and':
      return combine(condition.of, message, 'false');
    case 'or':
      return combine(condition.of, message, 'true');
    case 'not':
      return negated(truth(condition.of, message));
    case 'exists':
      return said(read(condition.of, message) !== undefined);
    case 'null': {
      const value = read(condition.of, message);
      return negatedIf(condition.not, said(value === undefined || value === null));
    }
    case 'compare':
      return comparison(condition, message);
    case 'in':
      return negatedIf(condition.not, membership(condition, message));
    case 'like':
      return negatedIf(condition.not, likeness(condition, message));
  }
}

/** The tables of AND and OR: the deciding value wins, then unknown, then the other one. */
function combine(operands: readonly Condition[], message: Properties, deciding: 'true' | 'false'): Truth {
  const seen: Truth[] = [];
  for (const operand of operands) {
    const next = truth(operand, message);
    if (next === deciding) return deciding;
    seen.push(next);
  }
  return seen.includes('unknown') ? 'unknown' : deciding === 'true' ? 'false' : 'true';
}

function comparison({ operator, left, right }: Condition & { is: 'compare' }, message: Properties): Truth {
  const first = known(left, message);
  const second = known(right, message);
  if (first === undefined || second === undefined) return 'unknown';
  return said(compare(operator, first, second));
}

function membership({ of, list }: Condition & { is: 'in' }, message: Properties): Truth {
  const value = known(of, message);
  if (value === undefined) return 'unknown';
  let anyUnknown = false;
  for (const item of list) {
    const candidate = known(item, message);
    if (candidate === undefined) anyUnknown = true;
    else if (compare('=', value, candidate)) return 'true';
  }
  return anyUnknown ? 'unknown' : 'false';
}

function likeness({ of, pattern, escape }: Condition & { is: 'like' }, message: Properties): Truth {
  const value = known(of, message);
  const shape = known(pattern, message);
  const escaping = escape && known(escape, message);
  if (shape !== undefined && typeof shape !== 'string') throw new Fails();
  if (escaping !== undefined && (typeof escaping !== 'string' || escaping.length !== 1)) throw new Fails();
  if (shape === undefined || (escape && escaping === undefined)) return 'unknown';
  const parts = partsOf(shape, escaping);
  if (value === undefined) return 'unknown';
  if (typeof value !== 'string') throw new Fails();
  return said(isLike(value, parts));
}

/** The characters of a pattern, those that stand for themselves behind a quote. @throws Fails */
export function partsOf(pattern: string, escape: string | undefined): string[] {
  const parts: string[] = [];
  const characters = pattern.split('');
  for (let character = characters.shift(); character !== undefined; character = characters.shift()) {
    if (character === escape) {
      const next = characters.shift();
      if (next === undefined) throw new Fails();
      parts.push(`'${next}`);
    } else parts.push(character === '%' || character === '_' ? character : `'${character}`);
  }
  return parts;
}

/** By a table of which parts can have led to which place in the text. */
export function isLike(text: string, parts: readonly string[]): boolean {
  let reached = new Set([0]);
  for (const part of parts) {
    const next = new Set<number>();
    for (const at of reached) {
      if (part === '%') for (let to = at; to <= text.length; to++) next.add(to);
      else if (at < text.length && (part === '_' || part === `'${text[at]}`)) next.add(at + 1);
    }
    reached = next;
  }
  return reached.has(text.length);
}

/** What an action sets a property to; undefined is a property that is not there. @throws Fails */
export function read(value: Value, message: Properties): PropertyValue | undefined {
  switch (value.is) {
    case 'constant':
      return value.value;
    case 'newid':
      return new FilterUuid(FIXED_UUID);
    case 'system':
      return message.system?.[value.name];
    case 'user': {
      const found = Object.entries(message.user ?? {}).find(
        ([name]) => name.toUpperCase() === value.name.toUpperCase(),
      );
      return found?.[1];
    }
    case 'sign': {
      const of = known(value.of, message);
      if (of === undefined) return undefined;
      if (kind(of) !== 'integer' && kind(of) !== 'double' && kind(of) !== 'duration') throw new Fails();
      if (value.operator === '+') return of;
      if (of instanceof FilterDuration) return duration(-of.ticks);
      return typeof of === 'bigint' ? integer(-of) : -(of as number);
    }
    case 'arithmetic': {
      const left = known(value.left, message);
      const right = known(value.right, message);
      return left === undefined || right === undefined ? undefined : arithmetic(value.operator, left, right);
    }
  }
}

/** Null is not known either. */
function known(value: Value, message: Properties): Exclude<PropertyValue, null> | undefined {
  return read(value, message) ?? undefined;
}

type Kind = 'integer' | 'double' | 'string' | 'boolean' | 'time' | 'duration' | 'uuid' | 'binary';

function kind(value: Exclude<PropertyValue, null>): Kind {
  if (value instanceof FilterTime) return 'time';
  if (value instanceof FilterDuration) return 'duration';
  if (value instanceof FilterUuid) return 'uuid';
  if (Buffer.isBuffer(value)) return 'binary';
  return ({ bigint: 'integer', number: 'double', string: 'string', boolean: 'boolean' } as Record<string, Kind>)[
    typeof value
  ] as Kind;
}

function arithmetic(
  operator: '+' | '-' | '*' | '/' | '%',
  left: Exclude<PropertyValue, null>,
  right: Exclude<PropertyValue, null>,
): PropertyValue {
  const kinds = `${kind(left)} ${operator} ${kind(right)}`;
  if (/^integer . integer$/.test(kinds)) {
    const [a, b] = [left as bigint, right as bigint];
    if (b === 0n && (operator === '/' || operator === '%')) throw new Fails();
    return integer(
      { '+': () => a + b, '-': () => a - b, '*': () => a * b, '/': () => a / b, '%': () => a % b }[operator](),
    );
  }
  if (/^(integer|double) . (integer|double)$/.test(kinds)) {
    const [a, b] = [Number(left), Number(right)];
    return { '+': a + b, '-': a - b, '*': a * b, '/': a / b, '%': a % b }[operator];
  }
  const JOINED = '(string|integer|double|boolean|uuid)';
  if (new RegExp(`^(string \\+ ${JOINED}|${JOINED} \\+ string)$`).test(kinds)) return `${text(left)}${text(right)}`;
  const ticks = (value: unknown): bigint => (value as FilterDuration).ticks;
  const ms = (value: unknown): number => (value as FilterTime).ms;
  switch (kinds) {
    case 'duration + duration':
      return duration(ticks(left) + ticks(right));
    case 'duration - duration':
      return duration(ticks(left) - ticks(right));
    case 'time - time':
      return duration(BigInt(ms(left) - ms(right)) * 10_000n);
    case 'time + duration':
      return time(ms(left) + Math.round(Number(ticks(right)) / 10_000));
    case 'duration + time':
      return time(ms(right) + Math.round(Number(ticks(left)) / 10_000));
    case 'time - duration':
      return time(ms(left) + Math.round(Number(-ticks(right)) / 10_000));
    default:
      throw new Fails();
  }
}

function text(value: Exclude<PropertyValue, null>): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return value instanceof FilterUuid ? value.text : `${value as string | number | bigint}`;
}

function integer(value: bigint): bigint {
  if (value < -(2n ** 63n) || value >= 2n ** 63n) throw new Fails();
  return value;
}

function duration(ticks: bigint): FilterDuration {
  return new FilterDuration(integer(ticks));
}

function time(ms: number): FilterTime {
  if (ms < Date.parse('0001-01-01T00:00:00Z') || ms > Date.parse('9999-12-31T23:59:59.999Z')) throw new Fails();
  return new FilterTime(ms);
}

function compare(operator: string, left: Exclude<PropertyValue, null>, right: Exclude<PropertyValue, null>): boolean {
  const [first, second] = [kind(left), kind(right)];
  const numbers = ['integer', 'double'];
  if (first !== second && !(numbers.includes(first) && numbers.includes(second))) throw new Fails();
  if (operator === '!=' || operator === '<>') return !compare('=', left, right);
  const isOrderless = first === 'boolean' || first === 'uuid' || first === 'binary';
  if (isOrderless && operator !== '=') throw new Fails();
  const plain = (value: unknown): string | number | bigint | boolean => {
    if (value instanceof FilterTime) return value.ms;
    if (value instanceof FilterDuration) return value.ticks;
    if (value instanceof FilterUuid) return value.text;
    if (Buffer.isBuffer(value)) return value.toString('hex');
    return first === second ? (value as string) : Number(value);
  };
  const [a, b] = [plain(left), plain(right)];
  return { '=': a === b, '<': a < b, '<=': a <= b, '>': a > b, '>=': a >= b }[operator] as boolean;
}

function said(truth: boolean): Truth {
  return truth ? 'true' : 'false';
}

function negated(value: Truth): Truth {
  return value === 'unknown' ? 'unknown' : said(value === 'false');
}

function negatedIf(not: boolean, value: Truth): Truth {
  return not ? negated(value) : value;
}
