import type { ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { RetrainError } from '../../errors.ts';
import { pause } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Files } from '../../runtime/files.ts';
import { readModelEvent } from '../envelope.ts';
import { HELD_MAX, HeldMessages } from './held-messages.ts';
import { LocalLedgers } from './local-ledgers.ts';
import { PlainLink } from './plain-link.ts';
import { messageOf } from './session-errors.ts';
import type { NextSession, SessionSource } from './session-link.ts';
import type { WorkerConnection } from './worker-connection.ts';
import type { WorkerLog } from './worker-log.ts';

type Received = ServiceBusReceivedMessage;

/** Messages received at once, after the first: what may become one plan. */
const RECEIVE_MAX = 128;
/** How long to wait for the rest of what a peek has shown: others than this worker may have taken it. */
const REST_WAIT_MS = 250;
/** Beyond its limit, how long a receive may take before the client counts as stuck and is replaced. */
const STUCK_MARGIN_MS = 10_000;
/** Service Bus cuts a dead letter's description at this length. */
const DESCRIPTION_MAX_LENGTH = 4096;

export interface PlainSessionsOptions {
  readonly connection: WorkerConnection;
  /** Folder of the ledgers. */
  readonly folder: string;
  /** How long an idle accept waits, milliseconds. */
  readonly waitMs: number;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: WorkerLog;
}

/**
 * Makes sessions of a queue that has none: messages are received under locks of their own, and given to slots model by model.
 * What a broker's session guarantees for all workers, one run at a time and one ledger, this can only guarantee for the one
 * process that has the ledgers' folder: see docs/plain-queues.md.
 */
export class PlainSessions implements SessionSource {
  readonly #options: PlainSessionsOptions;
  readonly #held: HeldMessages;
  readonly #links = new Map<string, PlainLink>();
  /** Models in the order in which they had a slot, the last one last. */
  readonly #turns = new Map<string, number>();
  #turn = 0;
  #opening: Promise<LocalLedgers> | undefined;
  #receiving: Promise<void> | undefined;
  #receivingUntilMs = 0;

  constructor(options: PlainSessionsOptions) {
    this.#options = options;
    this.#held = new HeldMessages(options);
  }

  /** Raises `DATA_LOCKED` while another process has the ledgers. */
  async acceptNext(): Promise<NextSession> {
    const ledgers = await this.#ledgers();
    if (this.#ready() === undefined) await this.#receiveMore(this.#options.waitMs);
    const model = this.#ready();
    if (model === undefined) return { kind: 'idle' };
    return { kind: 'session', receiver: this.#open(model, ledgers) };
  }

  async accept(model: string): Promise<PlainLink> {
    const ledgers = await this.#ledgers();
    if (this.#links.has(model))
      throw new RetrainError('LOCK_LOST', `another slot of this worker has ${model}: wait until it is released`);
    return this.#open(model, ledgers);
  }

  /** What came over the old client cannot be settled over the new one: it is delivered again when its locks expire. */
  async replace(): Promise<void> {
    this.#held.clear();
    this.#receiving = undefined;
    for (const link of this.#links.values()) await link.close();
    await this.#options.connection.replace();
  }

  async close(): Promise<void> {
    await this.#held.giveBack();
    const ledgers = await this.#opening?.catch(() => undefined);
    await ledgers?.close();
  }

  #ledgers(): Promise<LocalLedgers> {
    const { folder, files } = this.#options;
    this.#opening ??= LocalLedgers.open(folder, files).catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  /** The model with messages at hand that no slot has, and that had a slot longest ago. */
  #ready(): string | undefined {
    const free = [...this.#held.models()].filter((model) => !this.#links.has(model));
    const turnOf = (model: string): number => this.#turns.get(model) ?? 0;
    return free.sort((a, b) => turnOf(a) - turnOf(b))[0];
  }

  #open(model: string, ledgers: LocalLedgers): PlainLink {
    const { clock, connection } = this.#options;
    const link = new PlainLink({
      model,
      ledgers,
      held: this.#held,
      receiver: () => connection.receiver(),
      receiveMore: (waitMs) => this.#receiveMore(waitMs),
      onClose: (closed) => this.#closed(closed),
      clock,
    });
    this.#links.set(model, link);
    return link;
  }

  #closed(link: PlainLink): void {
    const { sessionId: model } = link;
    if (this.#links.get(model) === link) this.#links.delete(model);
    this.#turns.delete(model);
    if (this.#held.models().has(model)) this.#turns.set(model, ++this.#turn);
  }

  /** All slots that wait, wait for the same, each only as long as it wants to. Raises `UNREACHABLE` when the client is stuck. */
  async #receiveMore(waitMs: number): Promise<void> {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    if (!this.#receiving) this.#begin(waitMs, nowMs);
    else if (nowMs > this.#receivingUntilMs + STUCK_MARGIN_MS) {
      this.#receiving = undefined;
      throw new RetrainError('UNREACHABLE', `nothing was received or refused within ${waitMs + STUCK_MARGIN_MS} ms`);
    }
    const ended = new AbortController();
    await Promise.race([this.#receiving, pause(clock, waitMs, ended.signal)]).finally(() => ended.abort());
  }

  #begin(waitMs: number, nowMs: number): void {
    const receiving = this.#receive(waitMs).finally(() => {
      if (this.#receiving === receiving) this.#receiving = undefined;
    });
    this.#receiving = receiving;
    this.#receivingUntilMs = nowMs + waitMs;
  }

  async #receive(waitMs: number): Promise<void> {
    const room = HELD_MAX - this.#held.size;
    if (room <= 0) return;
    const receiver = this.#options.connection.receiver();
    const [first] = await receiver.receiveMessages(1, { maxWaitTimeInMs: waitMs });
    if (!first) return;
    await this.#hold(first, receiver);
    // For what is not there, the client would wait another second.
    const from = first.sequenceNumber?.add(1);
    if (room === 1 || !from) return;
    const behind = await receiver.peekMessages(1, { fromSequenceNumber: from });
    if (behind.length === 0) return;
    const rest = await receiver.receiveMessages(Math.min(room - 1, RECEIVE_MAX), { maxWaitTimeInMs: REST_WAIT_MS });
    for (const message of rest) await this.#hold(message, receiver);
  }

  async #hold(message: Received, receiver: ServiceBusReceiver): Promise<void> {
    const read = readModelEvent(message);
    if (read.kind !== 'invalid') this.#held.add({ message, model: read.event.subject, receiver });
    else await this.#refuse(message, { receiver, description: read.reason.slice(0, DESCRIPTION_MAX_LENGTH) });
  }

  /** What cannot be read belongs to no model. */
  async #refuse(
    message: Received,
    { receiver, description }: { receiver: ServiceBusReceiver; description: string },
  ): Promise<void> {
    const { log } = this.#options;
    const reason = 'InvalidRequest';
    const { messageId } = message;
    try {
      await receiver.deadLetterMessage(message, {
        deadLetterReason: reason,
        deadLetterErrorDescription: description,
      });
      log({
        fact: 'dead-lettered',
        model: '?',
        reason,
        description,
        ...(typeof messageId === 'string' && { messageId }),
      });
    } catch (error) {
      log({ fact: 'settlement-failed', model: '?', reason: messageOf(error) });
    }
  }
}
