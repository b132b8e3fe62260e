import { createHmac } from 'node:crypto';
import { RetrainError } from '../errors.ts';
import { EMULATOR_KEY, ROOT_RULE_NAME, equalSecrets } from './access-rule.ts';
import type { AccessRule } from './access-rule.ts';
import { LIMITS } from './limits.ts';

/** A key that was used, and the rule that it belongs to. */
export interface Credential {
  readonly rule: AccessRule;
  readonly key: string;
}

/** Stands in for a rule or a key that does not exist: what is done with it takes as long, and is never right. */
const NO_KEY = '';

const NAME = /^[A-Za-z0-9][\w.-]{0,49}$/;
const KEY = /^[\x21-\x3a\x3c-\x7e]{16,256}$/;

/**
 * The access rules in force: those of the namespace and those of single queues. It never changes; another set replaces it.
 * How long it takes to look at a token or a password says nothing about which names there are, nor how much of a key is right.
 */
export class AccessRules {
  readonly #rules: ReadonlyMap<string, AccessRule>;

  /** @throws RetrainError `CONFIGURATION_INVALID` */
  constructor(rules: readonly AccessRule[]) {
    this.#rules = checkedRules(rules);
  }

  get count(): number {
    return this.#rules.size;
  }

  /** The namespace's rule of this name, or the queue's. */
  find(queue: string | undefined, name: string): AccessRule | undefined {
    return this.#rules.get(keyOf(queue, name));
  }

  /** What is left when a queue goes. */
  without(queue: string): AccessRules {
    return new AccessRules([...this.#rules.values()].filter((rule) => scopeOf(rule.queue) !== scopeOf(queue)));
  }

  /** Names of the queues that have rules, as they were given. */
  *queues(): Iterable<string> {
    for (const { queue } of this.#rules.values()) if (queue !== undefined) yield queue;
  }

  /**
   * Who has signed `text` for something in `queue` (undefined: for the namespace): the queue's rule of this name, else the
   * namespace's (docs: service-bus-sas.md). Always four signatures are made and compared.
   */
  signer(signed: {
    readonly queue: string | undefined;
    readonly name: string;
    readonly text: string;
    readonly signature: string;
  }): Credential | undefined {
    const { queue, name, text, signature } = signed;
    const right = (key: string): boolean =>
      equalSecrets(createHmac('sha256', key).update(text).digest('base64'), signature);
    const ofQueue = usedKey(queue === undefined ? undefined : this.find(queue, name), right);
    const ofNamespace = usedKey(this.find(undefined, name), right);
    return ofQueue ?? ofNamespace;
  }

  /** All rules of this name whose key is `password`; every key of every rule is compared. */
  holders(name: string, password: string): Credential[] {
    const found: Credential[] = [];
    for (const rule of this.#rules.values()) {
      const credential = usedKey(rule, (key) => equalSecrets(key, password));
      if (credential && rule.name === name) found.push(credential);
    }
    return found;
  }
}

/** The rule's key that is `right`; both are tried, and stand-ins where there is none. */
function usedKey(rule: AccessRule | undefined, right: (key: string) => boolean): Credential | undefined {
  const primary = right(rule?.primaryKey ?? NO_KEY);
  const secondary = right(rule?.secondaryKey ?? NO_KEY);
  if (rule && primary) return { rule, key: rule.primaryKey };
  if (rule?.secondaryKey !== undefined && secondary) return { rule, key: rule.secondaryKey };
  return undefined;
}

const scopeOf = (queue: string | undefined): string => queue?.toLowerCase() ?? '';
const keyOf = (queue: string | undefined, name: string): string => `${scopeOf(queue)}\n${name}`;
const describeScope = (queue: string | undefined): string =>
  queue === undefined ? 'the namespace' : `queue '${queue}'`;

/**
 * The rules by scope and name, if they can be in force together.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`
 */
export function checkedRules(rules: readonly AccessRule[]): ReadonlyMap<string, AccessRule> {
  const checked = new Map<string, AccessRule>();
  const perScope = new Map<string, number>();
  for (const rule of rules) {
    checkRule(rule);
    const { name, queue } = rule;
    const scope = scopeOf(queue);
    const count = (perScope.get(scope) ?? 0) + 1;
    perScope.set(scope, count);
    if (count > LIMITS.rulesPerEntity)
      throw invalid(
        `${describeScope(queue)} has more than ${LIMITS.rulesPerEntity} access rules${queue === undefined ? ', the root rule among them' : ''}: remove some`,
      );
    const key = keyOf(queue, name);
    if (checked.has(key))
      throw invalid(
        name === ROOT_RULE_NAME && queue === undefined
          ? `the namespace always has the access rule '${name}', with all rights: give its key (RETRAIN_ACCESS_KEY), not the rule`
          : `access rule '${name}' is given twice for ${describeScope(queue)}: give it once, with all its rights`,
      );
    checked.set(key, rule);
  }
  if (checked.size > LIMITS.accessRules)
    throw invalid(`${checked.size} access rules are over the limit of ${LIMITS.accessRules}: remove some`);
  return checked;
}

function checkRule({ name, queue, rights, primaryKey, secondaryKey }: AccessRule): void {
  if (!NAME.test(name))
    throw invalid(
      `the name of access rule '${name}' must have 1 to 50 letters, digits, periods, hyphens and underscores, and begin with a letter or digit`,
    );
  if (queue === '') throw invalid(`access rule '${name}' is for a queue without a name: name it, or leave it away`);
  if (rights.length === 0) throw invalid(`access rule '${name}' has no rights: give Send, Listen or Manage`);
  for (const [field, key] of [
    ['primary', primaryKey],
    ['secondary', secondaryKey],
  ] as const)
    if (key !== undefined && !KEY.test(key) && !(name === ROOT_RULE_NAME && key === EMULATOR_KEY))
      throw invalid(
        `the ${field} access key of rule '${name}' must have at least 16 and at most 256 printable ASCII characters, without space and semicolon. Make one with: openssl rand -base64 32`,
      );
}

function invalid(message: string): RetrainError {
  return new RetrainError('CONFIGURATION_INVALID', message);
}
