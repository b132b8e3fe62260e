import { RetrainError } from '../errors.ts';
import { ACCESS_RIGHTS } from './access-rule.ts';
import type { AccessRight, AccessRule } from './access-rule.ts';

/** An access rule that is to be in force. Keys that are not given are made at the first start and kept in the data folder. */
export type AccessRuleSpec = Omit<AccessRule, 'primaryKey'> & { readonly primaryKey?: string };

const FORM = 'NAME=RIGHT[,RIGHT][@QUEUE] with the rights Send, Listen and Manage, such as app=Send,Listen@orders';

/**
 * Reads an access rule from a flag: `app=Send`, `app=Send,Listen@orders`. Rights in any case; `Manage` includes the others.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`
 */
export function parseAccessRuleFlag(flag: string): AccessRuleSpec {
  const [, name, list, , queue] = /^([^=@]+)=([^=@]+)(@(.*))?$/.exec(flag) ?? [];
  if (name === undefined || list === undefined)
    throw new RetrainError('CONFIGURATION_INVALID', `access rule '${flag}' cannot be read: write ${FORM}`);
  const rights = new Set(list.split(',').map((text) => parseRight(text.trim(), name)));
  return { name: name.trim(), rights: [...rights], ...(queue === undefined ? {} : { queue: queue.trim() }) };
}

function parseRight(text: string, rule: string): AccessRight {
  const right = ACCESS_RIGHTS.find((known) => known.toLowerCase() === text.toLowerCase());
  if (!right)
    throw new RetrainError('CONFIGURATION_INVALID', `access rule '${rule}': unknown right '${text}'; write ${FORM}`);
  return right;
}
