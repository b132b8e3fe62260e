import type { ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { RetrainError } from '../../errors.ts';
import { pause, systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { systemRandom } from '../../runtime/random.ts';
import type { Random } from '../../runtime/random.ts';
import { backoffMs } from '../backoff.ts';
import type { Backoff } from '../backoff.ts';
import { clipText } from '../clipped-text.ts';
import { checkedConnection, closeClient, createClient, toRetrainError } from '../connection.ts';
import type { Connection, Target } from '../connection.ts';
import type { RetrainingProducer } from '../producer.ts';
import { readIntakeEvents } from './intake-event.ts';
import type { IntakeEvent } from './intake-event.ts';
import type { IntakeDeadLetterReason, IntakeLog } from './intake-log.ts';
import { IntakeRules } from './intake-rules.ts';
import type { Decision } from './intake-rules.ts';
import type { IntakeRule } from './intake-settings.ts';
import { IntakeVisit } from './intake-visit.ts';
import type { IntakeOnceResult } from './intake-visit.ts';
import { MessageLock } from './message-lock.ts';

export const DEFAULT_INTAKE_QUEUE = 'retraining-intake';

/** Messages that are worked on at the same time, each with a link of its own. */
export const INTAKE_SLOTS = 4;
const SLOTS_MAX = 64;
/**
 * How long the client may hold a receive, and so how long a stop takes at least: a receive that is aborted leaves credit behind,
 * and what the broker still sends for it stays locked. Beyond it and a margin the client counts as stuck, and is replaced.
 */
const RECEIVE_MS = 3_000;
const STUCK_MARGIN_MS = 15_000;
/** Failures in a row after which a client is replaced, too. */
const TRIES_OF_A_CLIENT = 5;
/** How long `stop` waits for what is under way. */
const STOP_WITHIN_MS = 10_000;
const RECEIVE_BACKOFF: Backoff = { baseMs: 500, maxMs: 30_000 };
const SEND_BACKOFF: Backoff = { baseMs: 1_000, maxMs: 30_000 };
/** Bytes of a dead letter's description as JSON; the service takes 4,096 characters. */
const DESCRIPTION_MAX_BYTES = 4_000;

const RECEIVER_OPTIONS = { receiveMode: 'peekLock', maxAutoLockRenewalDurationInMs: 0 } as const;

export interface IntakeWorkerOptions {
  /** A connection string, or what `credentialConnection` gives. */
  readonly connection: Connection | string;
  /** The queue that events come in by, without sessions, with duplicate detection. Default `retraining-intake`. */
  readonly queue?: string;
  /** Sends the requests. It needs no outbox: an event leaves the queue when its request was accepted. */
  readonly producer: Pick<RetrainingProducer, 'request' | 'forward'>;
  readonly rules: readonly IntakeRule[];
  /** Messages at the same time, 1 to 64; default 4. */
  readonly slots?: number;
  /** How long the client may wait for a message at a time, milliseconds; a stop takes as long. Default 3,000. */
  readonly receiveMs?: number;
  readonly log?: IntakeLog;
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * Turns events of the intake queue into requests, by rules. At least once: a message is completed when every request that it asks
 * for was accepted, and a redelivery gives the same ids. What no rule is for, and what cannot be read, is dead-lettered with a
 * description. When the broker is away it waits, with growing pauses, for ever.
 */
export class IntakeWorker {
  readonly #connection: Connection;
  readonly #queue: string;
  readonly #producer: IntakeWorkerOptions['producer'];
  readonly #rules: IntakeRules;
  readonly #slots: number;
  readonly #receiveMs: number;
  readonly #log: IntakeLog;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #target: Target;
  readonly #stop = new AbortController();
  #client: ServiceBusClient | undefined;
  #running: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  /** There when it is to end by itself. */
  #visit: IntakeVisit | undefined;
  /** What was told of why nothing can be received. */
  #trouble: string | undefined;
  /** Slots that may still be given a message. */
  #listening = 0;
  #quiet: (() => void)[] = [];

  constructor(options: IntakeWorkerOptions) {
    const { connection, queue = DEFAULT_INTAKE_QUEUE, slots = INTAKE_SLOTS } = options;
    if (!Number.isInteger(slots) || slots < 1 || slots > SLOTS_MAX)
      throw new RetrainError('ARGUMENT_INVALID', `slots = ${slots}: use a whole number of 1 to ${SLOTS_MAX}`);
    this.#connection = checkedConnection(connection);
    this.#queue = queue;
    this.#producer = options.producer;
    this.#rules = new IntakeRules(options.rules);
    this.#slots = slots;
    this.#receiveMs = options.receiveMs ?? RECEIVE_MS;
    this.#log = options.log ?? (() => undefined);
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    const { host, keyName } = this.#connection;
    this.#target = { host, entity: queue, keyName };
  }

  /** Begins to receive. It does not wait for the broker, and does not fail when there is none. */
  async start(): Promise<void> {
    void this.#start();
  }

  /**
   * Takes what waits in the queue, then ends by itself, as a job that is started for every backlog does: a slot to which nothing
   * comes within one receive ends, whatever others still work on. It never rejects on account of the broker. An event whose request the
   * broker does not take is held for as long as the broker answers.
   */
  async runOnce(): Promise<IntakeOnceResult> {
    if (this.#running)
      throw new RetrainError('ARGUMENT_INVALID', 'this intake was started already: make another one for runOnce');
    const visit = new IntakeVisit();
    this.#visit = visit;
    await this.#start();
    const stopped = this.#stop.signal.aborted;
    await this.stop();
    return visit.result({ stopped });
  }

  #start(): Promise<void> {
    this.#client = createClient(this.#connection);
    this.#log({ fact: 'intake-started', queue: this.#queue, rules: this.#rules.count, slots: this.#slots });
    this.#running = Promise.all(Array.from({ length: this.#slots }, () => this.#slot())).then(() => undefined);
    return this.#running;
  }

  /** Receives no more, waits for what is under way, and gives the rest back. */
  stop(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    this.#stopped ??= this.#end(this.#running);
    return this.#stopped;
  }

  async #end(running: Promise<void>): Promise<void> {
    this.#stop.abort();
    const ended = new AbortController();
    await Promise.race([running.finally(() => ended.abort()), pause(this.#clock, STOP_WITHIN_MS, ended.signal)]);
    if (this.#client) await closeClient(this.#client, { clock: this.#clock });
    this.#log({ fact: 'intake-stopped' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** One link after the other, until the stop, or until a visit has nothing to do. */
  async #slot(): Promise<void> {
    const { signal } = this.#stop;
    let isDone = false;
    for (let failures = 0; !signal.aborted && !isDone;) {
      const client = this.#client;
      if (!client) return;
      const receiver = client.createReceiver(this.#queue, RECEIVER_OPTIONS);
      this.#listening++;
      try {
        while (!signal.aborted && !isDone) {
          const message = await this.#receive(receiver);
          failures = 0;
          this.#reachable();
          isDone = !message && this.#visit !== undefined;
          if (!message) continue;
          this.#deaf();
          await this.#handle(receiver, message);
          this.#listening++;
        }
      } catch (error) {
        if (!signal.aborted) isDone = await this.#unreachable(error, { client, failures: ++failures });
      } finally {
        await closeClient(receiver, { clock: this.#clock });
        this.#deaf();
      }
    }
  }

  /** A slot can be given no message any more, or has one. */
  #deaf(): void {
    this.#listening--;
    if (this.#listening > 0) return;
    for (const tell of this.#quiet.splice(0)) tell();
  }

  /** Resolves when no slot listens: what is given back now goes to another intake. */
  async #untilQuiet(): Promise<void> {
    if (this.#listening > 0) await new Promise<void>((resolve) => this.#quiet.push(resolve));
  }

  /** The next message, or undefined when there was none for a while. */
  async #receive(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage | undefined> {
    const ended = new AbortController();
    const limitMs = this.#receiveMs + STUCK_MARGIN_MS;
    const stuck = pause(this.#clock, limitMs, ended.signal).then((): undefined => {
      if (!ended.signal.aborted)
        throw new RetrainError('UNREACHABLE', `the client did not come back within ${limitMs} ms`);
    });
    stuck.catch(() => undefined);
    try {
      // One at a time: for several the client waits a second after the first.
      const receiving = receiver.receiveMessages(1, { maxWaitTimeInMs: this.#receiveMs });
      const messages = await Promise.race([receiving, stuck]);
      return messages?.[0];
    } finally {
      ended.abort();
    }
  }

  #reachable(): void {
    if (this.#trouble === undefined) return;
    this.#trouble = undefined;
    this.#log({ fact: 'intake-reachable' });
  }

  /** Waits before the next try; whether there is to be none. */
  async #unreachable(
    cause: unknown,
    { client, failures }: { client: ServiceBusClient; failures: number },
  ): Promise<boolean> {
    const error = toRetrainError(cause, this.#target);
    const code = error instanceof RetrainError ? { code: error.code } : {};
    const retryInMs = backoffMs(failures, RECEIVE_BACKOFF, this.#random);
    const trouble = code.code ?? error.name;
    // Every slot meets the same trouble again and again; it is told once.
    if (this.#trouble !== trouble) this.#log({ fact: 'intake-unreachable', ...code, reason: error.message, retryInMs });
    this.#trouble = trouble;
    if (this.#visit?.unreached(failures, { reason: error.message, code: code.code ?? 'UNREACHABLE' })) return true;
    // Only a receive that did not come back is an error of ours.
    const stuck = cause instanceof RetrainError || failures % TRIES_OF_A_CLIENT === 0;
    if (stuck && this.#client === client) await this.#replace(client);
    await pause(this.#clock, retryInMs, this.#stop.signal);
    return false;
  }

  /** A client that keeps failing may be to blame itself: each of its slots goes on with a new one. */
  async #replace(client: ServiceBusClient): Promise<void> {
    this.#client = createClient(this.#connection);
    await closeClient(client, { clock: this.#clock });
  }

  async #handle(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage): Promise<void> {
    const lock = new MessageLock(receiver, message, this.#clock);
    try {
      const end = await this.#work(message, lock.lost);
      if (end === 'given-back') await this.#untilQuiet();
      await lock.release();
      if (end === 'done') await receiver.completeMessage(message);
      else if (end === 'given-back') await receiver.abandonMessage(message);
      else if (end !== 'lost') await this.#deadLetter(receiver, message, end);
      if (end !== 'given-back' && end !== 'lost') this.#visit?.settled();
    } catch (error) {
      const { message: reason } = toRetrainError(error, this.#target);
      this.#log({ fact: 'event-unsettled', reason, ...idOf(message) });
    } finally {
      await lock.release();
    }
  }

  async #deadLetter(
    receiver: ServiceBusReceiver,
    message: ServiceBusReceivedMessage,
    { reason, problems }: Refused,
  ): Promise<void> {
    const description = clipText(problems.join('\n'), { maxBytes: DESCRIPTION_MAX_BYTES, keep: 'start' });
    await receiver.deadLetterMessage(message, { deadLetterReason: reason, deadLetterErrorDescription: description });
    this.#log({ fact: 'event-dead-lettered', reason, description, ...idOf(message) });
  }

  /** Does all that the message asks for; what becomes of the message. */
  async #work(
    message: ServiceBusReceivedMessage,
    lost: AbortSignal,
  ): Promise<Refused | 'done' | 'given-back' | 'lost'> {
    const read = readIntakeEvents(message);
    if (read.kind === 'invalid') return { reason: 'InvalidEvent', problems: [read.reason] };
    const problems: string[] = [];
    let unmatched = false;
    // All of them, also behind one that cannot be used: a replay of the dead letter gives the same ids.
    for (const event of read.events) {
      const decision = this.#rules.decide(event);
      if (decision.kind === 'unmatched') unmatched = true;
      const end = await this.#carryOut(decision, event, lost);
      if (end === 'given-back' || end === 'lost') return end;
      if (end !== undefined) problems.push(end.problem);
    }
    if (problems.length === 0) return 'done';
    return { reason: unmatched ? 'NoMatchingRule' : 'InvalidEvent', problems };
  }

  async #carryOut(
    decision: Decision,
    event: IntakeEvent,
    lost: AbortSignal,
  ): Promise<{ readonly problem: string } | 'given-back' | 'lost' | undefined> {
    const { type, id: eventId } = event;
    switch (decision.kind) {
      case 'ignored':
        this.#log({ fact: 'event-ignored', type, eventId, rule: decision.rule });
        return undefined;
      case 'unmatched':
      case 'invalid':
        return { problem: decision.reason };
      case 'request':
      case 'forward': {
        const model = decision.kind === 'request' ? decision.input.model.name : decision.event.subject;
        const sent = await this.#send(decision, { model, lost });
        if (typeof sent === 'string') return sent;
        if ('problem' in sent) return sent;
        const rule = decision.kind === 'request' ? decision.rule : 'a request as it is';
        this.#visit?.requested();
        this.#log({ fact: 'event-taken', model, id: sent.id, type, eventId, rule });
        return undefined;
      }
    }
  }

  /** Sends until the broker has accepted, the lock is lost or the intake stops. */
  async #send(
    decision: Extract<Decision, { kind: 'request' | 'forward' }>,
    { model, lost }: { model: string; lost: AbortSignal },
  ): Promise<{ readonly id: string } | { readonly problem: string } | 'given-back' | 'lost'> {
    for (let tries = 1; ; tries++) {
      let error: Error;
      try {
        return decision.kind === 'request'
          ? await this.#producer.request(decision.input, decision.options)
          : await this.#producer.forward(decision.event);
      } catch (cause) {
        error = toRetrainError(cause, this.#target);
      }
      if (isRefusal(error)) return { problem: `model ${model}: ${error.message}` };
      if (lost.aborted) return 'lost';
      if (this.#stop.signal.aborted) return 'given-back';
      const code = error instanceof RetrainError ? { code: error.code } : {};
      if (this.#givesUp(tries, error)) return 'given-back';
      const retryInMs = backoffMs(tries, SEND_BACKOFF, this.#random);
      this.#log({ fact: 'event-waiting', model, ...code, reason: error.message, retryInMs });
      await pause(this.#clock, retryInMs, AbortSignal.any([lost, this.#stop.signal]));
    }
  }

  /** A visit does not wait for a broker that does not answer: all slots end, and what they hold comes again. */
  #givesUp(tries: number, error: Error): boolean {
    if (!(error instanceof RetrainError) || error.code !== 'UNREACHABLE') return false;
    if (!this.#visit?.unreached(tries, { reason: error.message, code: error.code })) return false;
    this.#stop.abort();
    return true;
  }
}

/** Why a message is dead-lettered, with one line for each of its events that is to blame. */
interface Refused {
  readonly reason: IntakeDeadLetterReason;
  readonly problems: readonly string[];
}

const REFUSALS: ReadonlySet<string> = new Set(['REQUEST_INVALID', 'MESSAGE_TOO_LARGE', 'ARGUMENT_INVALID']);

/** The request would be refused again for ever. */
function isRefusal(error: Error): boolean {
  return error instanceof RetrainError && REFUSALS.has(error.code);
}

function idOf({ messageId }: ServiceBusReceivedMessage): { messageId?: string } {
  return messageId === undefined ? {} : { messageId: String(messageId) };
}
