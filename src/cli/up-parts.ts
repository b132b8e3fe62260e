import {
  assembleMonitorRunner,
  assembleNotifier,
  assembleProducer,
  assembleWorkerOptions,
  monitorsIn,
} from '../retraining/configuration/assembly.ts';
import type { AssemblyParts } from '../retraining/configuration/assembly.ts';
import type { Configuration } from '../retraining/configuration/configuration.ts';
import { startIntake, startRequestListener } from '../retraining/configuration/intake-assembly.ts';
import type { Connection } from '../retraining/connection.ts';
import type { NotifyFact } from '../retraining/notify/notify-log.ts';
import type { RetrainingProducer } from '../retraining/producer.ts';
import type { Registry } from '../retraining/registries/registry.ts';
import { RetrainingWorker } from '../retraining/worker/worker.ts';
import { configuredRegistry, metricsText, partsOf } from './configured-parts.ts';
import { Readiness } from './readiness.ts';
import { StartedParts } from './started-parts.ts';
import type { UpFact } from './up-output.ts';
import type { WorkerOutput } from './worker-output.ts';
import { counted } from './counted.ts';

/** What parts have in common while they are started. */
interface Starting {
  readonly parts: AssemblyParts;
  readonly connection: Connection;
  readonly output: WorkerOutput<UpFact>;
  readonly started: StartedParts;
  readonly readiness: Readiness;
  /** What else than the configuration leads other commands to this broker. */
  readonly options: readonly string[];
}

/** All parts but the broker, running. Disposing of them stops them in order: first what lets work in, last the worker. */
export interface UpParts extends AsyncDisposable {
  /** What runs, in one line. */
  readonly summary: string;
}

/** Starts everything that the configuration describes; when one part cannot start, those before it are stopped again. */
export async function startParts(
  configuration: Configuration,
  {
    connection,
    output,
    options = [],
  }: { connection: Connection; output: WorkerOutput<UpFact>; options?: readonly string[] },
): Promise<UpParts> {
  const started = new StartedParts();
  const starting = { parts: partsOf(configuration), connection, output, started, readiness: new Readiness(), options };
  try {
    // Metrics have to be there before whatever measures.
    const metrics = configuration.listen && (await metricsText());
    const registry = await configuredRegistry(configuration);
    const producer = started.add(assembleProducer(starting.parts, { connection, log: (fact) => output.tell(fact) }));
    const summary = [
      await startWorker(starting, registry),
      await startMonitors(starting, { registry, producer }),
      await startNotifier(starting),
      ...(await startTaking(starting, { producer, metrics })),
    ];
    const lines = summary.filter((line) => line !== undefined);
    return { summary: lines.join(', '), [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
  } catch (error) {
    await started[Symbol.asyncDispose]().catch(() => undefined);
    throw error;
  }
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
  return `${otherModels ? `${models.size} and any other model` : counted(models.size, 'model')}, ${settings.concurrency} at the same time`;
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
  return counted(count, 'monitor');
}

async function startNotifier({
  parts,
  connection,
  output,
  started,
  readiness,
  options,
}: Starting): Promise<string | undefined> {
  const { notify: rules } = parts.configuration;
  if (rules.length === 0) return undefined;
  const log = (fact: NotifyFact): void => {
    readiness.see(fact);
    output.tell(fact);
  };
  await started.add(assembleNotifier(parts, { connection, log, options })).start();
  return counted(rules.length, 'notify rule');
}

async function startTaking(
  { parts, connection, output, started, readiness }: Starting,
  { producer, metrics }: { producer: RetrainingProducer; metrics: (() => Promise<string>) | undefined },
): Promise<string[]> {
  const { intake, listen: settings, queues } = parts.configuration;
  const summaries: string[] = [];
  const log = (fact: UpFact & { readonly reason?: string }): void => {
    readiness.see(fact);
    output.tell(fact);
  };
  if (intake) {
    const places = { connection, requests: queues.requests, events: queues.intake };
    summaries.push(started.add(await startIntake(parts, places, log)).summary);
  }
  if (settings) {
    const checks = { broker: () => readiness.check() };
    const options = { settings, producer, checks, log, ...(metrics && { metrics }) };
    summaries.push(started.add(await startRequestListener(parts, options)).summary);
  }
  return summaries;
}
