import { context, metrics, SpanKind, trace } from '@opentelemetry/api';
import type { Attributes, Span } from '@opentelemetry/api';
import type { Clock } from '../../runtime/clock.ts';
import type { ExitMeaning } from '../trainers/exit-code.ts';
import type { WorkerFact } from '../worker/worker-log.ts';
import { fail, INSTRUMENTATION, linksTo, operationAttributes, placeAttributes } from './messaging-telemetry.ts';
import type { TelemetryPlace } from './messaging-telemetry.ts';
import { traceContextOf } from './trace-context.ts';
import type { CarriedContext, TraceContext } from './trace-context.ts';

/** Seconds: from a function that does next to nothing to a training of a day. */
const RUN_BUCKETS = [0.1, 1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400];

export interface ObservedRun {
  readonly model: string;
  readonly runId: string;
  readonly epoch: number;
  /** Trace contexts of the requests that the run answers. */
  readonly from: readonly CarriedContext[];
}

/** How an execution of a trainer ended. */
type RunResultName = 'succeeded' | Exclude<ExitMeaning, 'success'>;

/** An execution that goes on. */
export interface RunSpan {
  /** For the trainer: that of the run's own span, when an SDK records it. */
  readonly traceContext: TraceContext | undefined;
  /** Does `work` with the span as the active one. */
  inside<T>(work: () => T): T;
  end(result: RunResultName, reason?: string): void;
}

/**
 * Spans and metrics of runs: a `process` span by the conventions for messaging, linked to what asked for the run;
 * `retrain.run.duration`, `retrain.runs.active`, `retrain.lock.lost`, `retrain.requests.coalesced`,
 * `retrain.requests.deadlettered` and `retrain.requests.postponed`.
 */
export class RunTelemetry {
  readonly #place: Omit<TelemetryPlace, 'clock'>;
  readonly #clock: Clock;
  readonly #tracer = trace.getTracer(INSTRUMENTATION);
  readonly #duration;
  readonly #processed;
  readonly #active;
  readonly #lost;
  readonly #coalesced;
  readonly #deadLettered;
  readonly #postponed;

  constructor({ clock, ...place }: TelemetryPlace) {
    this.#place = place;
    this.#clock = clock;
    const meter = metrics.getMeter(INSTRUMENTATION);
    const advice = { explicitBucketBoundaries: RUN_BUCKETS };
    this.#duration = meter.createHistogram('retrain.run.duration', {
      unit: 's',
      description: 'How long a trainer was executed.',
      advice,
    });
    this.#processed = meter.createHistogram('messaging.process.duration', {
      unit: 's',
      description: 'Duration of processing messages.',
      advice,
    });
    this.#active = meter.createUpDownCounter('retrain.runs.active', {
      unit: '{run}',
      description: 'Trainers that are being executed.',
    });
    const counter = (name: string, unit: string, description: string): ReturnType<typeof meter.createCounter> =>
      meter.createCounter(name, { unit, description });
    this.#lost = counter('retrain.lock.lost', '{lock}', 'Sessions that were lost although work was under way.');
    this.#coalesced = counter(
      'retrain.requests.coalesced',
      '{request}',
      'Requests that another request’s run answers, so that they cost none of their own.',
    );
    this.#deadLettered = counter('retrain.requests.deadlettered', '{request}', 'Requests that were dead-lettered.');
    this.#postponed = counter(
      'retrain.requests.postponed',
      '{request}',
      'Requests that were put off for cool-down, budget or an interruption.',
    );
  }

  /** Begins an execution. */
  begin({ model, runId, epoch, from }: ObservedRun): RunSpan {
    const common: Attributes = {
      ...placeAttributes(this.#place),
      ...operationAttributes({ name: 'process', type: 'process' }),
    };
    const byModel = { 'retrain.model': model };
    const span = this.#tracer.startSpan(
      `process ${this.#place.destination}`,
      {
        kind: SpanKind.CONSUMER,
        links: linksTo(from),
        attributes: {
          ...common,
          ...byModel,
          'retrain.run.id': runId,
          'retrain.run.epoch': epoch,
          'messaging.batch.message_count': from.length,
        },
      },
      // Whatever is active is the loop of a slot, not the cause of the run.
      context.active(),
    );
    const beganMs = this.#clock.monotonicMs();
    this.#active.add(1, byModel);
    return {
      traceContext: traceContextOf(span.spanContext()),
      inside: (work) => context.with(trace.setSpan(context.active(), span), work),
      end: (result, reason) => {
        const seconds = (this.#clock.monotonicMs() - beganMs) / 1000;
        const failure = result === 'succeeded' ? {} : { 'error.type': result };
        this.#active.add(-1, byModel);
        this.#duration.record(seconds, { ...byModel, 'retrain.run.result': result });
        this.#processed.record(seconds, { ...common, ...failure });
        endSpan(span, result, reason);
      },
    };
  }

  /** Counts what the worker tells. */
  see(fact: WorkerFact): void {
    switch (fact.fact) {
      case 'session-lost':
        return this.#lost.add(1, { 'retrain.model': fact.model });
      case 'run-started':
        if (fact.requests > 1) this.#coalesced.add(fact.requests - 1, { 'retrain.model': fact.model });
        return;
      case 'dead-lettered':
        return this.#deadLettered.add(1, { 'retrain.model': fact.model, 'retrain.reason': fact.reason });
      case 'postponed':
        return this.#postponed.add(fact.requests, { 'retrain.model': fact.model });
      default:
        return undefined;
    }
  }
}

function endSpan(span: Span, result: RunResultName, reason: string | undefined): void {
  span.setAttribute('retrain.run.result', result);
  if (result !== 'succeeded') {
    fail(span, new Error(reason ?? result));
    span.setAttribute('error.type', result);
  }
  span.end();
}
