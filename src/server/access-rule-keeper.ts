import { RetrainError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { rootRule } from './access-rule.ts';
import type { AccessRule } from './access-rule.ts';
import { AccessRuleFile } from './access-rule-file.ts';
import type { StoredRule } from './access-rule-file.ts';
import type { AccessRuleSpec } from './access-rule-spec.ts';
import { checkedRules } from './access-rules.ts';
import type { EntityAccess, GivenRule } from './entity-access.ts';

/** Bytes of a generated key; Service Bus has 32, too. */
const KEY_BYTES = 32;

interface KeeperOptions {
  readonly dataFolder: string;
  /** Declared at the start, besides the root rule. */
  readonly rules: readonly AccessRuleSpec[];
  /** Primary and only key of the root rule; absent: a kept one. */
  readonly rootKey: string | undefined;
  readonly random: Random;
  readonly clock: Clock;
  /** When a queue or topic was made, in milliseconds of the wall clock; undefined when there is none of this name. */
  readonly bornMs: (entity: string) => number | undefined;
  /** Other rules are in force from now on. */
  readonly onChanged: (rules: readonly AccessRule[]) => void;
  readonly onFault: (fault: unknown) => void;
}

/**
 * The rules that are wanted, with keys, and the root rule before them: those that were declared at the start, and those that were given to queues and
 * topics since. Generated keys are made once and kept in `access-rules.json`. A declared rule that is declared no longer is not in force, but its
 * keys stay in the file, so that they are the same should it be wanted again; a rule that was given goes with its entity. Keys that are declared
 * with a rule are used instead of kept ones, and never stored.
 */
export class AccessRuleKeeper implements EntityAccess {
  readonly #options: KeeperOptions;
  readonly #file: AccessRuleFile;
  #kept: ReadonlyMap<string, StoredRule>;
  /** Of the rules declared for entities that still exist. */
  readonly #declared: Map<string, AccessRuleSpec>;
  #rules: readonly AccessRule[] = [];
  #changed = false;
  /** The last write; one follows the other. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(options: KeeperOptions, file: AccessRuleFile, kept: ReadonlyMap<string, StoredRule>) {
    this.#options = options;
    this.#file = file;
    this.#kept = kept;
    this.#declared = new Map(options.rules.map((rule) => [keyOf(rule), rule]));
  }

  /**
   * Reads what is kept, and makes what is missing. The caller checks the rules, and calls `save` before anybody may use them.
   *
   * @throws RetrainError `DATA_CORRUPT`, `DATA_VERSION`
   */
  static async open(options: KeeperOptions): Promise<AccessRuleKeeper> {
    const file = new AccessRuleFile(options.dataFolder);
    const stored = await file.read();
    const keeper = new AccessRuleKeeper(options, file, new Map(stored.map((rule) => [keyOf(rule), rule])));
    const formerKey = stored.length === 0 ? await file.readFormerKey() : undefined;
    if (formerKey !== undefined) keeper.#keep(rootRule(formerKey));
    keeper.#begin();
    return keeper;
  }

  /** In force. */
  get rules(): readonly AccessRule[] {
    return this.#rules;
  }

  /** Durably, if anything is new. */
  async save(): Promise<void> {
    if (!this.#changed) return;
    await this.#file.write([...this.#kept.values()]);
    this.#changed = false;
  }

  rulesOf(entity: string): readonly AccessRule[] {
    return this.#rules.filter((rule) => isOf(rule, entity));
  }

  check(entity: string, given: readonly GivenRule[]): void {
    this.#with(entity, given);
  }

  replace(entity: string, given: readonly GivenRule[]): Promise<void> {
    return this.#inTurn(async () => {
      const next = this.#with(entity, given);
      if (given.length === 0 && this.rulesOf(entity).length === 0) return;
      await this.#file.write([...next.kept.values()]);
      this.#kept = next.kept;
      if (this.#options.bornMs(entity) === undefined)
        throw new RetrainError('ENTITY_NOT_FOUND', `there is no queue or topic '${entity}' any more`);
      this.#enforce(next.rules);
    });
  }

  /** The entity is gone, and whoever has its name next begins without its rules. */
  forget(entity: string): void {
    for (const [key, rule] of this.#declared) if (isOf(rule, entity)) this.#declared.delete(key);
    this.#rules = this.#rules.filter((rule) => !isOf(rule, entity));
    this.#inTurn(async () => {
      const kept = new Map([...this.#kept].filter(([, rule]) => !rule.given || !isOf(rule, entity)));
      if (kept.size === this.#kept.size) return;
      await this.#file.write([...kept.values()]);
      this.#kept = kept;
    }).catch(this.#options.onFault);
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  #begin(): void {
    const { rules, rootKey } = this.#options;
    const root = rootKey === undefined ? this.#withKeys(rootRule('')) : rootRule(rootKey);
    const declared = rules.map((rule) => {
      const { primaryKey } = rule;
      return primaryKey === undefined ? this.#withKeys(rule) : { ...rule, primaryKey };
    });
    const given: AccessRule[] = [];
    for (const [key, rule] of this.#kept) {
      if (!rule.given || rule.queue === undefined) continue;
      if (this.#options.bornMs(rule.queue) !== rule.given.entityMs) this.#lose(key);
      else if (!this.#declared.has(key)) given.push(ruleOf(rule));
    }
    this.#rules = [root, ...declared, ...given];
  }

  /** `rule` with its kept keys, which are made when there are none. */
  #withKeys(rule: AccessRuleSpec): AccessRule {
    const kept = this.#kept.get(keyOf(rule));
    const { primaryKey = this.#newKey(), secondaryKey = this.#newKey() } = kept ?? {};
    const { name, queue, rights } = rule;
    const whole = { name, ...(queue === undefined ? {} : { queue }), rights, primaryKey, secondaryKey };
    if (!kept || kept.rights.join() !== rights.join()) this.#keep(whole);
    return whole;
  }

  #keep(rule: AccessRule): void {
    const { name, queue, rights, primaryKey, secondaryKey = this.#newKey() } = rule;
    const given = this.#kept.get(keyOf(rule))?.given;
    const stored: StoredRule = {
      name,
      ...(queue === undefined ? {} : { queue }),
      rights: [...rights],
      primaryKey,
      secondaryKey,
      ...(given ? { given } : {}),
    };
    this.#kept = new Map(this.#kept).set(keyOf(rule), stored);
    this.#changed = true;
  }

  #lose(key: string): void {
    this.#kept = new Map([...this.#kept].filter(([other]) => other !== key));
    this.#changed = true;
  }

  /** All rules, and what is kept, when `given` are the rules of `entity`. @throws RetrainError `CONFIGURATION_INVALID` */
  #with(entity: string, given: readonly GivenRule[]): { rules: AccessRule[]; kept: Map<string, StoredRule> } {
    const rules = this.#rules.filter((rule) => !isOf(rule, entity));
    const kept = new Map([...this.#kept].filter(([, rule]) => !rule.given || !isOf(rule, entity)));
    const declared = new Map([...this.#declared].filter(([, rule]) => isOf(rule, entity)));
    for (const rule of given) {
      const key = keyOf({ name: rule.name, queue: entity });
      const spec = declared.get(key);
      declared.delete(key);
      if (spec) mustAgree(spec, rule);
      if (spec?.primaryKey !== undefined) rules.push({ ...spec, primaryKey: spec.primaryKey });
      else {
        const stored = spec ? this.#rekeyed(entity, rule) : this.#given(entity, rule);
        rules.push(ruleOf(stored));
        kept.set(key, stored);
      }
    }
    for (const { name } of declared.values())
      throw invalid(
        `access rule '${name}' of '${entity}' is declared at the start (--access-rule), so it cannot be left out here; start the broker without it`,
      );
    checkedRules(rules);
    return { rules, kept };
  }

  /** A rule that was declared, with the keys that are wanted for it now. */
  #rekeyed(entity: string, { name, rights, primaryKey, secondaryKey }: GivenRule): StoredRule {
    const former = this.#kept.get(keyOf({ name, queue: entity }));
    return {
      name,
      queue: entity,
      rights: [...rights],
      primaryKey: primaryKey ?? former?.primaryKey ?? this.#newKey(),
      secondaryKey: secondaryKey ?? former?.secondaryKey ?? this.#newKey(),
      ...(former?.given ? { given: former.given } : {}),
    };
  }

  #given(entity: string, rule: GivenRule): StoredRule {
    const former = this.#kept.get(keyOf({ name: rule.name, queue: entity }));
    const stored = this.#rekeyed(entity, rule);
    const nowMs = this.#options.clock.wallMs();
    const { createdAtMs = nowMs, modifiedAtMs = nowMs } = former?.given ?? {};
    const same = former !== undefined && textOf(former) === textOf(stored);
    const entityMs = this.#options.bornMs(entity) ?? 0;
    return { ...stored, given: { entityMs, createdAtMs, modifiedAtMs: same ? modifiedAtMs : nowMs } };
  }

  #newKey(): string {
    return this.#options.random.bytes(KEY_BYTES).toString('base64');
  }

  #enforce(rules: readonly AccessRule[]): void {
    this.#rules = rules;
    this.#options.onChanged(rules);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#writing.then(work);
    this.#writing = turn.catch(() => undefined);
    return turn;
  }
}

const keyOf = ({ name, queue = '' }: { readonly name: string; readonly queue?: string | undefined }): string =>
  `${queue.toLowerCase()}\n${name}`;

const isOf = ({ queue }: { readonly queue?: string | undefined }, entity: string): boolean =>
  queue !== undefined && queue.toLowerCase() === entity.toLowerCase();

/** What of a rule a client can change. */
const textOf = ({ rights, primaryKey, secondaryKey }: StoredRule): string =>
  [rights.join(), primaryKey, secondaryKey].join('\n');

function ruleOf({ given, queue, ...rule }: StoredRule): AccessRule {
  const times = given ? { createdAtMs: given.createdAtMs, modifiedAtMs: given.modifiedAtMs } : {};
  return { ...rule, ...(queue === undefined ? {} : { queue }), ...times };
}

/** A declared rule has the rights, and if they are declared too, the keys that it was declared with. */
function mustAgree(declared: AccessRuleSpec, given: GivenRule): void {
  const { name, queue, rights, primaryKey } = declared;
  const sorted = (list: readonly string[]): string => list.toSorted().join();
  const where = `access rule '${name}' of '${queue}' is declared at the start (--access-rule)`;
  if (sorted(rights) !== sorted(given.rights))
    throw invalid(`${where} with the rights ${rights.join()}, not ${given.rights.join()}; change it there`);
  if (primaryKey !== undefined && given.primaryKey !== undefined && given.primaryKey !== primaryKey)
    throw invalid(`${where} with a key of its own; change it there`);
}

function invalid(said: string): RetrainError {
  return new RetrainError('CONFIGURATION_INVALID', said);
}
