import { affirm, compute, negate } from './arithmetic.ts';
import { isTrue } from './comparison.ts';
import { FilterError } from './filter-error.ts';
import type { PropertyValue } from './property-value.ts';
import type { ComparisonNode, PredicateNode, ValueNode } from './syntax-tree.ts';

/**
 * Computes once what no message can change. What fails stays as it is, to fail for each message that comes to it.
 */
export function foldValue(node: ValueNode): ValueNode {
  switch (node.kind) {
    case 'sign': {
      const operand = foldValue(node.operand);
      if (operand.kind !== 'constant') return { ...node, operand };
      const value = attempt(() => signed(node.operator, operand.value, node.at));
      return value === undefined ? { ...node, operand } : { kind: 'constant', value, at: node.at };
    }
    case 'arithmetic': {
      const left = foldValue(node.left);
      const right = foldValue(node.right);
      if (left.kind !== 'constant' || right.kind !== 'constant') return { ...node, left, right };
      const value = attempt(() =>
        left.value === null || right.value === null ? null : compute(node.operator, left.value, right.value, node.at),
      );
      return value === undefined ? { ...node, left, right } : { kind: 'constant', value, at: node.at };
    }
    case 'reference': {
      const name = foldValue(node.name);
      return { ...node, name };
    }
    default:
      return node;
  }
}

function signed(operator: '+' | '-', value: PropertyValue, at: number): PropertyValue {
  if (value === null) return null;
  return operator === '-' ? negate(value, at) : affirm(value, at);
}

export function foldPredicate(node: PredicateNode): PredicateNode {
  switch (node.kind) {
    case 'and':
    case 'or':
      return foldJoined(node.kind, node.operands.map(foldPredicate), node.at);
    case 'not': {
      const operand = foldPredicate(node.operand);
      if (operand.kind !== 'truth') return { ...node, operand };
      return { ...operand, value: operand.value === undefined ? undefined : !operand.value };
    }
    case 'comparison':
      return foldComparison({ ...node, left: foldValue(node.left), right: foldValue(node.right) });
    case 'in':
      return { ...node, operand: foldValue(node.operand), list: node.list.map(foldValue) };
    case 'like':
      return {
        ...node,
        operand: foldValue(node.operand),
        pattern: foldValue(node.pattern),
        escape: node.escape && foldValue(node.escape),
      };
    case 'null':
    case 'exists':
      return node.operand.kind === 'property'
        ? node
        : { ...node, operand: { ...node.operand, name: foldValue(node.operand.name) } };
    case 'truth':
      return node;
  }
}

/**
 * Operands that decide nothing go (true in AND, false in OR); nothing behind one that decides is ever come to. What is before it stays, because it may
 * fail.
 */
function foldJoined(kind: 'and' | 'or', operands: readonly PredicateNode[], at: number): PredicateNode {
  const decisive = kind === 'or';
  const kept: PredicateNode[] = [];
  for (const operand of operands) {
    if (operand.kind === 'truth' && operand.value === !decisive) continue;
    kept.push(operand);
    if (operand.kind === 'truth' && operand.value === decisive) break;
  }
  const [first] = kept;
  if (!first) return { kind: 'truth', value: !decisive, at };
  return kept.length === 1 ? first : { kind, operands: kept, at };
}

function foldComparison(node: ComparisonNode): PredicateNode {
  const { left, right, at } = node;
  if (left.kind !== 'constant' || right.kind !== 'constant') return node;
  if (left.value === null || right.value === null) return { kind: 'truth', value: undefined, at };
  const first = left.value;
  const second = right.value;
  const value = attempt(() => isTrue(node.operator, first, second, at));
  return value === undefined ? node : { kind: 'truth', value, at };
}

function attempt<T>(compute: () => T): T | undefined {
  try {
    return compute();
  } catch (error) {
    if (error instanceof FilterError) return undefined;
    throw error;
  }
}
