import type { RuleDescription, RuleValue } from '../../topology/index.ts';
import { objectIn } from './read-body.ts';
import { badRequest } from './refusal.ts';
import type { Body } from './resource-kind.ts';

const CORRELATION = [
  'contentType',
  'correlationId',
  'label',
  'messageId',
  'replyTo',
  'replyToSessionId',
  'sessionId',
  'to',
  'properties',
];
const EXPRESSION = ['sqlExpression', 'parameters'];

/** The version of the language that the service names; there is no other. */
const COMPATIBILITY_LEVEL = 20;
/** The service knows the filters that let everything in, and nothing, as these expressions. */
const TRUE_EXPRESSION = '1=1';
const FALSE_EXPRESSION = '1=0';

/**
 * A rule as a client describes it, not yet checked. Without a filter it lets everything in. What the service adds to an expression by itself, such as
 * `compatibilityLevel`, may come back.
 *
 * @throws ArmRefusal
 */
export function readRule(body: Body, name: string): { readonly name: string; readonly [property: string]: unknown } {
  const properties = objectIn(body, 'properties');
  const action = picked(properties, 'action', EXPRESSION);
  const hasAction = action?.['sqlExpression'] !== undefined && action['sqlExpression'] !== '';
  return { name, ...filterIn(properties), ...(hasAction ? { action } : {}) };
}

function filterIn(properties: Body): Record<string, unknown> {
  const sqlFilter = picked(properties, 'sqlFilter', EXPRESSION);
  const correlationFilter = picked(properties, 'correlationFilter', CORRELATION);
  const { filterType = typeOf(sqlFilter, correlationFilter) } = properties;
  switch (filterType) {
    case 'SqlFilter':
      return { filterType, sqlFilter: sqlFilter ?? {} };
    case 'CorrelationFilter':
      return { filterType, correlationFilter: correlationFilter ?? {} };
    case 'TrueFilter':
    case 'FalseFilter':
      return { filterType };
    default:
      throw badRequest(
        `properties.filterType is ${JSON.stringify(filterType)}; it must be SqlFilter, CorrelationFilter, TrueFilter or FalseFilter.`,
      );
  }
}

function typeOf(sql: Body | undefined, correlation: Body | undefined): string {
  if (sql && correlation)
    throw badRequest(
      'properties has a sqlFilter and a correlationFilter; give one of them, or say which by filterType.',
    );
  return sql ? 'SqlFilter' : correlation ? 'CorrelationFilter' : 'TrueFilter';
}

function picked(properties: Body, name: string, known: readonly string[]): Body | undefined {
  if (properties[name] === undefined) return undefined;
  const given = objectIn(properties, name);
  return Object.fromEntries(known.flatMap((key) => (given[key] === undefined ? [] : [[key, given[key]]])));
}

export function ruleProperties(rule: RuleDescription): object {
  const action = rule.action ? expression(rule.action.sqlExpression) : {};
  switch (rule.filterType) {
    case 'TrueFilter':
      return { action, filterType: 'SqlFilter', sqlFilter: expression(TRUE_EXPRESSION) };
    case 'FalseFilter':
      return { action, filterType: 'SqlFilter', sqlFilter: expression(FALSE_EXPRESSION) };
    case 'SqlFilter':
      return { action, filterType: 'SqlFilter', sqlFilter: expression(rule.sqlFilter.sqlExpression) };
    case 'CorrelationFilter': {
      const { properties, ...system } = rule.correlationFilter;
      const values = properties && { properties: textsOf(properties) };
      return { action, filterType: 'CorrelationFilter', correlationFilter: { ...system, ...values } };
    }
  }
}

function expression(sqlExpression: string): object {
  return { sqlExpression, compatibilityLevel: COMPATIBILITY_LEVEL };
}

/** Clients of typed languages take texts only. */
function textsOf(values: Readonly<Record<string, RuleValue>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === 'object' ? value.value : String(value)]),
  );
}
