import assert from 'node:assert/strict';
import { test } from 'node:test';
import { context, metrics, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import { traceContextOf } from '../../../src/retraining/telemetry/trace-context.ts';
import { openWorld, QUEUE } from '../worker/worker-fixture.ts';

// OpenTelemetry's own SDK in this process, over the real broker: a process of its own for this file, as its providers are global.

const spans = new InMemorySpanExporter();
const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

function named(name: string): ReadableSpan[] {
  return spans.getFinishedSpans().filter((span) => span.name === name);
}

async function points(name: string): Promise<{ attributes: object; value: unknown }[]> {
  await reader.forceFlush();
  const found = exporter
    .getMetrics()
    .at(-1)
    ?.scopeMetrics.flatMap((scope) => scope.metrics)
    .find(({ descriptor }) => descriptor.name === name);
  return (found?.dataPoints ?? []).map(({ attributes, value }) => ({ attributes, value }));
}

test('a request can be followed from who asked for it to the trainer, by the conventions for messaging', async (t) => {
  const world = await openWorld(t);
  const asked = trace.getTracer('test').startSpan('a monitor');
  await context.with(trace.setSpan(context.active(), asked), async () => {
    for (const count of [1, 2])
      await world.producer.request({
        model: { name: 'births' },
        trigger: { kind: 'new-data' },
        data: [{ uri: `file:///${count}` }],
      });
  });
  asked.end();
  const runs: TrainerRun[] = [];
  const trainer = {
    start: (run: TrainerRun) => {
      runs.push(run);
      // What the trainer's own client does belongs to the run.
      trace.getTracer('test').startSpan('inside').end();
      const failed = { kind: 'failed', meaning: 'permanent', reason: 'no', stderrTail: '', logFile: '' } as const;
      return { result: Promise.resolve(failed), stop: () => undefined };
    },
  };
  const worker = await world.work({ trainer, policy: { maxAttempts: 1 } });
  await world.told('failed');
  await worker.stop();

  const creates = named(`create ${QUEUE}`);
  assert.equal(creates.length, 2);
  const [create] = creates;
  assert.equal(create?.kind, SpanKind.PRODUCER);
  assert.equal(create?.parentSpanContext?.spanId, asked.spanContext().spanId);
  assert.equal(create?.attributes['messaging.system'], 'servicebus');
  assert.equal(create?.attributes['messaging.operation.type'], 'create');

  const [send] = named(`send ${QUEUE}`);
  assert.equal(send?.kind, SpanKind.CLIENT);
  assert.equal(send?.links[0]?.context.spanId, create?.spanContext().spanId);

  const [process] = named(`process ${QUEUE}`);
  assert.equal(process?.kind, SpanKind.CONSUMER);
  assert.deepEqual(
    new Set(process?.links.map((link) => link.context.spanId)),
    new Set(creates.map((span) => span.spanContext().spanId)),
  );
  assert.equal(process?.parentSpanContext, undefined, 'linked, not a child');
  assert.equal(process?.attributes['error.type'], 'permanent');
  assert.equal(process?.attributes['retrain.model'], 'births');
  assert.equal(runs[0]?.traceparent, process && traceContextOf(process.spanContext())?.traceparent);
  assert.equal(named('inside')[0]?.parentSpanContext?.spanId, process?.spanContext().spanId);

  assert.ok(named(`receive ${QUEUE}`).some((span) => span.attributes['messaging.batch.message_count'] === 1));
  const settled = [...named(`complete ${QUEUE}`), ...named(`dead_letter ${QUEUE}`)];
  assert.ok(settled.length > 0);
  for (const span of settled) assert.equal(span.attributes['messaging.operation.type'], 'settle');
});

test('runs, lost locks and coalesced requests are counted by model', async () => {
  const byModel = { 'retrain.model': 'births' };
  assert.deepEqual(await points('retrain.requests.coalesced'), [{ attributes: byModel, value: 1 }]);
  const [first] = await points('retrain.run.duration');
  assert.deepEqual(first?.attributes, { ...byModel, 'retrain.run.result': 'permanent' });
  assert.deepEqual(
    (await points('retrain.runs.active')).map(({ value }) => value),
    [0],
  );
  const durations = await points('messaging.client.operation.duration');
  const names = new Set(
    durations.map(({ attributes }) => (attributes as Record<string, string>)['messaging.operation.name']),
  );
  for (const name of ['send', 'receive']) assert.ok(names.has(name), name);
});
