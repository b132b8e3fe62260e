import type { TokenCredential } from '@azure/service-bus';
import type { Clock } from '../../runtime/clock.ts';
import type { Files } from '../../runtime/files.ts';
import type { Random } from '../../runtime/random.ts';
import type { Connection } from '../connection.ts';
import { createRegistry } from '../registries/registry-settings.ts';
import type { Registry } from '../registries/registry.ts';
import { createTrainer } from '../trainers/trainer-settings.ts';
import type { ModelPolicy } from '../worker/worker-context.ts';
import type { WorkerOptions } from '../worker/worker.ts';
import { settingsOf } from './configuration.ts';
import type { Configuration } from './configuration.ts';
import type { ModelSettings } from './model-settings.ts';

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
  const { gate, maxRuntime, maxRequests, coolDown, budgetPerDay, attempts, killedAttempts, backoff } = settings;
  return {
    trainer: createTrainer(settings.trainer, {
      ...parts,
      runFolder: folders.runs,
      baseFolder,
      graceMs: worker.grace,
      ...(maxRuntime !== undefined && { maxRunMs: maxRuntime }),
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
    concurrency: configuration.worker.concurrency,
    graceMs: configuration.worker.grace,
    files,
    clock,
    random,
  };
}
