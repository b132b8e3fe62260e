import type { ServiceBusClient } from '@azure/service-bus';
import { RetrainError } from '../errors.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Clock } from '../runtime/clock.ts';
import { files as systemFiles } from '../runtime/files.ts';
import type { Files } from '../runtime/files.ts';
import { systemRandom } from '../runtime/random.ts';
import type { Random } from '../runtime/random.ts';
import { checkedConnection, closeClient, createClient, DEFAULT_QUEUE } from './connection.ts';
import type { Connection, Target } from './connection.ts';
import { CANCEL_TYPE, cancelMessage } from './envelope.ts';
import type { RequestEvent } from './envelope.ts';
import { SOURCE_MAX_LENGTH } from './identity.ts';
import { isRefusal, RetryingSender } from './message-sender.ts';
import type { MessageSender, SendOptions } from './message-sender.ts';
import { checkModelName } from './model-name.ts';
import { OutboxFlusher } from './outbox-flusher.ts';
import { flushOutbox } from './outbox-flush.ts';
import type { FlushResult } from './outbox-flush.ts';
import { Outbox } from './outbox.ts';
import type { ProducerLog } from './producer-log.ts';
import { checkedGatherWindow, draftOf, draftOfEvent } from './request-draft.ts';
import type { DraftContext, RequestDraft, RequestOptions, SentRequest } from './request-draft.ts';
import { parseRequest } from './request.ts';
import type { RetrainRequestInput } from './request.ts';
import { MessagingTelemetry } from './telemetry/messaging-telemetry.ts';

/** The default `source` of requests. */
export const PRODUCER_SOURCE = '/retrain/producer';

/** How long a submission waits for the broker before its request is left to the outbox, milliseconds: who submits waits, too. */
const HASTY_CALL_MS = 5_000;

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
  /**
   * Sends what waits in the outbox from the start on, every so many milliseconds and as soon as something was queued; after
   * failures with growing pauses of at most a minute. Without it, `flush` does.
   */
  readonly flushEveryMs?: number;
  /** Requests sent within one window of so many milliseconds become active together; 0 (the default): at once. May differ by model. */
  readonly gatherWindowMs?: number | ((model: string) => number);
  readonly log?: ProducerLog;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly files?: Files;
}

/** What became of a request: `queued` is durable in the outbox, and goes out when the broker takes it. */
export type Submission =
  | (SentRequest & { readonly state: 'accepted' })
  | (SentRequest & { readonly state: 'queued'; readonly reason: string });

/** The same for one of many. `failed`: nobody has it but the caller. */
export type RequestResult = Submission | { readonly state: 'failed'; readonly error: Error };

/** A draft in the outbox, or why it is not there; neither without an outbox. */
interface Kept {
  readonly name?: string;
  readonly error?: Error;
  /** It stays there until a flush. */
  waits?: boolean;
}

/** Why the broker did not accept a draft, and whether it waits in the outbox. */
interface Delivered {
  readonly error?: Error;
  readonly queued?: boolean;
}

/**
 * Sends retraining requests. A promise of `request` that resolves means: the broker has accepted it. One of `submit`: the broker
 * has accepted it, or it is on disk and goes out later.
 */
export class RetrainingProducer {
  readonly #sender: MessageSender;
  readonly #ownClient: ServiceBusClient | undefined;
  readonly #sending: RetryingSender;
  readonly #source: string;
  readonly #outbox: Outbox | undefined;
  readonly #flusher: OutboxFlusher | undefined;
  readonly #inFlight = new Set<string>();
  readonly #gatherWindowMs: (model: string) => number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: ProducerLog;
  readonly #telemetry: MessagingTelemetry;
  #flushing: Promise<FlushResult> | undefined;

  constructor(options: ProducerOptions) {
    const { clock = systemClock, random = systemRandom, files = systemFiles, source = PRODUCER_SOURCE } = options;
    const { gatherWindowMs = 0, outboxFolder: folder, log = () => undefined } = options;
    checkOptions({ ...options, source });
    const { sender, ownClient, target } = openSender(options);
    this.#sender = sender;
    this.#ownClient = ownClient;
    this.#telemetry = new MessagingTelemetry({ destination: target.entity, host: target.host, clock });
    this.#sending = new RetryingSender({ sender, target, clock, random, telemetry: this.#telemetry });
    this.#source = source;
    this.#outbox = folder === undefined ? undefined : new Outbox({ folder, files });
    this.#gatherWindowMs = typeof gatherWindowMs === 'number' ? () => gatherWindowMs : gatherWindowMs;
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
    const { flushEveryMs: everyMs } = options;
    if (everyMs !== undefined)
      this.#flusher = new OutboxFlusher({ flush: (signal) => this.#flush(signal), everyMs, clock, random, log });
  }

  /**
   * Sends one request. The id is derived from its evidence, so that the same occasion told twice runs once. With a gather
   * window it becomes active at the window's end, unless its trigger is `manual`. Raises `REQUEST_INVALID` and
   * `MESSAGE_TOO_LARGE` before anything is sent or kept; on any other error the request stays in the outbox, if there is one
   * that it can be kept in. `DISK_FULL` and `DISK_FAILED` mean: neither could it be kept, nor did the broker accept it.
   */
  async request(input: RetrainRequestInput, options: RequestOptions = {}): Promise<SentRequest> {
    const draft = draftOf(parseRequest(input), options, this.#context());
    const [result] = await this.#deliver([draft]);
    if (result?.error) throw result.error;
    return draft.sent;
  }

  /** Sends one request that becomes active at `at`; a gather window does not apply. `cancel` takes it back. */
  async schedule(input: RetrainRequestInput, at: Date, options: RequestOptions = {}): Promise<SentRequest> {
    return this.request(input, { ...options, activeAt: at });
  }

  /**
   * Hands one request over, and does not wait long for the broker: it is tried once, and not at all while the outbox is known to
   * wait. Raises when nobody has it but the caller; without an outbox that is whenever the broker does not take it.
   */
  async submit(input: RetrainRequestInput, options: RequestOptions = {}): Promise<Submission> {
    return this.#submit(draftOf(parseRequest(input), options, this.#context()));
  }

  /** The same for a request that somebody else made; it keeps its identity, which is `source` and `id`. */
  async forward(event: RequestEvent, options: Pick<RequestOptions, 'activeAt'> = {}): Promise<Submission> {
    return this.#submit(draftOfEvent(event, options, this.#context()));
  }

  /**
   * Hands over many requests in batches, in order, and returns what became of each: what is wrong with one does not hold up the
   * others.
   *
   * @param optionsOf what `request` takes besides, for each
   */
  async requestAll(
    inputs: readonly RetrainRequestInput[],
    optionsOf: (index: number) => RequestOptions = () => ({}),
  ): Promise<RequestResult[]> {
    const made = inputs.map((input, index) => {
      try {
        return { draft: draftOf(parseRequest(input), optionsOf(index), this.#context()) };
      } catch (error) {
        return { error: error instanceof Error ? error : new Error(String(error)) };
      }
    });
    const drafts = made.flatMap(({ draft }) => draft ?? []);
    const delivered = await this.#deliver(drafts, { hasty: true });
    return made.map(({ draft, error }): RequestResult => {
      if (!draft) return { state: 'failed', error };
      return resultOf(draft, delivered.shift() ?? {});
    });
  }

  /**
   * Asks that a request be not trained, or its run be stopped. It takes effect within a third of the session lock when the
   * run is under way, and a request that is scheduled or comes later is not trained either, when its source is known. What
   * waits in the outbox is taken out of it.
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
    await this.#takeOut(model, { source: requestSource ?? this.#source, id: requestId });
    await this.#sending.send(message);
    return { id, messageId: id };
  }

  /**
   * Sends what is left over in the outbox, oldest first. The ids are the same, so that duplicate detection drops what the
   * broker had accepted after all. A request that is refused for what it is does not hold up those behind it. Raises what
   * stops all of them (unreachable, unauthorized…); what it sent until then is gone.
   */
  flush(): Promise<FlushResult> {
    return this.#flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flusher?.stop();
    await closeClient(this.#sender, { clock: this.#clock });
    if (this.#ownClient) await closeClient(this.#ownClient, { clock: this.#clock });
  }

  #context(): DraftContext {
    const gatherWindowMs = this.#gatherWindowMs;
    return {
      source: this.#source,
      random: this.#random,
      nowMs: this.#clock.wallMs(),
      gatherWindowMs,
      telemetry: this.#telemetry,
    };
  }

  #flush(signal?: AbortSignal): Promise<FlushResult> {
    const outbox = this.#outbox;
    if (!outbox) return Promise.resolve({ sent: 0, expired: 0, failed: [] });
    const options = { outbox, sender: this.#sending, clock: this.#clock, inFlight: this.#inFlight, signal };
    this.#flushing ??= flushOutbox(options).finally(() => (this.#flushing = undefined));
    return this.#flushing;
  }

  async #submit(draft: RequestDraft): Promise<Submission> {
    const [delivered = {}] = await this.#deliver([draft], { hasty: true });
    const result = resultOf(draft, delivered);
    if (result.state === 'failed') throw result.error;
    return result;
  }

  /** Keeps all on disk, sends them, and takes from the disk what was accepted or will be refused for ever. */
  async #deliver(drafts: readonly RequestDraft[], { hasty = false } = {}): Promise<Delivered[]> {
    const kept: Kept[] = [];
    try {
      for (const draft of drafts) kept.push(await this.#keep(draft));
      const known = hasty && kept.every(({ name }) => name !== undefined) ? this.#flusher?.trouble : undefined;
      const send: SendOptions = hasty && this.#flusher ? { tries: 1, callMs: HASTY_CALL_MS } : {};
      const messages = drafts.map(({ message }) => message);
      const errors = known ? messages.map(() => known) : await this.#sending.sendAll(messages, send);
      const delivered: Delivered[] = [];
      for (const [index, draft] of drafts.entries())
        delivered.push(await this.#settle(draft, kept[index] ?? {}, errors[index]));
      return delivered;
    } finally {
      for (const { name } of kept) if (name !== undefined) this.#inFlight.delete(name);
      // Not before: what is in flight is left alone by a flush.
      if (kept.some(({ waits }) => waits)) this.#flusher?.wake();
    }
  }

  async #keep({ event, activeAtMs, sent: { messageId } }: RequestDraft): Promise<Kept> {
    if (!this.#outbox) return {};
    try {
      const name = await this.#outbox.put({ event, activeAtMs, messageId }, this.#clock.wallMs());
      this.#inFlight.add(name);
      return { name };
    } catch (error) {
      if (!(error instanceof RetrainError)) throw error;
      this.#log({ fact: 'outbox-unusable', folder: this.#outbox.folder, code: error.code, reason: error.message });
      return { error };
    }
  }

  async #settle(draft: RequestDraft, kept: Kept, error: Error | undefined): Promise<Delivered> {
    // What is refused for what it is would be refused again for ever; the caller, who still has it, is told now.
    if (error === undefined || isRefusal(error)) {
      if (kept.name !== undefined) await this.#forget(kept.name);
      return { ...(error && { error }) };
    }
    if (kept.error) return { error: neither(kept.error, error) };
    if (kept.name === undefined) return { error };
    kept.waits = true;
    const { subject: model, id } = draft.event;
    this.#log({ fact: 'request-queued', model, id, reason: error.message });
    return { error, queued: true };
  }

  /** An entry that cannot be removed is sent again later, and dropped as a duplicate: that is no error of the request. */
  async #forget(name: string): Promise<void> {
    try {
      await this.#outbox?.remove(name);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log({ fact: 'outbox-unusable', folder: this.#outbox?.folder ?? '', code: 'DISK_FAILED', reason });
    }
  }

  async #takeOut(model: string, request: { source: string; id: string }): Promise<void> {
    for (const name of (await this.#outbox?.find(request)) ?? []) {
      const entry = await this.#outbox?.get(name);
      if (entry?.event.subject === model) await this.#outbox?.remove(name);
    }
  }
}

function resultOf({ sent }: RequestDraft, { error, queued = false }: Delivered): RequestResult {
  if (error === undefined) return { ...sent, state: 'accepted' };
  return queued ? { ...sent, state: 'queued', reason: error.message } : { state: 'failed', error };
}

/** Neither could it be kept, nor sent: the disk is what the caller can do something about in any case. */
function neither(kept: Error, sent: Error): Error {
  if (!(kept instanceof RetrainError)) return kept;
  return new RetrainError(kept.code, `${kept.message}; nor could it be sent: ${sent.message}`, { cause: sent });
}

function checkOptions({
  source,
  gatherWindowMs,
  flushEveryMs,
  outboxFolder,
}: ProducerOptions & { source: string }): void {
  if (typeof gatherWindowMs === 'number') checkedGatherWindow(gatherWindowMs);
  if (!/^[\x21-\x7e]+$/.test(source) || source.length > SOURCE_MAX_LENGTH)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `source = ${JSON.stringify(source)}: use a URI-reference of 1 to ${SOURCE_MAX_LENGTH} characters`,
    );
  if (flushEveryMs === undefined) return;
  if (!Number.isSafeInteger(flushEveryMs) || flushEveryMs < 1)
    throw new RetrainError('ARGUMENT_INVALID', `flushEveryMs = ${flushEveryMs}: use whole milliseconds, 1 or more`);
  if (outboxFolder === undefined)
    throw new RetrainError('ARGUMENT_INVALID', 'flushEveryMs is given without outboxFolder: give both or none');
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
