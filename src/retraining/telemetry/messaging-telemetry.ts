import { context, metrics, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Attributes, Link, Span } from '@opentelemetry/api';
import { RetrainError } from '../../errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { spanContextOf, traceContextOf } from './trace-context.ts';
import type { CarriedContext } from './trace-context.ts';

/** Under this name spans and metrics are made. */
export const INSTRUMENTATION = 'retrain';

/** Links of one span: the SDKs' own limit. */
const LINKS_MAX = 128;
/** Seconds: from a round trip on this machine to a broker that takes its time. */
const OPERATION_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * An operation on the broker, by the names of the semantic conventions (messaging spans): `messaging.operation.name` is what the
 * official client calls it, `messaging.operation.type` is one of the five kinds.
 */
export interface Operation {
  readonly name: 'send' | 'schedule' | 'receive' | 'peek' | 'complete' | 'dead_letter';
  readonly type: 'send' | 'receive' | 'settle';
  /** Messages of the operation, when it is not about exactly one. */
  readonly count?: number;
  readonly messageId?: string | undefined;
  readonly model?: string | undefined;
  /** Trace contexts of the messages. */
  readonly from?: readonly CarriedContext[];
}

export interface TelemetryPlace {
  /** Queue or topic. */
  readonly destination: string;
  /** Host of the broker, maybe with a port. */
  readonly host: string;
  readonly clock: Clock;
}

/**
 * Spans and metrics of what is done with messages, by OpenTelemetry's semantic conventions for messaging. Only its API is used:
 * without an SDK in the process nothing is recorded and nothing is lost.
 */
export class MessagingTelemetry {
  readonly #place: TelemetryPlace;
  readonly #attributes: Attributes;
  readonly #tracer = trace.getTracer(INSTRUMENTATION);
  readonly #duration;
  readonly #sent;
  readonly #consumed;

  constructor(place: TelemetryPlace) {
    this.#place = place;
    this.#attributes = placeAttributes(place);
    const meter = metrics.getMeter(INSTRUMENTATION);
    this.#duration = meter.createHistogram('messaging.client.operation.duration', {
      unit: 's',
      description: 'Duration of an operation on the broker.',
      advice: { explicitBucketBoundaries: OPERATION_BUCKETS },
    });
    this.#sent = meter.createCounter('messaging.client.sent.messages', {
      unit: '{message}',
      description: 'Messages that were sent.',
    });
    this.#consumed = meter.createCounter('messaging.client.consumed.messages', {
      unit: '{message}',
      description: 'Messages that were received.',
    });
  }

  /** The same for another queue or topic of the broker. */
  at(destination: string): MessagingTelemetry {
    return destination === this.#place.destination ? this : new MessagingTelemetry({ ...this.#place, destination });
  }

  /**
   * The trace context that a new message carries: that of a `create` span below the caller's own, whose context it was given or
   * is active. Without an SDK it is what was given.
   */
  create(given: CarriedContext, { messageId, model }: { messageId: string; model: string }): CarriedContext {
    const remote = spanContextOf(given);
    const parent = remote ? trace.setSpanContext(context.active(), remote) : context.active();
    const attributes = {
      ...this.#attributes,
      ...operationAttributes({ name: 'create', type: 'create' }),
      'messaging.message.id': messageId,
      'retrain.model': model,
    };
    const span = this.#tracer.startSpan(
      `create ${this.#place.destination}`,
      { kind: SpanKind.PRODUCER, attributes },
      parent,
    );
    span.end();
    // Without an SDK it is the span that was handed in.
    const isOwn = span.spanContext().spanId !== remote?.spanId;
    return (isOwn ? traceContextOf(span.spanContext()) : undefined) ?? given;
  }

  /** Does `work` in a span of its own and measures it. `received` counts what came, for a receive. */
  async operate<T>(operation: Operation, work: () => Promise<T>, received?: (result: T) => number): Promise<T> {
    const { name, type, count, messageId, model, from = [] } = operation;
    const attributes = { ...this.#attributes, ...operationAttributes({ name, type }) };
    const span = this.#tracer.startSpan(`${name} ${this.#place.destination}`, {
      kind: SpanKind.CLIENT,
      links: linksTo(from),
      attributes: {
        ...attributes,
        ...(count !== undefined && { 'messaging.batch.message_count': count }),
        ...(messageId !== undefined && { 'messaging.message.id': messageId }),
        ...(model !== undefined && { 'retrain.model': model }),
        ...(type === 'settle' && { 'messaging.servicebus.disposition_status': name }),
      },
    });
    const beganMs = this.#place.clock.monotonicMs();
    let failure: Attributes = {};
    try {
      const result = await context.with(trace.setSpan(context.active(), span), work);
      const messages = received?.(result) ?? count ?? 1;
      if (received) span.setAttribute('messaging.batch.message_count', messages);
      if (type === 'send') this.#sent.add(messages, attributes);
      if (type === 'receive' && name === 'receive') this.#consumed.add(messages, attributes);
      return result;
    } catch (error) {
      failure = { 'error.type': errorType(error) };
      fail(span, error);
      throw error;
    } finally {
      this.#duration.record((this.#place.clock.monotonicMs() - beganMs) / 1000, { ...attributes, ...failure });
      span.end();
    }
  }
}

/** Where: attributes that every span and metric of a destination has. */
export function placeAttributes({ destination, host }: Omit<TelemetryPlace, 'clock'>): Attributes {
  const [, address = host, port] = /^(.*?)(?::(\d+))?$/.exec(host) ?? [];
  return {
    'messaging.system': 'servicebus',
    'messaging.destination.name': destination,
    'server.address': address,
    ...(port !== undefined && { 'server.port': Number(port) }),
  };
}

export function operationAttributes({ name, type }: { name: string; type: string }): Attributes {
  return { 'messaging.operation.name': name, 'messaging.operation.type': type };
}

/** Links, not parents: many messages lead to one run, and one trace of months would be of no use. */
export function linksTo(contexts: readonly CarriedContext[]): Link[] {
  return contexts
    .slice(0, LINKS_MAX)
    .flatMap((one) => spanContextOf(one) ?? [])
    .map((linked) => ({ context: linked }));
}

/** Notes a failure on a span. */
export function fail(span: Span, error: unknown): void {
  span.setAttribute('error.type', errorType(error));
  span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
}

/** Few different values: a code, or the name of a class. */
function errorType(error: unknown): string {
  if (error instanceof RetrainError) return error.code;
  const { code, name } = error as { code?: unknown; name?: unknown };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : '_OTHER';
}
