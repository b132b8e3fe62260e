import { resolve } from 'node:path';
import type { TokenCredential } from '@azure/service-bus';
import type { Clock } from '../../runtime/clock.ts';
import type { Files } from '../../runtime/files.ts';
import type { Random } from '../../runtime/random.ts';
import type { Connection } from '../connection.ts';
import { MonitorRunner } from '../monitors/monitor-runner.ts';
import type { MonitorRunnerOptions } from '../monitors/monitor-runner.ts';
import type { MonitorSettings } from '../monitors/monitor-settings.ts';
import { ObservationSink } from '../monitors/observation-sink.ts';
import { Notifier } from '../notify/notifier.ts';
import type { NotifySource } from '../notify/notify-inbox.ts';
import type { NotifyLog } from '../notify/notify-log.ts';
import { RetrainingProducer } from '../producer.ts';
import type { ProducerLog } from '../producer-log.ts';
import { createRegistry } from '../registries/registry-settings.ts';
import type { Registry } from '../registries/registry.ts';
import type { RunKeep } from '../trainers/run-retention.ts';
import { createTrainer } from '../trainers/trainer-settings.ts';
import type { ModelPolicy } from '../worker/worker-context.ts';
import type { WorkerOptions } from '../worker/worker.ts';
import { settingsOf } from './configuration.ts';
import type { Configuration } from './configuration.ts';
import type { ModelSettings } from './model-settings.ts';

/** How often the outbox is looked at. */
const FLUSH_MS = 5_000;

/** What the parts that a configuration describes are made of. */
export interface AssemblyParts {
  readonly configuration: Configuration;
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
}

/** Where outcome events are sent to. */
export function outcomeTarget({ outcomes }: Configuration): string {
  return 'topic' in outcomes ? outcomes.topic : outcomes.queue;
}

/** @param credential for a registry in Azure that is entered with Entra ID */
export function assembleRegistry(
  { configuration, ...parts }: AssemblyParts,
  credential: TokenCredential | undefined,
): Registry {
  const { registry, folders, baseFolder } = configuration;
  return createRegistry(registry, {
    ...parts,
    folder: folders.registry,
    baseFolder,
    ...(credential && { credential }),
  });
}

/** The configuration's producer: what cannot be sent waits in the outbox and goes out by itself. */
export function assembleProducer(
  { configuration, files, clock, random }: AssemblyParts,
  {
    connection,
    queue = configuration.queues.requests,
    outbox = true,
    log,
  }: { connection: Connection; queue?: string; outbox?: boolean; log?: ProducerLog },
): RetrainingProducer {
  return new RetrainingProducer({
    connection,
    queue,
    ...(log && { log }),
    gatherWindowMs: (model) => settingsOf(configuration, model)?.gatherWindow ?? 0,
    ...(outbox && { outboxFolder: configuration.folders.outbox, flushEveryMs: FLUSH_MS }),
    files,
    clock,
    random,
  });
}

/** The monitors of each model that has some. */
export function monitorsIn({ models }: Configuration): ReadonlyMap<string, readonly MonitorSettings[]> {
  return new Map(
    [...models].flatMap(([name, { monitors }]) => (monitors.length > 0 ? [[name, monitors] as const] : [])),
  );
}

/** A runner of monitors; without `send` nothing is requested and nothing remembered. */
export function assembleMonitorRunner(
  { configuration, files, clock, random }: AssemblyParts,
  { registry, ...options }: { registry: Registry } & Pick<MonitorRunnerOptions, 'models' | 'send' | 'log'>,
): MonitorRunner {
  const { folders, baseFolder } = configuration;
  return new MonitorRunner({
    ...options,
    folder: folders.monitors,
    observationFolder: folders.observations,
    baseFolder,
    championEpoch: async (model) => (await registry.read(model)).epoch,
    files,
    clock,
    random,
  });
}

/** Where pushed observations are kept until their monitors have read them. */
export function openObservationSink({ configuration, files, clock }: AssemblyParts): Promise<ObservationSink> {
  const models = [...monitorsIn(configuration)].filter(([, monitors]) => monitors.some(({ source }) => source.pushed));
  return ObservationSink.open({
    folder: configuration.folders.observations,
    models: models.map(([name]) => name),
    files,
    clock,
  });
}

/** What the notifier takes outcome events from. */
export function notifySource({ outcomes }: Configuration): NotifySource {
  return 'queue' in outcomes ? outcomes : { topic: outcomes.topic, subscription: outcomes.notifySubscription };
}

/** The configuration's notifier; every command in its texts names the configuration, and what else leads to the same broker. */
export function assembleNotifier(
  { configuration, files, clock, random }: AssemblyParts,
  { connection, log, options = [] }: { connection: Connection; log: NotifyLog; options?: readonly string[] },
): Notifier {
  const { queues, notify, folders, baseFolder, file } = configuration;
  return new Notifier({
    connection,
    from: notifySource(configuration),
    requests: queues.requests,
    rules: notify,
    folder: folders.notify,
    baseFolder,
    replayOptions: ['--config', resolve(file), ...options],
    log,
    files,
    clock,
    random,
  });
}

/** Policies of the configured models; a model's trainer is made once. */
export function assemblePolicies(parts: AssemblyParts): (model: string) => ModelPolicy | undefined {
  const made = new Map<ModelSettings, ModelPolicy>();
  return (model) => {
    const settings = settingsOf(parts.configuration, model);
    if (!settings) return undefined;
    const known = made.get(settings);
    if (known) return known;
    const policy = assemblePolicy(settings, parts);
    made.set(settings, policy);
    return policy;
  };
}

function assemblePolicy(settings: ModelSettings, { configuration, ...parts }: AssemblyParts): ModelPolicy {
  const { folders, baseFolder, worker } = configuration;
  const { gate, maxRuntime, maxRequests, coolDown, budgetPerDay, attempts, killedAttempts, backoff, keep } = settings;
  return {
    trainer: createTrainer(settings.trainer, {
      ...parts,
      runFolder: folders.runs,
      baseFolder,
      graceMs: worker.grace,
      ...(maxRuntime !== undefined && { maxRunMs: maxRuntime }),
      ...(keep && { keep: runKeep(keep) }),
    }),
    gate,
    ...(attempts !== undefined && { maxAttempts: attempts }),
    ...(killedAttempts !== undefined && { maxKills: killedAttempts }),
    ...(coolDown !== undefined && { cooldownMs: coolDown }),
    ...(budgetPerDay !== undefined && { maxRunsPerDay: budgetPerDay }),
    ...(maxRequests !== undefined && { maxRequests }),
    ...(backoff && { backoff: { baseMs: backoff.base, maxMs: backoff.max } }),
  };
}

function runKeep({ runs, megabytes, age }: NonNullable<ModelSettings['keep']>): RunKeep {
  return {
    ...(runs !== undefined && { runs }),
    ...(megabytes !== undefined && { bytes: megabytes * 1_048_576 }),
    ...(age !== undefined && { ageMs: age }),
  };
}

/** A worker's options but for those that tell what happens. */
export function assembleWorkerOptions(
  parts: AssemblyParts,
  { connection, registry }: { connection: Connection; registry: Registry },
): Omit<WorkerOptions, 'log' | 'onLedgerWrite'> {
  const { configuration, files, clock, random } = parts;
  return {
    connection,
    queue: configuration.queues.requests,
    policyOf: assemblePolicies(parts),
    registry,
    outcomes: outcomeTarget(configuration),
    outcomeFolder: configuration.folders.state,
    ...(!configuration.queues.sessions && { sessions: false, ledgerFolder: configuration.folders.ledgers }),
    concurrency: configuration.worker.concurrency,
    graceMs: configuration.worker.grace,
    files,
    clock,
    random,
  };
}
