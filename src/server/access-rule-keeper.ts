import { RetrainError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { AccessAdmin, KeyRenewal } from './access-admin.ts';
import { rootRule } from './access-rule.ts';
import type { AccessRule } from './access-rule.ts';
import { AccessRuleFile } from './access-rule-file.ts';
import type { AccessRuleSpec } from './access-rule-spec.ts';
import { AccessRuleTable } from './access-rule-table.ts';
import type { RuleChange } from './access-rule-table.ts';
import type { GivenRule } from './entity-access.ts';
import { shutDown } from './shut-down.ts';

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

/** The access rules (`access-rule-table.ts`) and their file: what is made or changed is in `access-rules.json` before it is in force. */
export class AccessRuleKeeper implements AccessAdmin {
  readonly #options: KeeperOptions;
  readonly #file: AccessRuleFile;
  readonly #table: AccessRuleTable;
  /** The file has not what the table has. */
  #stale: boolean;
  /** The last write; one follows the other. */
  #writing: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(options: KeeperOptions, file: AccessRuleFile, table: AccessRuleTable, stale: boolean) {
    this.#options = options;
    this.#file = file;
    this.#table = table;
    this.#stale = stale;
  }

  /**
   * Reads what is kept, and makes what is missing. The caller checks the rules, and calls `save` before anybody may use them.
   *
   * @throws RetrainError `DATA_CORRUPT`, `DATA_VERSION`
   */
  static async open(options: KeeperOptions): Promise<AccessRuleKeeper> {
    const { dataFolder, random, clock } = options;
    const newKey = (): string => random.bytes(KEY_BYTES).toString('base64');
    const file = new AccessRuleFile(dataFolder);
    const stored = await file.read();
    const formerKey = stored.length === 0 ? await file.readFormerKey() : undefined;
    const former = formerKey === undefined ? undefined : { ...rootRule(formerKey), secondaryKey: newKey() };
    const { table, filled } = AccessRuleTable.from({
      ...options,
      stored: former ? [{ ...former, rights: [...former.rights] }] : stored,
      newKey,
      nowMs: () => clock.wallMs(),
    });
    return new AccessRuleKeeper(options, file, table, filled || former !== undefined);
  }

  /** In force; the root rule is the first. */
  get rules(): readonly AccessRule[] {
    return this.#table.rules;
  }

  get root(): AccessRule {
    return this.#table.root;
  }

  /** Durably, if anything is new. */
  async save(): Promise<void> {
    if (!this.#stale) return;
    this.#stale = false;
    try {
      await this.#file.write(this.#table.stored());
    } catch (error) {
      this.#stale = true;
      throw error;
    }
  }

  rulesOf(owner: string | undefined): readonly AccessRule[] {
    return this.#table.rulesOf(owner);
  }

  check(entity: string, given: readonly GivenRule[]): void {
    this.#table.plan(entity, given);
  }

  replace(entity: string, given: readonly GivenRule[]): Promise<void> {
    return this.#asked(() => this.#give(entity, given));
  }

  put(owner: string | undefined, rule: GivenRule): Promise<AccessRule> {
    return this.#asked(async () => {
      const rules = this.rulesOf(owner);
      const former = rules.find(({ name }) => name === rule.name);
      const wanted = former ? { ...former, ...rule } : rule;
      await this.#give(owner, former ? rules.map((other) => (other === former ? wanted : other)) : [...rules, wanted]);
      return this.#mustFind(owner, rule.name);
    });
  }

  delete(owner: string | undefined, name: string): Promise<boolean> {
    return this.#asked(async () => {
      const rules = this.rulesOf(owner);
      const others = rules.filter((rule) => rule.name !== name);
      if (others.length === rules.length) return false;
      await this.#give(owner, others);
      return true;
    });
  }

  renewKey(owner: string | undefined, name: string, { which, key }: KeyRenewal): Promise<AccessRule | undefined> {
    return this.#asked(async () => {
      const rules = this.rulesOf(owner);
      const rule = rules.find((other) => other.name === name);
      if (!rule) return undefined;
      const renewed = { ...rule, [which]: key ?? this.#newKey() };
      await this.#give(
        owner,
        rules.map((other) => (other === rule ? renewed : other)),
      );
      return this.#mustFind(owner, name);
    });
  }

  clearNamespace(): Promise<void> {
    return this.#inTurn(() => this.#carryOut(this.#table.withoutGiven(), undefined));
  }

  /** The entity is gone, and whoever has its name next begins without its rules. */
  forget(entity: string): void {
    if (this.#table.forget(entity)) this.#stale = true;
    // After what is being written, which may have been for this entity.
    this.#inTurn(() => this.save()).catch(this.#options.onFault);
  }

  /** Refuses what clients ask for. Resolves when nothing is being written. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
  }

  /** In its turn: these rules and no others are the owner's. */
  #give(owner: string | undefined, given: readonly GivenRule[]): Promise<void> {
    return this.#carryOut(this.#table.plan(owner, given), owner);
  }

  async #carryOut(change: RuleChange, owner: string | undefined): Promise<void> {
    if (this.#table.isIdle(change)) return;
    const bornMs = this.#bornMs(owner);
    await this.#file.write(this.#table.stored(change));
    if (owner !== undefined && this.#options.bornMs(owner) !== bornMs) {
      this.#stale = true;
      throw gone(owner);
    }
    this.#table.apply(change);
    this.#options.onChanged(this.#table.rules);
  }

  /** @throws RetrainError `ENTITY_NOT_FOUND` */
  #bornMs(owner: string | undefined): number | undefined {
    if (owner === undefined) return undefined;
    const bornMs = this.#options.bornMs(owner);
    if (bornMs === undefined) throw gone(owner);
    return bornMs;
  }

  #mustFind(owner: string | undefined, name: string): AccessRule {
    const rule = this.rulesOf(owner).find((other) => other.name === name);
    if (!rule) throw gone(owner ?? name);
    return rule;
  }

  #newKey(): string {
    return this.#options.random.bytes(KEY_BYTES).toString('base64');
  }

  /** What a client wants. @throws RetrainError `INTERRUPTED` when it comes too late */
  async #asked<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw shutDown();
    return this.#inTurn(work);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#writing.then(work);
    this.#writing = turn.catch(() => undefined);
    return turn;
  }
}

function gone(entity: string): RetrainError {
  return new RetrainError('ENTITY_NOT_FOUND', `there is no queue or topic '${entity}' any more`);
}
