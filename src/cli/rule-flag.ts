import type { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { parseRuleDescription, TYPED_VALUES } from '../topology/index.ts';
import type { RuleDescription, RuleValue } from '../topology/index.ts';
import { collect } from './option.ts';

export interface RuleFlags {
  readonly rule?: readonly string[];
  readonly correlationRule?: readonly string[];
  readonly ruleAction?: readonly string[];
}

/** Properties of a message that a correlation filter names without a prefix; any other name is an application property. */
const SYSTEM: Readonly<Record<string, string>> = {
  contentType: 'contentType',
  correlationId: 'correlationId',
  label: 'label',
  subject: 'label',
  messageId: 'messageId',
  replyTo: 'replyTo',
  replyToSessionId: 'replyToSessionId',
  sessionId: 'sessionId',
  to: 'to',
};

export function addRuleFlags(command: Command): Command {
  return command
    .option('--rule <name: expression>', 'rule of a subscription with an SQL filter; repeatable', collect)
    .option(
      '--correlation-rule <name: list>',
      'rule of a subscription that compares properties, NAME: subject=x, region=eu, n:int=3; repeatable',
      collect,
    )
    .option('--rule-action <name: action>', 'what the rule of that name changes, NAME: SET x = 1; repeatable', collect);
}

/**
 * The rules that flags give.
 *
 * @throws RetrainError `ARGUMENT_INVALID` for what is no rule, `CONFIGURATION_INVALID` for a rule that cannot be
 */
export function rulesOf(flags: RuleFlags): RuleDescription[] {
  const actions = new Map((flags.ruleAction ?? []).map((text) => named('--rule-action', text)));
  const sql = (flags.rule ?? []).map((text) => {
    const [name, sqlExpression] = named('--rule', text);
    return { name, filterType: 'SqlFilter', sqlFilter: { sqlExpression } };
  });
  const correlation = (flags.correlationRule ?? []).map((text) => {
    const [name, list] = named('--correlation-rule', text);
    return { name, filterType: 'CorrelationFilter', correlationFilter: correlationFilter(list, name) };
  });
  const rules = [...sql, ...correlation];
  const names = rules.map(({ name }) => name.toLowerCase());
  const twice = rules.find(({ name }, i) => names.indexOf(name.toLowerCase()) < i);
  if (twice) throw invalid(`rule "${twice.name}" is given twice: give each its own name`);
  for (const name of actions.keys())
    if (!names.includes(name.toLowerCase()))
      throw invalid(`--rule-action "${name}": there is no rule of that name in this command; give it by --rule, too`);
  return rules.map((rule) => {
    const sqlExpression = actions.get(rule.name);
    return parseRuleDescription({ ...rule, ...(sqlExpression !== undefined && { action: { sqlExpression } }) });
  });
}

/** For people: what a rule lets through, and what it does then. */
export function ruleText(rule: RuleDescription): string {
  const action = rule.action === undefined ? '' : `; ${rule.action.sqlExpression}`;
  return `${filterText(rule)}${action}`;
}

function filterText(rule: RuleDescription): string {
  switch (rule.filterType) {
    case 'SqlFilter':
      return rule.sqlFilter.sqlExpression;
    case 'TrueFilter':
      return 'everything';
    case 'FalseFilter':
      return 'nothing';
    case 'CorrelationFilter': {
      const { properties = {}, ...system } = rule.correlationFilter;
      const all: Readonly<Record<string, RuleValue | undefined>> = { ...system, ...properties };
      const parts = Object.entries(all).filter(([, value]) => value !== undefined);
      return parts.map(([name, value]) => `${name} = ${typeof value === 'object' ? value.value : value}`).join(', ');
    }
  }
}

function named(flag: string, text: string): readonly [name: string, rest: string] {
  const [, name, rest] = /^\s*([^:\s]+)\s*:\s*(.*\S)\s*$/s.exec(text) ?? [];
  if (name !== undefined && rest !== undefined) return [name, rest];
  throw invalid(`${flag} "${text}": use NAME: and what follows, such as 'big: amount > 100'`);
}

function correlationFilter(list: string, name: string): object {
  const system: Record<string, string> = {};
  const properties: Record<string, RuleValue> = {};
  for (const part of list.split(',')) {
    const [, key = '', type, value = ''] = /^\s*([^=:]+?)\s*(?::\s*(\w+)\s*)?=(.*)$/s.exec(part) ?? [];
    if (key === '')
      throw invalid(`--correlation-rule "${name}": "${part.trim()}" is no condition: use KEY=VALUE, such as region=eu`);
    const known = type === undefined && Object.hasOwn(SYSTEM, key) ? SYSTEM[key] : undefined;
    if (known === undefined) properties[key] = typed(value.trim(), { type, key });
    else system[known] = value.trim();
  }
  return { ...system, ...(Object.keys(properties).length > 0 && { properties }) };
}

function typed(value: string, { type = 'string', key }: { type: string | undefined; key: string }): RuleValue {
  if (type === 'string') return value;
  if (type === 'bool' && (value === 'true' || value === 'false')) return value === 'true';
  const known = TYPED_VALUES.find((each) => each === type);
  if (known) return { type: known, value };
  throw invalid(`"${key}:${type}=${value}": use a type of string, bool (true or false), ${TYPED_VALUES.join(', ')}`);
}

function invalid(said: string): RetrainError {
  return new RetrainError('ARGUMENT_INVALID', said);
}
