import { RetrainError } from '../errors.ts';
import { ROOT_RULE_NAME } from './access-rule.ts';
import type { AccessRuleSpec } from './access-rule-spec.ts';
import type { GivenRule } from './entity-access.ts';

/**
 * A rule that was declared at the start, or the root rule, has the rights, and if they were given too, the keys that it was declared with: the next start
 * would bring them back.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`
 */
export function mustAgree(declared: AccessRuleSpec, given: GivenRule): void {
  const { rights, primaryKey, secondaryKey } = declared;
  const sorted = (list: readonly string[]): string => list.toSorted().join();
  if (sorted(rights) !== sorted(given.rights))
    throw isRoot(declared)
      ? invalid(
          `access rule '${ROOT_RULE_NAME}' of the namespace always has the rights ${rights.join()}; make another one`,
        )
      : invalid(`${describe(declared)} with the rights ${rights.join()}, not ${given.rights.join()}; change it there`);
  if (primaryKey === undefined) return;
  const others = [
    [given.primaryKey, primaryKey],
    [given.secondaryKey, secondaryKey],
  ].some(([wanted, present]) => wanted !== undefined && wanted !== present);
  if (!others) return;
  throw isRoot(declared)
    ? invalid(
        `the key of access rule '${ROOT_RULE_NAME}' was given to the broker (RETRAIN_ACCESS_KEY or --emulator), so it cannot be changed here; start the broker with another one, or without: then it makes two and keeps them`,
      )
    : invalid(`${describe(declared)} with a key of its own; change it there`);
}

/** Why a declared rule cannot be taken away. */
export function stays(declared: AccessRuleSpec): RetrainError {
  return isRoot(declared)
    ? invalid(`access rule '${ROOT_RULE_NAME}' of the namespace is there always, so it cannot be deleted`)
    : invalid(`${describe(declared)}, so it cannot be left out here; start the broker without it`);
}

function isRoot({ name, queue }: AccessRuleSpec): boolean {
  return queue === undefined && name === ROOT_RULE_NAME;
}

function describe({ name, queue }: AccessRuleSpec): string {
  const owner = queue === undefined ? 'the namespace' : `'${queue}'`;
  return `access rule '${name}' of ${owner} is declared at the start (--access-rule)`;
}

function invalid(said: string): RetrainError {
  return new RetrainError('CONFIGURATION_INVALID', said);
}
