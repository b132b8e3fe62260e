import type { AccessRule } from './access-rule.ts';
import type { EntityAccess, GivenRule } from './entity-access.ts';

/** A new key of a rule: `key`, or one that is made. */
export interface KeyRenewal {
  readonly which: 'primaryKey' | 'secondaryKey';
  readonly key?: string;
}

/**
 * The access rules of a running broker, one by one. `owner` is a queue or topic; undefined: the namespace, whose rules live as long as it does. What
 * changes is in force and durable when the promise resolves.
 */
export interface AccessAdmin extends EntityAccess {
  /** Those in force: the ones that were declared at the start, then the others in the order in which they were given. */
  rulesOf(owner: string | undefined): readonly AccessRule[];
  /**
   * Creates the rule, or changes it; keys that are left out stay as they are, or are made.
   *
   * @throws RetrainError `CONFIGURATION_INVALID`, also when the rule was declared at the start with other rights; `ENTITY_NOT_FOUND`
   */
  put(owner: string | undefined, rule: GivenRule): Promise<AccessRule>;
  /**
   * False when there is no such rule.
   *
   * @throws RetrainError `CONFIGURATION_INVALID` when it was declared at the start or is the root rule; `ENTITY_NOT_FOUND`
   */
  delete(owner: string | undefined, name: string): Promise<boolean>;
  /**
   * What the former key alone allowed ends. Undefined when there is no such rule.
   *
   * @throws RetrainError `CONFIGURATION_INVALID`, also when the broker was given the rule's key from outside; `ENTITY_NOT_FOUND`
   */
  renewKey(owner: string | undefined, name: string, renewal: KeyRenewal): Promise<AccessRule | undefined>;
  /** The namespace is deleted: what was given to it goes. What was declared at the start stays, as the root rule does. */
  clearNamespace(): Promise<void>;
}
