import {
  assembleMonitorRunner,
  assembleProducer,
  assembleWorkerOptions,
  monitorsIn,
  openObservationSink,
} from '../retraining/configuration/assembly.ts';
import type { AssemblyParts } from '../retraining/configuration/assembly.ts';
import { settingsOf } from '../retraining/configuration/configuration.ts';
import type { Configuration } from '../retraining/configuration/configuration.ts';
import type { Connection } from '../retraining/connection.ts';
import { RetrainListener } from '../retraining/listener/listener.ts';
import type { ListenerSettings } from '../retraining/listener/listener-settings.ts';
import { addObservationRoutes } from '../retraining/listener/observation-routes.ts';
import { addRequestRoutes } from '../retraining/listener/request-routes.ts';
import type { RetrainingProducer } from '../retraining/producer.ts';
import type { Registry } from '../retraining/registries/registry.ts';
import { RetrainingWorker } from '../retraining/worker/worker.ts';
import { systemClock } from '../runtime/clock.ts';
import { configuredRegistry, partsOf } from './configured-parts.ts';
import { Readiness } from './readiness.ts';
import { StartedParts } from './started-parts.ts';
import type { UpOutput } from './up-output.ts';

/** What parts have in common while they are started. */
interface Starting {
  readonly parts: AssemblyParts;
  readonly connection: Connection;
  readonly output: UpOutput;
  readonly started: StartedParts;
  readonly readiness: Readiness;
}

/** All parts but the broker, running. Disposing of them stops them in order: first what lets work in, last the worker. */
export interface UpParts extends AsyncDisposable {
  /** What runs, in one line. */
  readonly summary: string;
}

/** Starts everything that the configuration describes; when one part cannot start, those before it are stopped again. */
export async function startParts(
  configuration: Configuration,
  { connection, output }: { connection: Connection; output: UpOutput },
): Promise<UpParts> {
  const started = new StartedParts();
  const starting = { parts: partsOf(configuration), connection, output, started, readiness: new Readiness() };
  try {
    // Metrics have to be there before whatever measures.
    const metrics = configuration.listen && (await metricsText());
    const registry = await configuredRegistry(configuration);
    const producer = started.add(assembleProducer(starting.parts, { connection, log: (fact) => output.tell(fact) }));
    const summary = [
      await startWorker(starting, registry),
      await startMonitors(starting, { registry, producer }),
      await startListener(starting, { producer, metrics }),
    ];
    const lines = summary.filter((line) => line !== undefined);
    return { summary: lines.join(', '), [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
  } catch (error) {
    await started[Symbol.asyncDispose]().catch(() => undefined);
    throw error;
  }
}

async function metricsText(): Promise<() => Promise<string>> {
  const { prometheusMetrics } = await import('../retraining/telemetry/prometheus-metrics.ts');
  return prometheusMetrics();
}

async function startWorker(
  { parts, connection, output, started, readiness }: Starting,
  registry: Registry,
): Promise<string> {
  const worker = started.add(
    new RetrainingWorker({
      ...assembleWorkerOptions(parts, { connection, registry }),
      log: (fact) => {
        readiness.see(fact);
        output.tell(fact);
      },
      onLedgerWrite: (moment, event, { model }) => {
        if (moment === 'after') output.written(event, model);
      },
    }),
  );
  await worker.start();
  const { models, otherModels, worker: settings } = parts.configuration;
  return `${models.size}${otherModels ? ' and any other' : ''} models, ${settings.concurrency} at the same time`;
}

async function startMonitors(
  { parts, output, started }: Starting,
  { registry, producer }: { registry: Registry; producer: RetrainingProducer },
): Promise<string | undefined> {
  const models = monitorsIn(parts.configuration);
  if (models.size === 0) return undefined;
  const runner = started.add(
    assembleMonitorRunner(parts, {
      registry,
      models,
      send: (_, request) => producer.submit(request),
      log: (fact) => output.tell(fact),
    }),
  );
  await runner.start();
  const count = [...models.values()].reduce((sum, { length }) => sum + length, 0);
  return `${count} ${count === 1 ? 'monitor' : 'monitors'}`;
}

async function startListener(
  { parts, output, started, readiness }: Starting,
  { producer, metrics }: { producer: RetrainingProducer; metrics: (() => Promise<string>) | undefined },
): Promise<string | undefined> {
  const { configuration } = parts;
  if (!configuration.listen) return undefined;
  const log = (fact: Parameters<UpOutput['tell']>[0]): void => output.tell(fact);
  const sink = started.add(await openObservationSink(parts));
  const listener = started.add(
    new RetrainListener({
      settings: configuration.listen satisfies ListenerSettings,
      checks: { broker: () => readiness.check() },
      ...(metrics && { metrics }),
      log,
      clock: systemClock,
    }),
  );
  addRequestRoutes(listener, {
    producer,
    knowsModel: (model) => settingsOf(configuration, model) !== undefined,
    log,
  });
  addObservationRoutes(listener, { sink });
  await listener.start();
  return `HTTP at ${listener.url}`;
}
