import { ACCESS_RIGHTS, ROOT_RULE_NAME } from './access-rule.ts';
import type { AccessRule } from './access-rule.ts';
import type { StoredRule } from './access-rule-file.ts';
import type { AccessRuleSpec } from './access-rule-spec.ts';
import { checkedRules } from './access-rules.ts';
import { mustAgree, stays } from './declared-rule.ts';
import type { GivenRule } from './entity-access.ts';

interface TableOptions {
  /** As the file has them. */
  readonly stored: readonly StoredRule[];
  /** Declared at the start, besides the root rule. */
  readonly rules: readonly AccessRuleSpec[];
  /** Primary and only key of the root rule; absent: a kept one. */
  readonly rootKey: string | undefined;
  readonly newKey: () => string;
  /** Of the wall clock. */
  readonly nowMs: () => number;
  /** When a queue or topic was made, in milliseconds of the wall clock; undefined when there is none of this name. */
  readonly bornMs: (entity: string) => number | undefined;
}

/** What of the kept rules becomes other. */
export interface RuleChange {
  /** Keys of those that are taken out, before the others are put in, in their order. */
  readonly dropped: ReadonlySet<string>;
  readonly put: readonly StoredRule[];
}

/**
 * The rules that are wanted, with keys: the root rule, those that were declared at the start, and those that were given to the namespace, to queues and
 * to topics since. In memory only: a change is planned, then written by the caller, then applied.
 *
 * A declared rule that is declared no longer is not in force, but its keys stay, so that they are the same should it be wanted again; a rule that was
 * given goes with its entity. Keys that are declared with a rule are used instead of kept ones, and never stored.
 */
export class AccessRuleTable {
  readonly #options: TableOptions;
  /** By `keyOf`, as everything here. */
  readonly #kept: Map<string, StoredRule>;
  /** The root rule, and those declared for entities that still exist. */
  readonly #declared: Map<string, AccessRuleSpec>;
  /** Rules in force by what they were made from: one that stays as it is stays the same object, and its clients are not looked at again. */
  readonly #made = new WeakMap<StoredRule | AccessRuleSpec, AccessRule>();
  readonly #root: AccessRuleSpec;
  #rules: readonly AccessRule[] = [];

  /** `filled`: what the file lacks was made. */
  static from(options: TableOptions): { readonly table: AccessRuleTable; readonly filled: boolean } {
    const table = new AccessRuleTable(options);
    return { table, filled: table.#fill() };
  }

  private constructor(options: TableOptions) {
    const { stored, rules, rootKey } = options;
    this.#options = options;
    this.#kept = new Map(stored.map((rule) => [keyOf(rule), rule]));
    this.#root = {
      name: ROOT_RULE_NAME,
      rights: ACCESS_RIGHTS,
      ...(rootKey === undefined ? {} : { primaryKey: rootKey }),
    };
    this.#declared = new Map([this.#root, ...rules].map((rule) => [keyOf(rule), rule]));
  }

  /** In force; the root rule is the first. */
  get rules(): readonly AccessRule[] {
    return this.#rules;
  }

  get root(): AccessRule {
    return this.#inForce(this.#root);
  }

  rulesOf(owner: string | undefined): AccessRule[] {
    return this.#rules.filter((rule) => isOf(rule, owner));
  }

  /** What is to be in the file, `change` included. */
  stored(change?: RuleChange): StoredRule[] {
    if (!change) return [...this.#kept.values()];
    const next = new Map(this.#kept);
    applyTo(next, change);
    return [...next.values()];
  }

  /** How `given`, and no others, become the rules of `owner`. Nothing is changed yet. @throws RetrainError `CONFIGURATION_INVALID` */
  plan(owner: string | undefined, given: readonly GivenRule[]): RuleChange {
    const wanted = this.#rules.filter((rule) => !isOf(rule, owner));
    const declared = new Map([...this.#declared].filter(([, rule]) => isOf(rule, owner)));
    const put: StoredRule[] = [];
    for (const rule of given) {
      const key = keyOf({ name: rule.name, queue: owner });
      const spec = declared.get(key);
      declared.delete(key);
      if (spec) mustAgree(spec, rule);
      if (spec?.primaryKey !== undefined) wanted.push(this.#inForce(spec));
      else {
        const stored = this.#storedFor(owner, rule, { declared: spec !== undefined });
        put.push(stored);
        wanted.push(ruleOf(stored));
      }
    }
    for (const spec of declared.values()) throw stays(spec);
    checkedRules(wanted);
    const dropped = [...this.#kept].filter(([, rule]) => rule.given && isOf(rule, owner));
    return { dropped: new Set(dropped.map(([key]) => key)), put };
  }

  /** How the namespace loses what was given to it: also to rules that are declared now, so that they go when they are declared no longer. */
  withoutGiven(): RuleChange {
    const given = [...this.#kept].filter(([, rule]) => rule.given && isOf(rule, undefined));
    const declared = given.filter(([key]) => this.#declared.has(key));
    return {
      dropped: new Set(given.map(([key]) => key)),
      put: declared.map(([, { name, rights, primaryKey, secondaryKey }]) => ({
        name,
        rights,
        primaryKey,
        secondaryKey,
      })),
    };
  }

  /** Whether `change` changes nothing. */
  isIdle({ dropped, put }: RuleChange): boolean {
    const stay = new Set(put.map((rule) => keyOf(rule)));
    return put.every((rule) => this.#kept.get(keyOf(rule)) === rule) && [...dropped].every((key) => stay.has(key));
  }

  apply(change: RuleChange): void {
    applyTo(this.#kept, change);
    this.#enforce();
  }

  /** The entity is gone, and whoever has its name next begins without its rules. False when nothing was kept of them. */
  forget(entity: string): boolean {
    const before = this.#kept.size;
    for (const [key, rule] of this.#declared) if (isOf(rule, entity)) this.#declared.delete(key);
    for (const [key, rule] of this.#kept) if (rule.given && isOf(rule, entity)) this.#kept.delete(key);
    this.#enforce();
    return this.#kept.size < before;
  }

  /** Makes the keys that are missing and drops the rules of entities that are no more. False when all was well. */
  #fill(): boolean {
    let filled = false;
    for (const [key, rule] of this.#kept) {
      if (!rule.given || rule.queue === undefined) continue;
      if (this.#options.bornMs(rule.queue) === rule.given.entityMs) continue;
      this.#kept.delete(key);
      filled = true;
    }
    for (const [key, { name, queue, rights, primaryKey }] of this.#declared) {
      const kept = this.#kept.get(key);
      if (primaryKey !== undefined || kept?.rights.join() === rights.join()) continue;
      this.#kept.set(key, {
        ...(kept ?? {
          name,
          ...scopeOf(queue),
          primaryKey: this.#options.newKey(),
          secondaryKey: this.#options.newKey(),
        }),
        rights: [...rights],
      });
      filled = true;
    }
    this.#enforce();
    return filled;
  }

  #enforce(): void {
    const given = [...this.#kept].filter(([key, rule]) => rule.given && !this.#declared.has(key));
    this.#rules = [
      ...[...this.#declared.values()].map((spec) => this.#inForce(spec)),
      ...given.map(([, rule]) => this.#inForce(rule)),
    ];
  }

  /** A declared rule has the queue's name as it was declared, and unless its key was, too, the kept keys. */
  #inForce(source: StoredRule | AccessRuleSpec): AccessRule {
    const from = source.primaryKey === undefined ? this.#kept.get(keyOf(source)) : source;
    if (from?.primaryKey === undefined) throw new Error(`access rule '${source.name}' has no key`);
    const known = this.#made.get(from);
    if (known) return known;
    const made = { ...ruleOf({ ...from, primaryKey: from.primaryKey }), ...scopeOf(source.queue) };
    this.#made.set(from, made);
    return made;
  }

  /** The rule as it is to be kept; the same object when it stays as it is. */
  #storedFor(owner: string | undefined, wanted: GivenRule, { declared }: { readonly declared: boolean }): StoredRule {
    const { nowMs, bornMs, newKey } = this.#options;
    const { name, rights } = wanted;
    const former = this.#kept.get(keyOf({ name, queue: owner }));
    const rule = {
      name,
      ...scopeOf(owner),
      rights: [...rights],
      primaryKey: wanted.primaryKey ?? former?.primaryKey ?? newKey(),
      secondaryKey: wanted.secondaryKey ?? former?.secondaryKey ?? newKey(),
    };
    const inForce = former !== undefined && (declared || former.given !== undefined);
    if (inForce && textOf(former) === textOf(rule)) return former;
    if (declared) return { ...rule, ...(former?.given && { given: former.given }) };
    const entityMs = owner === undefined ? {} : { entityMs: bornMs(owner) ?? 0 };
    const modifiedAtMs = nowMs();
    return { ...rule, given: { ...entityMs, createdAtMs: former?.given?.createdAtMs ?? modifiedAtMs, modifiedAtMs } };
  }
}

const keyOf = ({ name, queue = '' }: { readonly name: string; readonly queue?: string | undefined }): string =>
  `${queue.toLowerCase()}\n${name}`;

const isOf = ({ queue }: { readonly queue?: string | undefined }, owner: string | undefined): boolean =>
  queue?.toLowerCase() === owner?.toLowerCase();

const scopeOf = (queue: string | undefined): { readonly queue?: string } => (queue === undefined ? {} : { queue });

/** What of a rule a client can change. */
const textOf = ({ rights, primaryKey, secondaryKey }: StoredRule): string =>
  [rights.join(), primaryKey, secondaryKey].join('\n');

function ruleOf(rule: StoredRule | AccessRule): AccessRule {
  if (!('given' in rule) || !rule.given) return rule as AccessRule;
  const { given, queue, ...rest } = rule;
  return { ...rest, ...scopeOf(queue), createdAtMs: given.createdAtMs, modifiedAtMs: given.modifiedAtMs };
}

function applyTo(kept: Map<string, StoredRule>, { dropped, put }: RuleChange): void {
  for (const key of dropped) kept.delete(key);
  for (const rule of put) kept.set(keyOf(rule), rule);
}
