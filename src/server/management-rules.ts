import { AmqpDescribed, AmqpTimestamp, AmqpTyped, lookup } from '../amqp/index.ts';
import type { AmqpMap, AmqpValue } from '../amqp/index.ts';
import type { Entity, Rule } from '../broker/index.ts';
import { RetrainError } from '../errors.ts';
import { parseRuleDescription } from '../topology/index.ts';
import type { RuleDescription } from '../topology/index.ts';
import type { Operation } from './management-node.ts';
import type { NodeReply } from './request-node.ts';
import { fromRuleValue, toRuleValue } from './rule-value.ts';

/** Descriptors of what `enumerate-rules` answers; those of filters have one digit less (service-bus-protocol.md §8.3). */
const RULE = 0x13700000004n;
const EMPTY_ACTION = 0x13700000005n;
const SQL_ACTION = 0x13700000006n;
const SQL_FILTER = 0x1370000006n;
const TRUE_FILTER = 0x1370000007n;
const FALSE_FILTER = 0x1370000008n;
const CORRELATION_FILTER = 0x1370000009n;

/** What the service says of a filter's version; clients pass it over. */
const COMPATIBILITY_LEVEL = 20;

/** Fields of a correlation filter: their names in requests, and ours. The order is that of answers. */
const CORRELATION_FIELDS = [
  ['correlation-id', 'correlationId'],
  ['message-id', 'messageId'],
  ['to', 'to'],
  ['reply-to', 'replyTo'],
  ['label', 'label'],
  ['session-id', 'sessionId'],
  ['reply-to-session-id', 'replyToSessionId'],
  ['content-type', 'contentType'],
] as const;

type SubscriptionEntity = Extract<Entity, { kind: 'subscription' }>;

/** `add-rule`: holds for messages that come from now on. */
export function addRule({ client, entity, arguments: given }: Operation): NodeReply {
  const { topic, subscription } = mustBeSubscription(entity);
  const name = given.string('rule-name');
  const description = given.optionalMap('rule-description');
  if (!description) throw invalid("The field 'rule-description' must be a map.");
  const rule = parseRule(name, description);
  const { position } = client.service.namespace.topics.putRule({ topic, subscription }, rule);
  return { statusCode: 200, description: 'OK', position };
}

/** `remove-rule` */
export function removeRule({ client, entity, arguments: given }: Operation): NodeReply {
  const { topic, subscription } = mustBeSubscription(entity);
  const { position } = client.service.namespace.topics.removeRule({ topic, subscription }, given.string('rule-name'));
  return { statusCode: 200, description: 'OK', position };
}

/** `enumerate-rules`: `top` rules from the `skip`th on, in the order in which they were made. */
export function enumerateRules({ entity, arguments: given }: Operation): NodeReply {
  const { subscription } = mustBeSubscription(entity);
  const skip = Math.max(0, given.optionalInteger('skip') ?? 0);
  const top = Math.max(0, given.optionalInteger('top') ?? Infinity);
  const rules = [...subscription.rules.values()].slice(skip, skip + top);
  if (rules.length === 0) return { statusCode: 204, description: 'No rules were found.' };
  const items = rules.map((rule) => new Map([['rule-description', describedRule(rule)]]));
  return { statusCode: 200, description: 'OK', body: new Map([['rules', items]]) };
}

function mustBeSubscription(entity: Entity): SubscriptionEntity {
  if (entity.kind === 'subscription' && entity.subqueue === entity.queue.active) return entity;
  throw invalid('Rules belong to subscriptions: ask the management node of <topic>/Subscriptions/<name>.');
}

function parseRule(name: string, given: AmqpMap): RuleDescription {
  const action = mapOf(given, 'sql-rule-action');
  const expression = action && lookup(action, 'expression');
  return checked({
    name,
    ...filterOf(given),
    ...(typeof expression === 'string' ? { action: { sqlExpression: expression } } : {}),
  });
}

/** @throws RetrainError `ARGUMENT_INVALID` instead of what a wrong configuration is */
function checked(description: unknown): RuleDescription {
  try {
    return parseRuleDescription(description);
  } catch (error) {
    if (error instanceof RetrainError && error.code === 'CONFIGURATION_INVALID') throw invalid(error.message);
    throw error;
  }
}

function filterOf(given: AmqpMap): object {
  const sql = mapOf(given, 'sql-filter');
  if (sql) {
    const parameters = mapOf(sql, 'parameters');
    return {
      filterType: 'SqlFilter',
      sqlFilter: {
        sqlExpression: lookup(sql, 'expression'),
        ...(parameters && parameters.size > 0 ? { parameters: valuesOf(parameters) } : {}),
      },
    };
  }
  const correlation = mapOf(given, 'correlation-filter');
  if (correlation) {
    const properties = mapOf(correlation, 'properties');
    const fields = CORRELATION_FIELDS.map(([wire, ours]) => [ours, lookup(correlation, wire) ?? undefined] as const);
    return {
      filterType: 'CorrelationFilter',
      correlationFilter: {
        ...Object.fromEntries(fields.filter(([, value]) => value !== undefined)),
        ...(properties && properties.size > 0 ? { properties: valuesOf(properties) } : {}),
      },
    };
  }
  if (mapOf(given, 'true-filter')) return { filterType: 'TrueFilter' };
  if (mapOf(given, 'false-filter')) return { filterType: 'FalseFilter' };
  throw invalid(
    "The field 'rule-description' must have one of sql-filter, correlation-filter, true-filter and false-filter.",
  );
}

function mapOf(map: AmqpMap, name: string): AmqpMap | undefined {
  const value = lookup(map, name);
  return value instanceof Map ? (value as AmqpMap) : undefined;
}

function valuesOf(map: AmqpMap): Record<string, unknown> {
  return Object.fromEntries(
    [...map].map(([key, value]) => {
      if (typeof key !== 'string') throw invalid('The names of properties and parameters must be strings.');
      return [key, toRuleValue(key, value)];
    }),
  );
}

function describedRule({ description, createdMs }: Rule): AmqpDescribed {
  const { action, name } = description;
  const described = action
    ? list(SQL_ACTION, [action.sqlExpression, new AmqpTyped('int', COMPATIBILITY_LEVEL)])
    : list(EMPTY_ACTION, []);
  return list(RULE, [describedFilter(description), described, name, new AmqpTimestamp(createdMs)]);
}

function describedFilter(rule: RuleDescription): AmqpDescribed {
  switch (rule.filterType) {
    case 'TrueFilter':
      return list(TRUE_FILTER, []);
    case 'FalseFilter':
      return list(FALSE_FILTER, []);
    case 'SqlFilter':
      return list(SQL_FILTER, [rule.sqlFilter.sqlExpression, new AmqpTyped('int', COMPATIBILITY_LEVEL)]);
    case 'CorrelationFilter': {
      const { properties = {}, ...fields } = rule.correlationFilter;
      const map = new Map(Object.entries(properties).map(([key, value]) => [key, fromRuleValue(key, value)]));
      return list(CORRELATION_FILTER, [...CORRELATION_FIELDS.map(([, ours]) => fields[ours] ?? null), map]);
    }
  }
}

function list(descriptor: bigint, items: readonly AmqpValue[]): AmqpDescribed {
  return new AmqpDescribed(new AmqpTyped('ulong', descriptor), items);
}

function invalid(message: string): RetrainError {
  return new RetrainError('ARGUMENT_INVALID', message);
}
