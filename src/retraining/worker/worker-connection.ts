import type {
  ServiceBusClient,
  ServiceBusMessage,
  ServiceBusSender,
  ServiceBusSessionReceiver,
} from '@azure/service-bus';
import { isServiceBusError } from '@azure/service-bus';
import { RetrainError } from '../../errors.ts';
import { pause } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { closeClient, createClient } from '../connection.ts';
import type { Connection } from '../connection.ts';
import { sendAtOnce } from './prompt-socket.ts';

/** Beyond its limit, how long an accept may take before the client counts as stuck and is replaced. */
const STUCK_MARGIN_MS = 10_000;

/** The lock is kept by the lock keeper; the client's own renewal gives up after one failed try. */
const RECEIVER_OPTIONS = { receiveMode: 'peekLock', maxAutoLockRenewalDurationInMs: 0 } as const;

export interface WorkerConnectionOptions {
  readonly connection: Connection;
  readonly queue: string;
  /** How long the broker may hold an accept of the next session, and the limit of every other operation, milliseconds. */
  readonly operationMs: number;
  readonly clock: Clock;
}

export type NextSession =
  | { readonly kind: 'session'; readonly receiver: ServiceBusSessionReceiver }
  /** No session has anything to do. */
  | { readonly kind: 'idle' };

/**
 * The worker's official client. It tries nothing again by itself: its own retries would hold a slot for minutes, and hide
 * from the lock keeper how much of the lock is left.
 */
export class WorkerConnection {
  readonly #connection: Connection;
  readonly #queue: string;
  readonly #operationMs: number;
  readonly #clock: Clock;
  readonly #senders = new Map<string, ServiceBusSender>();
  #client: ServiceBusClient;

  constructor(options: WorkerConnectionOptions) {
    this.#connection = options.connection;
    this.#queue = options.queue;
    this.#operationMs = options.operationMs;
    this.#clock = options.clock;
    this.#client = this.#open();
  }

  /** Limit of an operation, milliseconds. */
  get operationMs(): number {
    return this.#operationMs;
  }

  /**
   * Waits for the next session that has something to do; raises whatever the client raises, `UNREACHABLE` when it is stuck.
   * There is no way to cancel it: a client that is closed meanwhile keeps the process alive for another minute.
   */
  async acceptNext(): Promise<NextSession> {
    const limitMs = this.#operationMs + STUCK_MARGIN_MS;
    const ended = new AbortController();
    const client = this.#client;
    const accepted = client.acceptNextSession(this.#queue, RECEIVER_OPTIONS).then(
      (receiver): NextSession => {
        sendAtOnce(client);
        return { kind: 'session', receiver };
      },
      (error: unknown): NextSession => {
        if (isIdle(error)) return { kind: 'idle' };
        throw error;
      },
    );
    const stuck = pause(this.#clock, limitMs, ended.signal).then((): NextSession => {
      if (ended.signal.aborted) return { kind: 'idle' };
      throw new RetrainError('UNREACHABLE', `no session was accepted or refused within ${limitMs} ms`);
    });
    try {
      return await Promise.race([accepted, stuck]);
    } finally {
      ended.abort();
      accepted.catch(() => undefined);
    }
  }

  async accept(model: string): Promise<ServiceBusSessionReceiver> {
    const client = this.#client;
    const receiver = await client.acceptSession(this.#queue, model, RECEIVER_OPTIONS);
    sendAtOnce(client);
    return receiver;
  }

  async send(entity: string, message: ServiceBusMessage): Promise<void> {
    let sender = this.#senders.get(entity);
    if (!sender) {
      sender = this.#client.createSender(entity);
      this.#senders.set(entity, sender);
    }
    await sender.sendMessages(message);
  }

  /** A new client in place of one that is stuck; sessions of the old one are lost and accepted again over the new one. */
  async replace(): Promise<void> {
    const old = this.#client;
    this.#senders.clear();
    this.#client = this.#open();
    await closeClient(old, { clock: this.#clock });
  }

  async close(): Promise<void> {
    await closeClient(this.#client, { clock: this.#clock });
  }

  #open(): ServiceBusClient {
    return createClient(this.#connection, { retry: { maxRetries: 0, timeoutInMs: this.#operationMs } });
  }
}

/** The broker had no session to give: the refusal that the protocol has for it, not a fault. */
function isIdle(error: unknown): boolean {
  return isServiceBusError(error) && (error.code === 'ServiceTimeout' || error.code === 'SessionCannotBeLocked');
}
