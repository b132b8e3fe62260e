import { RetrainError } from '../../errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { AccessAdmin } from '../access-admin.ts';
import type { EntityAdmin } from '../entity-admin.ts';
import { LIMITS } from '../limits.ts';
import { shutDown } from '../shut-down.ts';
import { NamespaceFile } from './namespace-file.ts';
import type { NamespaceRecord } from './namespace-record.ts';
import { OperationTable } from './operation-table.ts';
import type { Outcome } from './operation-table.ts';
import { ArmRefusal } from './refusal.ts';

/**
 * Where the namespace stands. `creating`: its file is being written; `active`: it is durable; `failed`: its file could not be written, so a restart will
 * not know it, and it can be made again; `deleting`: that it goes is durable, and its queues and topics are going. Only `#enter` changes it.
 *
 * none → creating → active → deleting → none; creating → failed → creating
 */
type State =
  | { readonly kind: 'none' }
  | { readonly kind: 'creating' | 'active' | 'failed'; readonly record: NamespaceRecord }
  /** `operation`: undefined when the deletion has stopped half-way, which another DELETE takes up. */
  | { readonly kind: 'deleting'; readonly record: NamespaceRecord; readonly operation: string | undefined };

/** A namespace as it is shown. */
export interface KeptNamespace {
  readonly record: NamespaceRecord;
  readonly state: Exclude<State['kind'], 'none'>;
}

interface KeeperOptions {
  readonly dataFolder: string;
  readonly admin: EntityAdmin;
  readonly access: AccessAdmin;
  readonly clock: Clock;
  readonly random: Random;
  readonly onFault: (fault: unknown) => void;
}

/** The one namespace of this broker, as far as Azure Resource Manager knows it. Changes come one after the other. */
export class NamespaceKeeper {
  readonly #file: NamespaceFile;
  readonly #admin: EntityAdmin;
  readonly #access: AccessAdmin;
  readonly #onFault: (fault: unknown) => void;
  readonly #operations: OperationTable;
  #state: State = { kind: 'none' };
  /** The last change; one follows the other. */
  #changing: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(options: KeeperOptions) {
    this.#file = new NamespaceFile(options.dataFolder);
    this.#admin = options.admin;
    this.#access = options.access;
    this.#onFault = options.onFault;
    this.#operations = new OperationTable(options);
  }

  /** Reads what is kept; a deletion that was under way goes on. @throws RetrainError `DATA_CORRUPT`, `DATA_VERSION` */
  static async open(options: KeeperOptions): Promise<NamespaceKeeper> {
    const keeper = new NamespaceKeeper(options);
    const record = await keeper.#file.read();
    if (record?.deleting) keeper.#goOnDeleting(record);
    else if (record) keeper.#enter({ kind: 'active', record });
    return keeper;
  }

  get current(): KeptNamespace | undefined {
    const state = this.#state;
    return state.kind === 'none' ? undefined : { record: state.record, state: state.kind };
  }

  /** Refuses further changes. Resolves when none is under way; a deletion that has begun comes to its end. */
  async close(): Promise<void> {
    this.#closed = true;
    for (let last: Promise<unknown> | undefined; last !== this.#changing;) {
      last = this.#changing;
      await last;
    }
  }

  /**
   * Begins to make the namespace; there must be none, or one that has failed. `current` tells when it is durable.
   *
   * @throws RetrainError `INTERRUPTED`
   */
  create(record: NamespaceRecord): void {
    this.#mustBeOpen();
    this.#enter({ kind: 'creating', record });
    this.#inTurn(async () => {
      await this.#file.write(record);
      this.#enter({ kind: 'active', record });
    }).catch((error: unknown) => {
      this.#enter({ kind: 'failed', record });
      this.#onFault(error);
    });
  }

  /** `change` of the namespace as it is then, durably. @throws RetrainError what `change` says, `DISK_FULL`, `DISK_FAILED`, `INTERRUPTED` */
  async update(change: (record: NamespaceRecord) => NamespaceRecord): Promise<NamespaceRecord> {
    this.#mustBeOpen();
    return this.#inTurn(async () => {
      const state = this.#state;
      if (state.kind !== 'active')
        throw new ArmRefusal('Conflict', 'The namespace is being made or deleted; try again when that is done.');
      const record = change(state.record);
      await this.#file.write(record);
      this.#enter({ kind: 'active', record });
      return record;
    });
  }

  /**
   * Begins to delete the namespace with all queues and topics; that it goes is durable when the promise resolves, to the id of the operation. Who asks
   * again while it goes gets the same. Undefined: there is none any more.
   *
   * @throws RetrainError `DISK_FULL`, `DISK_FAILED`, `INTERRUPTED`
   */
  async delete(): Promise<string | undefined> {
    const state = this.#state;
    if (state.kind === 'deleting' && state.operation !== undefined) return state.operation;
    this.#mustBeOpen();
    return this.#inTurn(async () => {
      const now = this.#state;
      if (now.kind === 'none') return undefined;
      if (now.kind === 'deleting') return now.operation ?? this.#goOnDeleting(now.record);
      const record: NamespaceRecord = { ...now.record, deleting: true };
      await this.#file.write(record);
      return this.#goOnDeleting(record);
    });
  }

  outcomeOf(operation: string): Outcome | undefined {
    return this.#operations.outcomeOf(operation);
  }

  #goOnDeleting(record: NamespaceRecord): string {
    const operation = this.#operations.begin();
    this.#enter({ kind: 'deleting', record, operation });
    this.#inTurn(async () => {
      await this.#deleteEntities();
      await this.#access.clearNamespace();
      await this.#file.remove();
      this.#enter({ kind: 'none' });
      this.#operations.end(operation, { state: 'succeeded' });
    }).catch((why: unknown) => {
      this.#enter({ kind: 'deleting', record, operation: undefined });
      this.#operations.end(operation, { state: 'failed', why });
      // A broker that shuts down goes on with it at its next start.
      if (!(why instanceof RetrainError && why.code === 'INTERRUPTED')) this.#onFault(why);
    });
    return operation;
  }

  /** Also those that clients make meanwhile, by other doors, but not for ever. */
  async #deleteEntities(): Promise<void> {
    const { queues, topics } = this.#admin;
    for (let round = 0; round < LIMITS.namespaceDeletionRounds; round++) {
      const gone = [
        ...topics.list().map(({ description }) => deleted(topics.delete(description.name))),
        ...queues.names.map((name) => deleted(queues.delete(name))),
      ];
      if (gone.length === 0) return;
      await Promise.all(gone);
    }
    throw new RetrainError(
      'BROKER_REFUSED',
      'queues or topics are made as fast as they are deleted; stop who makes them, and delete the namespace again',
    );
  }

  #mustBeOpen(): void {
    if (this.#closed) throw shutDown();
  }

  #enter(state: State): void {
    this.#state = state;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#changing.then(work);
    this.#changing = turn.catch(() => undefined);
    return turn;
  }
}

/** It may have gone by itself, or by another client. */
async function deleted(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof RetrainError && error.code === 'ENTITY_NOT_FOUND')) throw error;
  }
}
