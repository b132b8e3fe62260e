import type { RuleDescription } from '../../topology/index.ts';
import { refusal } from './atom-refusal.ts';
import { timeText } from './feed.ts';
import { DESCRIPTION } from './namespaces.ts';
import { readValues, writeValues } from './rule-values.ts';
import { childOf } from './xml-element.ts';
import type { XmlElement } from './xml-element.ts';
import { field, xml } from './xml-writer.ts';
import type { XmlNode } from './xml-writer.ts';

/** Elements of a correlation filter in their order, and the properties that they set. */
const CORRELATION = [
  ['CorrelationId', 'correlationId'],
  ['MessageId', 'messageId'],
  ['To', 'to'],
  ['ReplyTo', 'replyTo'],
  ['Label', 'label'],
  ['SessionId', 'sessionId'],
  ['ReplyToSessionId', 'replyToSessionId'],
  ['ContentType', 'contentType'],
] as const;

/** The version of the language that the service names; there is no other. */
const COMPATIBILITY_LEVEL = 20;
const TRUE_EXPRESSION = '1=1';
const FALSE_EXPRESSION = '1=0';

/**
 * A rule as a client describes it, not yet checked. Without a filter it lets everything in.
 *
 * @throws AtomRefusal 400
 */
export function readRule(
  rule: XmlElement,
  name: string,
): { readonly name: string; readonly [property: string]: unknown } {
  const action = readAction(childOf(rule, 'Action'));
  return { name, ...readFilter(childOf(rule, 'Filter')), ...(action === undefined ? {} : { action }) };
}

function readFilter(filter: XmlElement | undefined): Record<string, unknown> {
  if (!filter) return { filterType: 'TrueFilter' };
  const filterType = typeOf(filter) ?? (childOf(filter, 'SqlExpression') ? 'SqlFilter' : 'CorrelationFilter');
  switch (filterType) {
    case 'TrueFilter':
    case 'FalseFilter':
      return { filterType };
    case 'SqlFilter':
      return { filterType, sqlFilter: readExpression(filter) };
    case 'CorrelationFilter':
      return { filterType, correlationFilter: readCorrelation(filter) };
    default:
      throw refusal(
        400,
        `The filter has the type '${filterType}'; it must be SqlFilter, CorrelationFilter, TrueFilter or FalseFilter.`,
      );
  }
}

function readAction(action: XmlElement | undefined): Record<string, unknown> | undefined {
  const type = action && typeOf(action);
  if (!action || type === 'EmptyRuleAction' || !childOf(action, 'SqlExpression')) return undefined;
  if (type !== undefined && type !== 'SqlRuleAction')
    throw refusal(400, `The action has the type '${type}'; it must be SqlRuleAction or EmptyRuleAction.`);
  return readExpression(action);
}

function readExpression(holder: XmlElement): Record<string, unknown> {
  const parameters = readValues(holder, 'Parameters');
  const sqlExpression = childOf(holder, 'SqlExpression')?.text ?? '';
  return { sqlExpression, ...(parameters === undefined ? {} : { parameters }) };
}

/** An element that is empty compares with the empty text; what is left out is not compared. */
function readCorrelation(filter: XmlElement): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const [element, property] of CORRELATION) {
    const child = childOf(filter, element);
    if (child && child.attributes.get('nil') !== 'true') given[property] = child.text;
  }
  const properties = readValues(filter, 'Properties');
  return properties === undefined ? given : { ...given, properties };
}

function typeOf(element: XmlElement): string | undefined {
  const type = element.attributes.get('type');
  return type?.slice(type.indexOf(':') + 1);
}

export function ruleXml(rule: RuleDescription, createdAtMs: number): XmlNode {
  return xml(
    'RuleDescription',
    DESCRIPTION,
    filterXml(rule),
    actionXml(rule),
    field('CreatedAt', timeText(createdAtMs)),
    field('Name', rule.name),
  );
}

function filterXml(rule: RuleDescription): XmlNode {
  const type = { 'i:type': rule.filterType };
  switch (rule.filterType) {
    case 'TrueFilter':
      return xml('Filter', type, ...expressionXml({ sqlExpression: TRUE_EXPRESSION }));
    case 'FalseFilter':
      return xml('Filter', type, ...expressionXml({ sqlExpression: FALSE_EXPRESSION }));
    case 'SqlFilter':
      return xml('Filter', type, ...expressionXml(rule.sqlFilter));
    case 'CorrelationFilter': {
      const { correlationFilter: filter } = rule;
      const system = CORRELATION.map(([element, property]) => field(element, filter[property]));
      return xml('Filter', type, ...system, writeValues('Properties', filter.properties));
    }
  }
}

/** There always is an action: clients read it without asking. */
function actionXml({ action }: RuleDescription): XmlNode {
  if (action === undefined) return xml('Action', { 'i:type': 'EmptyRuleAction' });
  return xml('Action', { 'i:type': 'SqlRuleAction' }, ...expressionXml(action));
}

function expressionXml({ sqlExpression, parameters }: NonNullable<RuleDescription['action']>): (XmlNode | undefined)[] {
  return [
    field('SqlExpression', sqlExpression),
    field('CompatibilityLevel', COMPATIBILITY_LEVEL),
    writeValues('Parameters', parameters),
  ];
}
