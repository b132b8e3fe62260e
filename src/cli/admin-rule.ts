import type { CorrelationRuleFilter, RuleProperties, SqlRuleFilter } from '@azure/service-bus';
import { parseRuleDescription, type RuleDescription } from '../topology/index.ts';
import { sendable, valuesForClient, valuesOfClient } from './admin-values.ts';

// Rules as the official admin client has them: it knows two kinds of filters, and calls a label subject.

/** How the admin API knows the filters that let everything in, and nothing. */
const TRUE_EXPRESSION = '1=1';
const FALSE_EXPRESSION = '1=0';

interface Sql {
  readonly sqlExpression: string;
  readonly parameters?: Parameters<typeof valuesForClient>[0];
}

export function ruleForClient(rule: RuleDescription): RuleProperties {
  const { name, action } = rule;
  return sendable({ name, filter: filterForClient(rule), action: action ? sqlForClient(action) : {} });
}

export function ruleOfClient({ name, filter, action }: RuleProperties): RuleDescription {
  const { sqlExpression, sqlParameters } = action;
  return parseRuleDescription({
    name,
    ...filterOfClient(filter),
    ...(sqlExpression !== undefined && { action: sqlOfClient(sqlExpression, sqlParameters) }),
  });
}

function filterForClient(rule: RuleDescription): SqlRuleFilter | CorrelationRuleFilter {
  switch (rule.filterType) {
    case 'TrueFilter':
      return { sqlExpression: TRUE_EXPRESSION };
    case 'FalseFilter':
      return { sqlExpression: FALSE_EXPRESSION };
    case 'SqlFilter':
      return sqlForClient(rule.sqlFilter);
    case 'CorrelationFilter': {
      const { label, properties, ...system } = rule.correlationFilter;
      const applicationProperties = valuesForClient(properties);
      return withoutUndefined({ ...system, subject: label, applicationProperties });
    }
  }
}

function filterOfClient(filter: SqlRuleFilter | CorrelationRuleFilter): object {
  if ('sqlExpression' in filter)
    return { filterType: 'SqlFilter', sqlFilter: sqlOfClient(filter.sqlExpression, filter.sqlParameters) };
  const { subject, applicationProperties, ...system } = filter;
  const properties = valuesOfClient(applicationProperties);
  return {
    filterType: 'CorrelationFilter',
    correlationFilter: withoutUndefined({ ...system, label: subject, properties }),
  };
}

function sqlForClient({ sqlExpression, parameters }: Sql): SqlRuleFilter {
  const sqlParameters = valuesForClient(parameters);
  return { sqlExpression, ...(sqlParameters && { sqlParameters }) };
}

function sqlOfClient(sqlExpression: string, sqlParameters: SqlRuleFilter['sqlParameters']): object {
  const parameters = valuesOfClient(sqlParameters);
  return { sqlExpression, ...(parameters && { parameters }) };
}

function withoutUndefined<T extends object>(given: T): { [P in keyof T]: Exclude<T[P], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [P in keyof T]: Exclude<T[P], undefined>;
  };
}
