import type { ServiceBusClient, ServiceBusMessage } from '@azure/service-bus';
import { RetrainError } from '../errors.ts';
import { pause, systemClock } from '../runtime/clock.ts';
import type { Clock } from '../runtime/clock.ts';
import { files as systemFiles } from '../runtime/files.ts';
import type { Files } from '../runtime/files.ts';
import { systemRandom } from '../runtime/random.ts';
import type { Random } from '../runtime/random.ts';
import { backoffMs } from './backoff.ts';
import type { Backoff } from './backoff.ts';
import { closeClient, createClient, DEFAULT_QUEUE, checkedConnection, toRetrainError } from './connection.ts';
import type { Connection, Target } from './connection.ts';
import { CANCEL_TYPE, cancelMessage, REQUESTED_TYPE, requestMessage } from './envelope.ts';
import type { RequestEvent } from './envelope.ts';
import { endOfGathering } from './gather-window.ts';
import { requestId, SOURCE_MAX_LENGTH } from './identity.ts';
import { checkModelName } from './model-name.ts';
import { Outbox } from './outbox.ts';
import { present } from './present.ts';
import { isInstant, parseRequest } from './request.ts';
import type { RetrainRequest, RetrainRequestInput } from './request.ts';

/** The default `source` of requests. */
export const PRODUCER_SOURCE = '/retrain/producer';

/** Tries of one send; the client's own retries do not cover a refused connection, as while a broker restarts. */
export const SEND_TRIES_MAX = 5;
/** A try that failed later than this is the last: the client itself has then waited long enough for a silent host. */
const SEND_RETRY_WITHIN_MS = 10_000;
const SEND_BACKOFF: Backoff = { baseMs: 250, maxMs: 2_000 };

/** Where messages go: the official client's sender, or something that stands for it. */
export interface MessageSender {
  sendMessages(message: ServiceBusMessage): Promise<void>;
  close(): Promise<void>;
}

export interface ProducerOptions {
  /**
   * Of Azure Service Bus or of `retrain broker`: a connection string, or what `credentialConnection` gives. Either this, or
   * `client`, or `sender`.
   */
  readonly connection?: Connection | string;
  /** A client of the caller's, who also closes it. */
  readonly client?: ServiceBusClient;
  readonly sender?: MessageSender;
  /** Default: the connection string's EntityPath, or `model-retraining-queue`. */
  readonly queue?: string;
  /** CloudEvents `source` of what is sent, a URI-reference; with the id it is a request's identity. */
  readonly source?: string;
  /** Folder in which requests wait until the broker has accepted them. Without it, a request that fails is the caller's. */
  readonly outboxFolder?: string;
  /** Requests sent within one window of so many milliseconds become active together; 0 (the default): at once. */
  readonly gatherWindowMs?: number;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly files?: Files;
}

export interface RequestOptions {
  /** The caller's own identity for this occasion; it must name the model too. */
  readonly dedupeKey?: string;
  /** When the occasion arose, RFC 3339; default now. Orders requests. */
  readonly time?: string;
  readonly correlationId?: string;
  /** After it, nobody is interested any more, RFC 3339. */
  readonly expiryTime?: string;
  /** W3C trace context. */
  readonly traceparent?: string;
  /** Where the caller put what is too big for a message. */
  readonly dataref?: string;
}

export interface SentRequest {
  readonly id: string;
  readonly messageId: string;
  /** When it becomes active, when that is not at once, RFC 3339. */
  readonly activeAt?: string;
}

export interface FlushResult {
  readonly sent: number;
  /** Requests past their expiry time; they are dropped. */
  readonly expired: number;
  /** What could not be read, or is refused for its size or form and would be refused again; it stays where it is. */
  readonly failed: readonly { readonly name: string; readonly error: Error }[];
}

/** Sends retraining requests. A promise of `request` that resolves means: the broker has accepted it. */
export class RetrainingProducer {
  readonly #sender: MessageSender;
  readonly #ownClient: ServiceBusClient | undefined;
  readonly #target: Target;
  readonly #source: string;
  readonly #outbox: Outbox | undefined;
  readonly #gatherWindowMs: number;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: ProducerOptions) {
    const { clock = systemClock, random = systemRandom, files = systemFiles, source = PRODUCER_SOURCE } = options;
    const { gatherWindowMs = 0, outboxFolder: folder } = options;
    if (!Number.isSafeInteger(gatherWindowMs) || gatherWindowMs < 0)
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `gatherWindowMs = ${gatherWindowMs}: use whole milliseconds, 0 or more`,
      );
    if (!/^[\x21-\x7e]+$/.test(source) || source.length > SOURCE_MAX_LENGTH)
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `source = ${JSON.stringify(source)}: use a URI-reference of 1 to ${SOURCE_MAX_LENGTH} characters`,
      );
    const { sender, ownClient, target } = openSender(options);
    this.#sender = sender;
    this.#ownClient = ownClient;
    this.#target = target;
    this.#source = source;
    this.#outbox = folder === undefined ? undefined : new Outbox({ folder, files });
    this.#gatherWindowMs = gatherWindowMs;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * Sends one request. The id is derived from its evidence, so that the same occasion told twice runs once. With a gather
   * window it becomes active at the window's end, unless its trigger is `manual`. Raises `REQUEST_INVALID` and
   * `MESSAGE_TOO_LARGE` before anything is sent or kept; on any other error the request stays in the outbox, if there is one.
   */
  async request(input: RetrainRequestInput, options: RequestOptions = {}): Promise<SentRequest> {
    const data = parseRequest(input);
    const windowMs = data.trigger.kind === 'manual' ? 0 : this.#gatherWindowMs;
    const nowMs = this.#clock.wallMs();
    const activeAtMs = windowMs === 0 ? undefined : endOfGathering(data.model.name, { windowMs, nowMs });
    return this.#request(data, { ...options, activeAtMs });
  }

  /** Sends one request that becomes active at `at`; a gather window does not apply. */
  async schedule(input: RetrainRequestInput, at: Date, options: RequestOptions = {}): Promise<SentRequest> {
    if (Number.isNaN(at.getTime()))
      throw new RetrainError('ARGUMENT_INVALID', 'the time to schedule for is not a date: use one such as new Date(0)');
    return this.#request(parseRequest(input), { ...options, activeAtMs: at.getTime() });
  }

  /**
   * Asks that a request be not trained, or its run be stopped. It takes effect within a third of the session lock when the
   * run is under way.
   *
   * @param requestSource the request's `source`; without it, every request of the model with this id is meant
   */
  async cancel(
    model: string,
    requestId: string,
    { requestSource }: { requestSource?: string } = {},
  ): Promise<SentRequest> {
    const nowMs = this.#clock.wallMs();
    // Random: a second cancel, sent because the first came too early, must not be swallowed as its duplicate.
    const id = this.#random.bytes(16).toString('hex');
    const message = cancelMessage(
      {
        id,
        source: this.#source,
        type: CANCEL_TYPE,
        subject: checkModelName(model),
        time: new Date(nowMs).toISOString(),
        data: { requestId, ...(requestSource !== undefined && { requestSource }) },
      },
      { messageId: id, nowMs },
    );
    await this.#send(message);
    return { id, messageId: id };
  }

  /**
   * Sends what is left over in the outbox, oldest first. The ids are the same, so that duplicate detection drops what the
   * broker had accepted after all. A request that is refused for what it is does not hold up those behind it. Raises what
   * stops all of them (unreachable, unauthorized…); what it sent until then is gone.
   */
  async flush(): Promise<FlushResult> {
    const failed: { name: string; error: Error }[] = [];
    let sent = 0;
    let expired = 0;
    for (const name of (await this.#outbox?.names()) ?? []) {
      const read = await this.#read(name);
      if (read instanceof Error) failed.push({ name, error: read });
      if (read === undefined || read instanceof Error) continue;
      const { event, activeAtMs } = read;
      const nowMs = this.#clock.wallMs();
      if (event.expirytime !== undefined && Date.parse(event.expirytime) <= Math.max(nowMs, activeAtMs ?? 0)) expired++;
      else {
        try {
          await this.#send(requestMessage(event, { messageId: event.id, nowMs, activeAtMs }));
        } catch (error) {
          if (!isRefusal(error)) throw error;
          failed.push({ name, error });
          continue;
        }
        sent++;
      }
      await this.#outbox?.remove(name);
    }
    return { sent, expired, failed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeClient(this.#sender, { clock: this.#clock });
    if (this.#ownClient) await closeClient(this.#ownClient, { clock: this.#clock });
  }

  async #request(
    data: RetrainRequest,
    options: RequestOptions & { readonly activeAtMs: number | undefined },
  ): Promise<SentRequest> {
    const nowMs = this.#clock.wallMs();
    const { dedupeKey, correlationId, traceparent, dataref, activeAtMs } = options;
    const time = checkedInstant('time', options.time) ?? new Date(nowMs).toISOString();
    const id = requestId(data, { time, random: this.#random, dedupeKey });
    const event: RequestEvent = {
      id,
      source: this.#source,
      type: REQUESTED_TYPE,
      subject: data.model.name,
      time,
      data,
      ...present({
        correlationid: correlationId,
        expirytime: checkedInstant('expiryTime', options.expiryTime),
        traceparent,
        dataref,
      }),
    };
    const message = requestMessage(event, { messageId: id, nowMs, activeAtMs });
    const name = await this.#outbox?.put({ event, activeAtMs }, nowMs);
    try {
      await this.#send(message);
    } catch (error) {
      // It would be refused again for ever; the caller, who still has it, is told now.
      if (name !== undefined && isRefusal(error)) await this.#outbox?.remove(name);
      throw error;
    }
    if (name !== undefined) await this.#outbox?.remove(name);
    const later = activeAtMs !== undefined && activeAtMs > nowMs;
    return { id, messageId: id, ...(later && { activeAt: new Date(activeAtMs).toISOString() }) };
  }

  async #send(message: ServiceBusMessage): Promise<void> {
    const begunMs = this.#clock.monotonicMs();
    for (let tries = 1; ; tries++) {
      try {
        await this.#sender.sendMessages(message);
        return;
      } catch (cause) {
        const error = toRetrainError(cause, this.#target);
        const passing = error instanceof RetrainError && error.code === 'UNREACHABLE';
        const late = this.#clock.monotonicMs() - begunMs > SEND_RETRY_WITHIN_MS;
        if (!passing || late || tries >= SEND_TRIES_MAX) throw error;
      }
      await pause(this.#clock, backoffMs(tries, SEND_BACKOFF, this.#random));
    }
  }

  async #read(name: string): Promise<Awaited<ReturnType<Outbox['get']>> | Error> {
    try {
      return await this.#outbox?.get(name);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }
}

/** Whether the message itself is the reason. */
function isRefusal(error: unknown): error is RetrainError {
  return error instanceof RetrainError && (error.code === 'MESSAGE_TOO_LARGE' || error.code === 'REQUEST_INVALID');
}

function openSender(options: ProducerOptions): {
  sender: MessageSender;
  ownClient: ServiceBusClient | undefined;
  target: Target;
} {
  const { client, sender, queue } = options;
  if ([options.connection, client, sender].filter((way) => way !== undefined).length !== 1)
    throw new RetrainError('ARGUMENT_INVALID', 'give exactly one of connection, client and sender');
  if (options.connection !== undefined) {
    const connection = checkedConnection(options.connection);
    const entity = queue ?? connection.entityPath ?? DEFAULT_QUEUE;
    const ownClient = createClient(connection);
    const { host, keyName } = connection;
    return { sender: ownClient.createSender(entity), ownClient, target: { host, entity, keyName } };
  }
  const entity = queue ?? DEFAULT_QUEUE;
  if (sender) return { sender, ownClient: undefined, target: { host: 'the broker', entity } };
  if (!client) throw new RetrainError('ARGUMENT_INVALID', 'give exactly one of connection, client and sender');
  const target = { host: client.fullyQualifiedNamespace, entity };
  return { sender: client.createSender(entity), ownClient: undefined, target };
}

function checkedInstant(field: string, value: string | undefined): string | undefined {
  if (value === undefined || isInstant(value)) return value;
  throw new RetrainError(
    'REQUEST_INVALID',
    `${field} = ${JSON.stringify(value)}: use RFC 3339 with an offset, such as 2026-01-31T00:00:00Z`,
  );
}
