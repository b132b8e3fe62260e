import fc from 'fast-check';
import { FilterDuration, FilterTime, FilterUuid, type PropertyValue, type RuleValue } from '../../src/filter/index.ts';
import { FIXED_UUID, type Properties } from './message-of.ts';
import type { Condition, Value } from './reference.ts';

const NAMES = ['color', 'size', 'tenant', 'a b', 'like'] as const;
const TEXTS = ['red', 'blue', 'r%', '_e_', '%', '', 'a$%', "it's", '10'] as const;

const text = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.string({ unit: fc.constantFrom('a', 'b', '%', '_', '$', "'"), maxLength: 6 }),
);
const integer = fc.oneof(fc.bigInt(-3n, 11n), fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n));
const double = fc.oneof(
  fc.constantFrom(0.5, 2.5, 10, 2 ** 53), // Without -0, which has no constant.
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number || 0),
);
const time = fc.constantFrom(0, 1000, 253402300799999).map((ms) => new FilterTime(ms));
const duration = fc
  .constantFrom(0n, 10_000_000n, 2n ** 63n - 1n, -10_000_001n)
  .map((ticks) => new FilterDuration(ticks));
const uuid = fc.constantFrom(FIXED_UUID, 'ffffffff-1111-4222-8333-444444444444').map((id) => new FilterUuid(id));

const propertyValue: fc.Arbitrary<PropertyValue> = fc.oneof(
  { arbitrary: text, weight: 4 },
  { arbitrary: integer, weight: 4 },
  double,
  fc.boolean(),
  fc.constant(null),
  time,
  duration,
  uuid,
  fc.constantFrom(Number.NaN, Infinity),
  fc.constant(Buffer.from([1])),
);

/** A name in this or that case, at most once for names that differ in case only. */
const cased = fc
  .tuple(fc.constantFrom(...NAMES), fc.boolean())
  .map(([name, upper]) => (upper ? name.toUpperCase() : name));

export const message: fc.Arbitrary<Properties> = fc.record({
  user: fc
    .uniqueArray(fc.tuple(cased, propertyValue), { selector: ([name]) => name.toLowerCase(), maxLength: 5 })
    .map((entries) => Object.fromEntries(entries)),
  system: fc.record({ Label: text, MessageId: text }, { requiredKeys: [] }),
});

const constant: fc.Arbitrary<Value> = fc.oneof(
  { arbitrary: fc.oneof(text, integer, double).map((value) => ({ is: 'constant' as const, value })), weight: 6 },
  fc.oneof(fc.boolean(), fc.constant(null)).map((value) => ({ is: 'constant' as const, value })),
  fc
    .oneof(time, duration, uuid, text)
    .chain((value) => fc.constantFrom('p', 'Q_1').map((parameter) => ({ is: 'constant' as const, value, parameter }))),
);

const user = fc.record({
  is: fc.constant('user' as const),
  name: cased,
  through: fc.constantFrom(
    'name' as const,
    'scope' as const,
    'brackets' as const,
    'quotes' as const,
    'function' as const,
  ),
});
const property = fc.oneof(
  { arbitrary: user, weight: 5 },
  fc.record({ is: fc.constant('system' as const), name: fc.constantFrom('Label' as const, 'MessageId' as const) }),
);

const { condition: anyCondition, value: anyValue } = fc.letrec<{ value: Value; condition: Condition }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'value' },
    { arbitrary: property, weight: 6 },
    { arbitrary: constant, weight: 5 },
    fc.constant({ is: 'newid' as const }),
    fc.record({
      is: fc.constant('sign' as const),
      operator: fc.constantFrom('+' as const, '-' as const),
      of: tie('value'),
    }),
    {
      arbitrary: fc.record({
        is: fc.constant('arithmetic' as const),
        operator: fc.constantFrom('+' as const, '-' as const, '*' as const, '/' as const, '%' as const),
        left: tie('value'),
        right: tie('value'),
      }),
      weight: 2,
    },
  ),
  condition: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'condition' },
    {
      arbitrary: fc.record({
        is: fc.constant('compare' as const),
        operator: fc.constantFrom(
          '=' as const,
          '=' as const,
          '<>' as const,
          '!=' as const,
          '<' as const,
          '<=' as const,
          '>' as const,
          '>=' as const,
        ),
        left: tie('value'),
        right: tie('value'),
      }),
      weight: 5,
    },
    {
      arbitrary: fc.record({
        is: fc.constant('in' as const),
        not: fc.boolean(),
        of: tie('value'),
        list: fc.array(tie('value'), { minLength: 1, maxLength: 4 }),
      }),
      weight: 2,
    },
    {
      arbitrary: fc.record({
        is: fc.constant('like' as const),
        not: fc.boolean(),
        of: tie('value'),
        pattern: tie('value'),
        escape: fc.option(fc.oneof(fc.constant({ is: 'constant' as const, value: '$' }), property), { nil: undefined }),
      }),
      weight: 2,
    },
    fc.record({ is: fc.constant('null' as const), not: fc.boolean(), of: property }),
    fc.record({ is: fc.constant('exists' as const), of: property }),
    fc.record({ is: fc.constant('not' as const), of: tie('condition') }),
    {
      arbitrary: fc.record({
        is: fc.constantFrom('and' as const, 'or' as const),
        of: fc.array(tie('condition'), { minLength: 2, maxLength: 3 }),
      }),
      weight: 4,
    },
  ),
}));

export const condition = anyCondition;
export const value = anyValue;

/** What topics have many of: conditions on the same few properties, with equality in front or behind. */
const equality = fc.record({
  is: fc.constant('compare' as const),
  operator: fc.constant('=' as const),
  left: user,
  right: constant,
});

export const routing: fc.Arbitrary<Condition> = fc
  .array(
    fc.oneof(
      {
        arbitrary: fc.record({
          is: fc.constant('compare' as const),
          operator: fc.constantFrom('=' as const, '=' as const, '=' as const, '>' as const),
          left: user,
          right: constant,
        }),
        weight: 4,
      },
      fc.record({
        is: fc.constant('in' as const),
        not: fc.constant(false),
        of: user,
        list: fc.array(constant, { minLength: 1, maxLength: 3 }),
      }),
      condition,
      equality.map((of) => ({ is: 'not' as const, of })),
    ),
    { minLength: 1, maxLength: 3 },
  )
  .chain((of) =>
    fc.constantFrom('and' as const, 'or' as const).map((is) => (of.length === 1 ? (of[0] as Condition) : { is, of })),
  );

/** An action that sets a property to each of the values, and its parameters. */
export function writtenAction(values: Readonly<Record<string, Value>>): Sql {
  const parameters: Record<string, RuleValue> = {};
  const statements = Object.entries(values).map(
    ([name, tree]) => `SET ${name} = ${writeValue(tree, LEVEL.sum, parameters)}`,
  );
  return { sqlExpression: statements.join('; '), parameters };
}

interface Sql {
  sqlExpression: string;
  parameters: Record<string, RuleValue>;
}

/** The expression in the language, with no parenthesis that is not needed, and its parameters. */
export function written(tree: Condition): Sql {
  const parameters: Record<string, RuleValue> = {};
  const sqlExpression = writeCondition(tree, 0, parameters);
  return { sqlExpression, parameters };
}

/** From loose to tight. */
const LEVEL = { or: 1, and: 2, not: 3, compare: 4, sum: 5, product: 6, sign: 7 } as const;

function inParentheses(text: string, level: number, around: number): string {
  return level < around ? `(${text})` : text;
}

function writeCondition(tree: Condition, around: number, parameters: Record<string, RuleValue>): string {
  const of = (value: Value): string => writeValue(value, LEVEL.sum, parameters);
  switch (tree.is) {
    case 'or':
    case 'and': {
      const operands = tree.of.map((operand) => writeCondition(operand, LEVEL[tree.is] + 1, parameters));
      return inParentheses(operands.join(` ${tree.is.toUpperCase()} `), LEVEL[tree.is], around);
    }
    case 'not':
      return inParentheses(`NOT ${writeCondition(tree.of, LEVEL.not, parameters)}`, LEVEL.not, around);
    case 'compare':
      return inParentheses(`${of(tree.left)}${tree.operator}${of(tree.right)}`, LEVEL.compare, around);
    case 'in': {
      const list = tree.list.map(of).join(', ');
      return inParentheses(`${of(tree.of)} ${tree.not ? 'NOT ' : ''}IN (${list})`, LEVEL.compare, around);
    }
    case 'like': {
      const escape = tree.escape ? ` ESCAPE ${of(tree.escape)}` : '';
      const like = `${of(tree.of)} ${tree.not ? 'not ' : ''}like ${of(tree.pattern)}${escape}`;
      return inParentheses(like, LEVEL.compare, around);
    }
    case 'null':
      return inParentheses(`${of(tree.of)} IS ${tree.not ? 'NOT ' : ''}NULL`, LEVEL.compare, around);
    case 'exists':
      return inParentheses(`EXISTS(${of(tree.of)})`, LEVEL.compare, around);
  }
}

function writeValue(tree: Value, around: number, parameters: Record<string, RuleValue>): string {
  switch (tree.is) {
    case 'constant':
      return tree.parameter === undefined ? literal(tree.value) : parameter(tree.value, tree.parameter, parameters);
    case 'newid':
      return 'newid()';
    case 'system':
      return `sys.${tree.name}`;
    case 'user':
      return writeName(tree.name, tree.through);
    case 'sign':
      return inParentheses(`${tree.operator} ${writeValue(tree.of, LEVEL.sign, parameters)}`, LEVEL.sign, around);
    case 'arithmetic': {
      const level = tree.operator === '+' || tree.operator === '-' ? LEVEL.sum : LEVEL.product;
      const left = writeValue(tree.left, level, parameters);
      const right = writeValue(tree.right, level + 1, parameters);
      return inParentheses(`${left} ${tree.operator} ${right}`, level, around);
    }
  }
}

function writeName(name: string, through: (Value & { is: 'user' })['through']): string {
  if (through === 'function') return `p('${name}')`;
  if (through === 'quotes') return `"${name}"`;
  const isRegular = !name.includes(' ') && name.toLowerCase() !== 'like';
  const shown = through === 'brackets' || !isRegular ? `[${name}]` : name;
  return through === 'scope' ? `user.${shown}` : shown;
}

function literal(value: PropertyValue): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  if (typeof value === 'number')
    return Number.isInteger(value) && !String(value).includes('e') ? `${value}.0` : String(value);
  return `${value as bigint | boolean}`.toUpperCase();
}

function parameter(value: PropertyValue, name: string, parameters: Record<string, RuleValue>): string {
  const unique = `${name}${Object.keys(parameters).length}`;
  parameters[`@${unique}`] = ruleValue(value);
  return `@${unique.toUpperCase()}`;
}

function ruleValue(value: PropertyValue): RuleValue {
  if (value instanceof FilterTime) return { type: 'dateTime', value: new Date(value.ms).toISOString() };
  if (value instanceof FilterUuid) return { type: 'guid', value: value.text };
  if (value instanceof FilterDuration) {
    const ticks = value.ticks < 0n ? -value.ticks : value.ticks;
    const fraction = (ticks % 10_000_000n).toString().padStart(7, '0');
    return { type: 'duration', value: `${value.ticks < 0n ? '-' : ''}PT${ticks / 10_000_000n}.${fraction}S` };
  }
  return value as string;
}
