import type { PropertyName } from './filter.ts';
import type { PropertyValue } from './property-value.ts';

export type ComparisonOperator = '=' | '<>' | '<' | '<=' | '>' | '>=';
export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%';

/** `at` is where in the expression, for errors. */
interface Placed {
  readonly at: number;
}

export interface ConstantNode extends Placed {
  readonly kind: 'constant';
  readonly value: PropertyValue;
}

export interface PropertyNode extends Placed {
  readonly kind: 'property';
  readonly property: PropertyName;
  /** The name as it was written. */
  readonly written: string;
}

/** `property(name)`: which property it is, the message tells. */
export interface ReferenceNode extends Placed {
  readonly kind: 'reference';
  readonly name: ValueNode;
}

export type ValueNode =
  | ConstantNode
  | PropertyNode
  | ReferenceNode
  | (Placed & { readonly kind: 'newid' })
  | (Placed & { readonly kind: 'sign'; readonly operator: '+' | '-'; readonly operand: ValueNode })
  | (Placed & {
      readonly kind: 'arithmetic';
      readonly operator: ArithmeticOperator;
      readonly left: ValueNode;
      readonly right: ValueNode;
    });

export interface ComparisonNode extends Placed {
  readonly kind: 'comparison';
  readonly operator: ComparisonOperator;
  readonly left: ValueNode;
  readonly right: ValueNode;
}

export interface InNode extends Placed {
  readonly kind: 'in';
  readonly operand: ValueNode;
  readonly list: readonly ValueNode[];
}

export interface LikeNode extends Placed {
  readonly kind: 'like';
  readonly operand: ValueNode;
  readonly pattern: ValueNode;
  readonly escape: ValueNode | undefined;
}

/** NOT IN, NOT LIKE and IS NOT NULL are a `not` around them, which in three-valued logic is the same. */
export type PredicateNode =
  | (Placed & { readonly kind: 'and' | 'or'; readonly operands: readonly PredicateNode[] })
  | (Placed & { readonly kind: 'not'; readonly operand: PredicateNode })
  | ComparisonNode
  | InNode
  | LikeNode
  | (Placed & { readonly kind: 'null' | 'exists'; readonly operand: PropertyNode | ReferenceNode })
  /** What needs no message to be known; undefined is unknown. */
  | (Placed & { readonly kind: 'truth'; readonly value: boolean | undefined });

export type Node = ValueNode | PredicateNode;

/** `undefined` as value: the property is removed. */
export interface Statement {
  readonly target: PropertyNode;
  readonly value: ValueNode | undefined;
}
