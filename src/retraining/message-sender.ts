import { isServiceBusError } from '@azure/service-bus';
import type { ServiceBusMessage, ServiceBusMessageBatch } from '@azure/service-bus';
import { RetrainError } from '../errors.ts';
import { pause } from '../runtime/clock.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { backoffMs } from './backoff.ts';
import type { Backoff } from './backoff.ts';
import { toRetrainError } from './connection.ts';
import type { Target } from './connection.ts';
import type { MessagingTelemetry } from './telemetry/messaging-telemetry.ts';
import type { CarriedContext } from './telemetry/trace-context.ts';

/** Tries of one send; the client's own retries do not cover a refused connection, as while a broker restarts. */
export const SEND_TRIES_MAX = 5;
/** A try that failed later than this is the last: the client itself has then waited long enough for a silent host. */
const SEND_RETRY_WITHIN_MS = 10_000;
/**
 * How long one call of the client may take, milliseconds. Its own limits are for one operation on an open connection: while it opens
 * one to a host that takes it and is silent, it stands for minutes. Twice what one of its tries takes.
 */
export const SEND_CALL_MS = 10_000;
const SEND_BACKOFF: Backoff = { baseMs: 250, maxMs: 2_000 };

/**
 * Where messages go: the official client's sender, or something that stands for it. A call is given up after 10 seconds: its signal
 * aborts, and whatever comes of it later is not heard.
 */
export interface MessageSender {
  sendMessages(
    messages: ServiceBusMessage | ServiceBusMessageBatch,
    options?: { abortSignal?: AbortSignal },
  ): Promise<void>;
  /** Without it, messages are sent one by one. */
  createMessageBatch?(options?: { abortSignal?: AbortSignal }): Promise<ServiceBusMessageBatch>;
  close(): Promise<void>;
}

export interface SendOptions {
  /** Default: 5. */
  readonly tries?: number;
  /** How long each call of the client may take, milliseconds. Default: 10 seconds. */
  readonly callMs?: number;
}

/** A call that the client did not come back from in time. */
class Unanswered extends RetrainError {
  constructor({ host, entity }: Target, callMs: number) {
    super(
      'UNREACHABLE',
      `${host} did not answer within ${callMs / 1000} s (sending to "${entity}"): check that the broker runs and that host and port are right`,
    );
  }
}

/** Sends with bounded retries, and many at once in batches that fit the queue's limit. */
export class RetryingSender {
  readonly #sender: MessageSender;
  readonly #target: Target;
  readonly #clock: Clock;
  readonly #random: Random;

  readonly #telemetry: MessagingTelemetry;

  constructor(options: {
    sender: MessageSender;
    target: Target;
    clock: Clock;
    random: Random;
    telemetry: MessagingTelemetry;
  }) {
    this.#sender = options.sender;
    this.#target = options.target;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#telemetry = options.telemetry;
  }

  /** Resolves when the broker has accepted it; raises a `RetrainError`, or what the program itself got wrong. */
  send(message: ServiceBusMessage, options?: SendOptions): Promise<void> {
    return this.#try((callMs) => this.#sendMessages(message, [message], callMs), options);
  }

  /**
   * Sends all, in order. Returns for each why it was not accepted, undefined when it was. A batch is accepted or refused as a
   * whole; one that is refused for something in it is sent again one by one, so that only what is to blame fails. After an
   * error that concerns all of them, such as a broker that does not answer, nothing further is tried.
   */
  async sendAll(messages: readonly ServiceBusMessage[], options?: SendOptions): Promise<(Error | undefined)[]> {
    const errors: (Error | undefined)[] = [];
    try {
      while (errors.length < messages.length) await this.#sendSome(messages.slice(errors.length), errors, options);
    } catch (common) {
      while (errors.length < messages.length) errors.push(common as Error);
    }
    return errors;
  }

  /** Sends as many of the first as fit into one batch, at least one, and adds what became of each. Raises what concerns all. */
  async #sendSome(
    messages: readonly ServiceBusMessage[],
    errors: (Error | undefined)[],
    options?: SendOptions,
  ): Promise<void> {
    const batch = messages.length > 1 ? await this.#fillBatch(messages, options) : undefined;
    // What does not fit into an empty batch is sent alone, so that the broker says what is wrong with it.
    const count = Math.max(1, batch?.count ?? 1);
    if (batch && count > 1) {
      const error = await this.#resultOf(
        (callMs) => this.#sendMessages(batch, messages.slice(0, count), callMs),
        options,
      );
      if (error === undefined) {
        for (let index = 0; index < count; index++) errors.push(undefined);
        return;
      }
    }
    for (const message of messages.slice(0, count))
      errors.push(await this.#resultOf((callMs) => this.#sendMessages(message, [message], callMs), options));
  }

  /** One try, seen by OpenTelemetry. */
  #sendMessages(
    sent: ServiceBusMessage | ServiceBusMessageBatch,
    messages: readonly ServiceBusMessage[],
    callMs: number,
  ): Promise<void> {
    const from = messages.map(carriedContext);
    const operation = { name: 'send', type: 'send', count: messages.length, from } as const;
    return this.#telemetry.operate(operation, () =>
      this.#answered(async (abortSignal) => this.#sender.sendMessages(sent, { abortSignal }), callMs),
    );
  }

  /** Waits for one call, but only so long. A message that is sent after all is dropped as a duplicate of the one that is sent later. */
  async #answered<T>(call: (abortSignal: AbortSignal) => Promise<T>, callMs: number): Promise<T> {
    const given = new AbortController();
    return new Promise<T>((resolve, reject) => {
      const cancel = this.#clock.after(callMs, () => {
        reject(new Unanswered(this.#target, callMs));
        given.abort();
      });
      void call(given.signal).then(resolve, reject).finally(cancel);
    });
  }

  async #fillBatch(
    messages: readonly ServiceBusMessage[],
    options?: SendOptions,
  ): Promise<ServiceBusMessageBatch | undefined> {
    const sender = this.#sender;
    if (sender.createMessageBatch === undefined) return undefined;
    let batch: ServiceBusMessageBatch | undefined;
    // The first batch asks the broker for the limit of the queue.
    await this.#try(async (callMs) => {
      batch = await this.#answered(async (abortSignal) => sender.createMessageBatch?.({ abortSignal }), callMs);
    }, options);
    for (const message of messages) if (batch?.tryAddMessage(message) !== true) break;
    return batch;
  }

  /** Undefined when it worked, else what is wrong with just this; raises what concerns all. */
  async #resultOf(work: (callMs: number) => Promise<void>, options?: SendOptions): Promise<Error | undefined> {
    try {
      await this.#try(work, options);
      return undefined;
    } catch (error) {
      if (isOfOne(error)) return error;
      throw error;
    }
  }

  async #try(work: (callMs: number) => Promise<void>, options: SendOptions = {}): Promise<void> {
    const { tries: triesMax = SEND_TRIES_MAX, callMs = SEND_CALL_MS } = options;
    const begunMs = this.#clock.monotonicMs();
    for (let tries = 1; ; tries++) {
      try {
        await work(callMs);
        return;
      } catch (cause) {
        const error = toRetrainError(cause, this.#target);
        const passing = error instanceof RetrainError && error.code === 'UNREACHABLE' && !isCommandRefusal(error);
        const late = error instanceof Unanswered || this.#clock.monotonicMs() - begunMs > SEND_RETRY_WITHIN_MS;
        if (!passing || late || tries >= triesMax) throw error;
      }
      await pause(this.#clock, backoffMs(tries, SEND_BACKOFF, this.#random));
    }
  }
}

/** Whether the message itself is the reason, so that it would be refused again for ever. */
export function isRefusal(error: unknown): error is RetrainError {
  return error instanceof RetrainError && (error.code === 'MESSAGE_TOO_LARGE' || error.code === 'REQUEST_INVALID');
}

/** Whether other messages may fare better: a refusal, or something that nobody has a code for. */
function isOfOne(error: unknown): error is Error {
  return isRefusal(error) || isCommandRefusal(error) || (error instanceof Error && !(error instanceof RetrainError));
}

/** What the client has no code for, and says that trying again is no use: a command that cannot be. */
function isCommandRefusal(error: unknown): error is Error {
  const cause = error instanceof RetrainError ? error.cause : undefined;
  return isServiceBusError(cause) && cause.code === 'GeneralError' && !cause.retryable;
}

function carriedContext({ applicationProperties }: ServiceBusMessage): CarriedContext {
  const traceparent = applicationProperties?.['Diagnostic-Id'];
  return typeof traceparent === 'string' ? { traceparent } : {};
}
