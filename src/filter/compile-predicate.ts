import { compileProperty, compileValue, type Evaluate } from './compile-value.ts';
import type { Environment } from './environment.ts';
import { FilterError } from './filter-error.ts';
import { isEqual, isTrue } from './comparison.ts';
import { compileLike, type LikePattern } from './like-pattern.ts';
import { LIMITS } from './limits.ts';
import type { NamedProperties } from './message-properties.ts';
import type { PropertyValue } from './property-value.ts';
import type { ComparisonNode, InNode, LikeNode, PredicateNode } from './syntax-tree.ts';
import { syntaxError } from './syntax-error.ts';
import { describe } from './value-kind.ts';

/** Three-valued logic: undefined is unknown. */
export type Decide = (message: NamedProperties) => boolean | undefined;

/**
 * A filter needs to know whether a condition is true, and no more: an AND whose operand is unknown is over, because it cannot become true. So a
 * conjunct is only come to when all before it are true, and one that fails does not disturb messages that were decided before it.
 */
export function compileTest(node: PredicateNode, environment: Environment): (message: NamedProperties) => boolean {
  if (node.kind === 'and') {
    const operands = node.operands.map((operand) => compileTest(operand, environment));
    const [first, second] = operands;
    if (first && second && operands.length === 2) return (message) => first(message) && second(message);
    return (message) => {
      for (const operand of operands) if (!operand(message)) return false;
      return true;
    };
  }
  if (node.kind === 'or') {
    const operands = node.operands.map((operand) => compileTest(operand, environment));
    return (message) => {
      for (const operand of operands) if (operand(message)) return true;
      return false;
    };
  }
  const decide = compilePredicate(node, environment);
  return (message) => decide(message) === true;
}

/** The functions throw FilterError. */
function compilePredicate(node: PredicateNode, environment: Environment): Decide {
  switch (node.kind) {
    case 'and':
    case 'or':
      return compileJoined(
        node.kind === 'or',
        node.operands.map((operand) => compilePredicate(operand, environment)),
      );
    case 'not': {
      const operand = compilePredicate(node.operand, environment);
      return (message) => {
        const truth = operand(message);
        return truth === undefined ? undefined : !truth;
      };
    }
    case 'comparison':
      return compileComparison(node, environment);
    case 'in':
      return compileIn(node, environment);
    case 'like':
      return compileLikeNode(node, environment);
    case 'null':
    case 'exists': {
      const operand = compileProperty(node.operand, environment);
      if (node.kind === 'exists') return (message) => operand(message) !== undefined;
      return (message) => {
        const value = operand(message);
        return value === undefined || value === null;
      };
    }
    case 'truth': {
      const { value } = node;
      return () => value;
    }
  }
}

/** AND is over at the first that is false, OR at the first that is true; unknown is what is left when one of the others was. */
function compileJoined(decisive: boolean, operands: readonly Decide[]): Decide {
  return (message) => {
    let truth: boolean | undefined = !decisive;
    for (const operand of operands) {
      const next = operand(message);
      if (next === decisive) return decisive;
      if (next === undefined) truth = undefined;
    }
    return truth;
  };
}

function compileComparison(node: ComparisonNode, environment: Environment): Decide {
  const { operator, at } = node;
  const left = compileValue(node.left, environment);
  if (operator === '=' && node.right.kind === 'constant' && node.right.value !== null)
    return compileEquality(left, node.right.value, at);
  const right = compileValue(node.right, environment);
  return (message) => {
    const first = left(message);
    const second = right(message);
    if (first === undefined || first === null || second === undefined || second === null) return undefined;
    return isTrue(operator, first, second, at);
  };
}

/** What most filters are. */
function compileEquality(left: Evaluate, constant: Exclude<PropertyValue, null>, at: number): Decide {
  return (message) => {
    const value = left(message);
    if (value === constant) return true;
    return value === undefined || value === null ? undefined : isEqual(value, constant, "'='", at);
  };
}

/** As `operand = a OR operand = b`, evaluated up to the first that is equal. */
function compileIn({ operand: operandNode, list, at }: InNode, environment: Environment): Decide {
  const operand = compileValue(operandNode, environment);
  const items = list.map((item) => compileValue(item, environment));
  return (message) => {
    const value = operand(message);
    if (value === undefined || value === null) return undefined;
    let truth: boolean | undefined = false;
    for (const item of items) {
      const candidate = item(message);
      if (candidate === undefined || candidate === null) truth = undefined;
      else if (isEqual(value, candidate, 'IN', at)) return true;
    }
    return truth;
  };
}

function compileLikeNode(node: LikeNode, environment: Environment): Decide {
  const { at } = node;
  const operand = compileValue(node.operand, environment);
  const matcher = compileMatcher(node, environment);
  return (message) => {
    const value = operand(message);
    const like = matcher(message);
    if (value === undefined || value === null || like === undefined) return undefined;
    if (typeof value !== 'string') throw new FilterError(`LIKE at character ${at + 1} cannot take ${describe(value)}`);
    return like(value);
  };
}

/** Made once when pattern and escape character are constants. Undefined is unknown. @throws RetrainError `FILTER_INVALID` */
function compileMatcher(
  { pattern, escape, at }: LikeNode,
  environment: Environment,
): (message: NamedProperties) => LikePattern | undefined {
  if (pattern.kind === 'constant' && (escape === undefined || escape.kind === 'constant')) {
    const like = likeOf(pattern.value, escape && escape.value, (reason) => syntaxError('filter', at, reason));
    return () => like;
  }
  const patternOf = compileValue(pattern, environment);
  const escapeOf = escape && compileValue(escape, environment);
  const fail = (reason: string): FilterError => new FilterError(`LIKE at character ${at + 1}: ${reason}`);
  return (message) => {
    const escaping = escapeOf ? (escapeOf(message) ?? null) : undefined;
    return likeOf(patternOf(message) ?? null, escaping, fail);
  };
}

/** `escape` is undefined when there is none, and null when it is unknown. */
function likeOf(
  pattern: PropertyValue,
  escape: PropertyValue | undefined,
  fail: (reason: string) => Error,
): LikePattern | undefined {
  if (pattern !== null && typeof pattern !== 'string')
    throw fail(`the pattern must be a string, not ${describe(pattern)}`);
  if (typeof escape === 'string' ? escape.length !== 1 : escape !== undefined && escape !== null)
    throw fail('ESCAPE must have a string of one character');
  if (pattern === null || escape === null) return undefined;
  if (pattern.length > LIMITS.patternCharacters)
    throw fail(`the pattern has ${pattern.length} characters; the limit is ${LIMITS.patternCharacters}`);
  const like = compileLike(pattern, escape as string | undefined);
  if (like) return like;
  throw fail('nothing follows the escape character at the end of the pattern');
}
