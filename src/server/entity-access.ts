import type { AccessRight, AccessRule } from './access-rule.ts';

/** An access rule of a queue or topic as it is asked for; keys that are left out stay as they are, or are made. */
export interface GivenRule {
  readonly name: string;
  readonly rights: readonly AccessRight[];
  readonly primaryKey?: string;
  readonly secondaryKey?: string;
}

/** The access rules of queues and topics of a running broker. */
export interface EntityAccess {
  /** Those in force, in the order in which they were given. */
  rulesOf(entity: string): readonly AccessRule[];
  /** Whether `replace` would take them. @throws RetrainError `CONFIGURATION_INVALID` */
  check(entity: string, rules: readonly GivenRule[]): void;
  /**
   * These rules and no others are the entity's. They are in force and durable when the promise resolves.
   *
   * @throws RetrainError `CONFIGURATION_INVALID`, also when a rule that was declared at the start is missing or has other rights; `ENTITY_NOT_FOUND`
   */
  replace(entity: string, rules: readonly GivenRule[]): Promise<void>;
}
