import type { Transaction } from '../broker/index.ts';
import { RetrainError } from '../errors.ts';
import { failure } from './error-mapping.ts';
import type { Failure } from './error-mapping.ts';
import { LIMITS } from './limits.ts';
import type { Service } from './service.ts';

const ID_BYTES = 16;

/** The open transactions of one connection, by the ids that clients name them by (AMQP 1.0, 4.2). */
export class Transactions {
  readonly #service: Service;
  readonly #open = new Map<string, { readonly transaction: Transaction; readonly controller: object }>();

  constructor(service: Service) {
    this.#service = service;
  }

  /** The new transaction's id; it is rolled back when its controller goes. */
  declare(controller: object): Buffer | Failure {
    if (this.#open.size >= LIMITS.transactionsPerConnection)
      return failure(
        'amqp:resource-limit-exceeded',
        `A connection may have ${LIMITS.transactionsPerConnection} transactions at a time; commit some or roll them back.`,
      );
    const id = this.#service.random.bytes(ID_BYTES);
    this.#open.set(keyOf(id), { transaction: this.#service.namespace.beginTransaction(), controller });
    return id;
  }

  find(id: Buffer): Transaction | Failure {
    return this.#open.get(keyOf(id))?.transaction ?? unknownId();
  }

  /** An operation was refused whose client does not want to hear of it: the transaction cannot be committed any more. */
  doom(id: Buffer, refusal: Failure): void {
    this.#open.get(keyOf(id))?.transaction.doom(new RetrainError('ARGUMENT_INVALID', refusal.description));
  }

  /** Whatever becomes of the transaction, its id is unknown from now on. */
  take(id: Buffer): Transaction | Failure {
    const found = this.find(id);
    this.#open.delete(keyOf(id));
    return found;
  }

  /** The link that controls some transactions has gone (4.3): they are rolled back. */
  rollBackOf(controller: object): void {
    for (const [key, open] of this.#open) {
      if (open.controller !== controller) continue;
      this.#open.delete(key);
      open.transaction.rollBack();
    }
  }
}

export function isFailure(found: object): found is Failure {
  return 'condition' in found;
}

function keyOf(id: Buffer): string {
  return id.toString('latin1');
}

function unknownId(): Failure {
  return failure(
    'amqp:transaction:unknown-id',
    'There is no transaction with this id on the connection: it was committed, rolled back, or declared elsewhere.',
  );
}
