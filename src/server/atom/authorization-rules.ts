import { ACCESS_RIGHTS } from '../access-rule.ts';
import type { AccessRight, AccessRule } from '../access-rule.ts';
import type { EntityAccess, GivenRule } from '../entity-access.ts';
import { refusal } from './atom-refusal.ts';
import { timeText } from './feed.ts';
import { childOf, childrenOf, textOf } from './xml-element.ts';
import type { XmlElement } from './xml-element.ts';
import { field, xml } from './xml-writer.ts';
import type { XmlNode } from './xml-writer.ts';

const TYPE = 'SharedAccessAuthorizationRule';

/**
 * The access rules of a description; undefined when it says nothing about them.
 *
 * @throws AtomRefusal 400
 */
export function readAuthorizationRules(description: XmlElement): GivenRule[] | undefined {
  const rules = childOf(description, 'AuthorizationRules');
  return rules && childrenOf(rules, 'AuthorizationRule').map((rule) => readAuthorizationRule(rule));
}

function readAuthorizationRule(rule: XmlElement): GivenRule {
  const type = rule.attributes.get('type') ?? TYPE;
  if (type.slice(type.indexOf(':') + 1) !== TYPE)
    throw refusal(400, `An authorization rule has the type '${type}'; only ${TYPE} is taken.`);
  const name = textOf(rule, 'KeyName');
  if (name === undefined) throw refusal(400, 'An authorization rule has no KeyName; name it.');
  const rights = childrenOf(childOf(rule, 'Rights'), 'AccessRights').map(({ text }) => rightOf(text.trim(), name));
  const primaryKey = textOf(rule, 'PrimaryKey');
  const secondaryKey = textOf(rule, 'SecondaryKey');
  return {
    name,
    rights: [...new Set(rights)],
    ...(primaryKey === undefined ? {} : { primaryKey }),
    ...(secondaryKey === undefined ? {} : { secondaryKey }),
  };
}

function rightOf(text: string, rule: string): AccessRight {
  const right = ACCESS_RIGHTS.find((known) => known.toLowerCase() === text.toLowerCase());
  if (!right)
    throw refusal(400, `The authorization rule '${rule}' has the right '${text}'; rights are Send, Listen and Manage.`);
  return right;
}

/** Rules of an entity that was just made; it goes again when they cannot be kept. */
export async function giveRules(
  access: EntityAccess,
  given: { readonly entity: string; readonly rules: readonly GivenRule[]; readonly undo: () => Promise<void> },
): Promise<void> {
  try {
    await access.replace(given.entity, given.rules);
  } catch (error) {
    await given.undo();
    throw error;
  }
}

/** Also when there are none: then the element is empty. */
export function authorizationRulesXml(rules: readonly AccessRule[]): XmlNode {
  return xml('AuthorizationRules', {}, ...rules.map((rule) => authorizationRuleXml(rule)));
}

function authorizationRuleXml({
  name,
  rights,
  primaryKey,
  secondaryKey,
  createdAtMs,
  modifiedAtMs,
}: AccessRule): XmlNode {
  return xml(
    'AuthorizationRule',
    { 'i:type': TYPE },
    field('ClaimType', 'SharedAccessKey'),
    field('ClaimValue', 'None'),
    xml('Rights', {}, ...rights.map((right) => field('AccessRights', right))),
    createdAtMs === undefined ? undefined : field('CreatedTime', timeText(createdAtMs)),
    modifiedAtMs === undefined ? undefined : field('ModifiedTime', timeText(modifiedAtMs)),
    field('KeyName', name),
    field('PrimaryKey', primaryKey),
    field('SecondaryKey', secondaryKey),
  );
}
