import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { parseDescription } from './fields.ts';

/** A subscription's first rule, which lets every message in unless it is given another filter. */
export const DEFAULT_RULE_NAME = '$Default';

/** Types that a value of a rule may have which JSON does not tell apart; `value` is their text. */
export const TYPED_VALUES = ['int', 'long', 'double', 'decimal', 'dateTime', 'guid', 'duration'] as const;

/** A value that a rule compares a property with, or a parameter of its expression. A number without fraction is an integer. */
const ruleValue = z.union(
  [z.string(), z.boolean(), z.number(), z.strictObject({ type: z.enum(TYPED_VALUES), value: z.string() })],
  'must be text, a number, true, false, or { type, value } with a text as value',
);
const values = z.record(z.string().min(1), ruleValue);

const expression = z
  .string()
  .min(1, 'must not be empty')
  .max(1024, 'must have at most 1024 characters (service-bus-quotas)');

/** Parameters are named with their `@`. */
const sql = z.strictObject({ sqlExpression: expression, parameters: values.optional() });

const text = z.string().optional();

/** All that is given must be equal, case included. */
const correlation = z
  .strictObject({
    contentType: text,
    correlationId: text,
    label: text,
    messageId: text,
    replyTo: text,
    replyToSessionId: text,
    sessionId: text,
    to: text,
    properties: values.optional(),
  })
  .refine(
    ({ properties = {}, ...system }) =>
      Object.keys(properties).length > 0 || Object.values(system).some((value) => value !== undefined),
    'must name at least one property',
  )
  .meta({ minProperties: 1 });

/** As names of subscriptions, but for the default rule's. */
const ruleName = z
  .string()
  .max(50, 'must have at most 50 characters')
  .regex(
    /^[A-Za-z0-9]$|^[A-Za-z0-9][\w\-.]*[A-Za-z0-9]$|^\$[Dd]efault$/,
    `must be letters, digits and . - _ and begin and end with a letter or digit, or be ${DEFAULT_RULE_NAME}`,
  );
const rest = { name: ruleName, action: sql.optional() };

/** A rule with the property names of Azure Resource Manager (Microsoft.ServiceBus/namespaces/topics/subscriptions/rules). */
export const ruleDescription = z.discriminatedUnion('filterType', [
  z.strictObject({ ...rest, filterType: z.literal('SqlFilter'), sqlFilter: sql }),
  z.strictObject({ ...rest, filterType: z.literal('CorrelationFilter'), correlationFilter: correlation }),
  z.strictObject({ ...rest, filterType: z.literal('TrueFilter') }),
  z.strictObject({ ...rest, filterType: z.literal('FalseFilter') }),
]);

export type RuleDescription = z.infer<typeof ruleDescription>;
export type RuleValue = z.infer<typeof ruleValue>;

/** The rule that a new subscription has. */
export const DEFAULT_RULE: RuleDescription = { name: DEFAULT_RULE_NAME, filterType: 'TrueFilter' };

/**
 * Checks the description of a rule.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`, naming the rule, the property, the value and the limit
 */
export function parseRuleDescription(input: unknown): RuleDescription {
  mustNameReal(input);
  return parseDescription(ruleDescription, 'rule', input);
}

/** Without this the value of such a name would be passed over, and the filter would let in more than was asked for. */
function mustNameReal(input: unknown): void {
  const { sqlFilter, correlationFilter, action } = Object(input) as Record<string, Record<string, unknown> | undefined>;
  for (const values of [sqlFilter?.['parameters'], action?.['parameters'], correlationFilter?.['properties']])
    if (Object.hasOwn(Object(values) as object, '__proto__'))
      throw new RetrainError(
        'CONFIGURATION_INVALID',
        "a rule: '__proto__' cannot be the name of a property or parameter; use another name",
      );
}
