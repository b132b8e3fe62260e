import type {
  ServiceBusClient,
  ServiceBusMessage,
  ServiceBusReceiver,
  ServiceBusSender,
  ServiceBusSessionReceiver,
} from '@azure/service-bus';
import { isServiceBusError } from '@azure/service-bus';
import { RetrainError } from '../../errors.ts';
import { pause } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { closeClient, createClient } from '../connection.ts';
import type { Connection } from '../connection.ts';
import { sendAtOnce } from './prompt-socket.ts';
import type { NextSession, SessionSource } from './session-link.ts';

/** Beyond its limit, how long an accept may take before the client counts as stuck and is replaced. */
const STUCK_MARGIN_MS = 10_000;

/** The lock is kept by the lock keeper; the client's own renewal gives up after one failed try. */
const RECEIVER_OPTIONS = { receiveMode: 'peekLock', maxAutoLockRenewalDurationInMs: 0 } as const;

/** What the client makes of a session that is asked of a queue without any; it has no code of its own for that. */
const SESSION_REFUSALS: ReadonlySet<string> = new Set(['GeneralError', 'SessionCannotBeLocked']);

export interface WorkerConnectionOptions {
  readonly connection: Connection;
  readonly queue: string;
  /** How long the broker may hold an accept of the next session, and the limit of every other operation, milliseconds. */
  readonly operationMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * The worker's official client. It tries nothing again by itself: its own retries would hold a slot for minutes, and hide
 * from the lock keeper how much of the lock is left.
 */
export class WorkerConnection implements SessionSource {
  readonly #connection: Connection;
  readonly #queue: string;
  readonly #operationMs: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #senders = new Map<string, ServiceBusSender>();
  #client: ServiceBusClient;
  #receiver: ServiceBusReceiver | undefined;

  constructor(options: WorkerConnectionOptions) {
    this.#connection = options.connection;
    this.#queue = options.queue;
    this.#operationMs = options.operationMs;
    this.#clock = options.clock;
    this.#random = options.random;
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

  /** Of a queue without sessions. */
  receiver(): ServiceBusReceiver {
    this.#receiver ??= this.#client.createReceiver(this.#queue, RECEIVER_OPTIONS);
    sendAtOnce(this.#client);
    return this.#receiver;
  }

  /**
   * Whether the queue has sessions; raises what is wrong with broker, key or queue. It asks for a session that is in nobody's
   * way: no model can have its name.
   */
  async hasSessions(): Promise<boolean> {
    await this.receiver().peekMessages(1);
    try {
      const session = await this.accept(`/check-${this.#random.bytes(8).toString('hex')}`);
      await session.close();
      return true;
    } catch (error) {
      if (isServiceBusError(error) && SESSION_REFUSALS.has(error.code)) return false;
      throw error;
    }
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
    this.#receiver = undefined;
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
