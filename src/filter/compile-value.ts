import { affirm, compute, negate } from './arithmetic.ts';
import type { Environment } from './environment.ts';
import { FilterError } from './filter-error.ts';
import type { NamedProperties } from './message-properties.ts';
import type { PropertyValue } from './property-value.ts';
import type { PropertyNode, ReferenceNode, ValueNode } from './syntax-tree.ts';
import { systemPropertyOf } from './system-name.ts';
import { describe } from './value-kind.ts';

/** Characters of a name from a message that an error shows. */
const MAX_SHOWN_CHARACTERS = 100;

/** A value of a message; null and undefined are both unknown to operators, and only undefined is a property that is not there. */
export type Evaluate = (message: NamedProperties) => PropertyValue | undefined;

/** The functions throw FilterError. */
export function compileValue(node: ValueNode, environment: Environment): Evaluate {
  const { at } = node;
  switch (node.kind) {
    case 'constant': {
      const { value } = node;
      return () => value;
    }
    case 'property':
    case 'reference':
      return compileProperty(node, environment);
    case 'newid':
      return () => environment.newId();
    case 'sign': {
      const operand = compileValue(node.operand, environment);
      const sign = node.operator === '-' ? negate : affirm;
      return (message) => {
        const value = operand(message);
        return value === undefined || value === null ? undefined : sign(value, at);
      };
    }
    case 'arithmetic': {
      const left = compileValue(node.left, environment);
      const right = compileValue(node.right, environment);
      const { operator } = node;
      return (message) => {
        const first = left(message);
        const second = right(message);
        if (first === undefined || first === null || second === undefined || second === null) return undefined;
        return compute(operator, first, second, at);
      };
    }
  }
}

export function compileProperty(node: PropertyNode | ReferenceNode, environment: Environment): Evaluate {
  if (node.kind === 'property') {
    const { property } = node;
    if (property.scope === 'system') {
      const { name } = property;
      return (message) => message.system(name);
    }
    const { name } = property;
    return (message) => message.user(name);
  }
  const name = compileValue(node.name, environment);
  const { at } = node;
  return (message) => {
    const value = name(message);
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'string')
      throw new FilterError(`property() at character ${at + 1} cannot take ${describe(value)} as name`);
    return readReferenced(value, message, at);
  };
}

/** A name may have a scope, as it has outside of property(). */
function readReferenced(name: string, message: NamedProperties, at: number): PropertyValue | undefined {
  const scope = /^(sys|user)\./i.exec(name)?.[1]?.toLowerCase();
  if (scope === undefined) return message.user(name);
  if (scope === 'user') return message.user(name.slice('user.'.length));
  const system = systemPropertyOf(name.slice('sys.'.length));
  if (system) return message.system(system);
  const shown = name.slice('sys.'.length, MAX_SHOWN_CHARACTERS);
  throw new FilterError(`property() at character ${at + 1}: there is no system property ${shown}`);
}
