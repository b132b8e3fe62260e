import type { TokenCredential } from '@azure/service-bus';
import { assembleRegistry, assembleWorkerOptions } from '../retraining/configuration/assembly.ts';
import type { AssemblyParts } from '../retraining/configuration/assembly.ts';
import type { Configuration } from '../retraining/configuration/configuration.ts';
import type { Connection } from '../retraining/connection.ts';
import type { Registry } from '../retraining/registries/registry.ts';
import type { WorkerOptions } from '../retraining/worker/worker.ts';
import { systemClock } from '../runtime/clock.ts';
import { files } from '../runtime/files.ts';
import { systemRandom } from '../runtime/random.ts';
import { entraCredential } from './entra-credential.ts';

/** What a configuration describes, with this process's clock, disk and randomness. */
export function partsOf(configuration: Configuration): AssemblyParts {
  return { configuration, files, clock: systemClock, random: systemRandom };
}

/** The configuration's registry; in Azure it is entered like the broker, or by what signs this process in. */
export async function configuredRegistry(configuration: Configuration): Promise<Registry> {
  return assembleRegistry(partsOf(configuration), await credentialFor(configuration));
}

/** The options of the configuration's worker, on the broker of `connection`. */
export async function configuredWorker(configuration: Configuration, connection: Connection): Promise<WorkerOptions> {
  const registry = await configuredRegistry(configuration);
  return assembleWorkerOptions(partsOf(configuration), { connection, registry });
}

async function credentialFor({ registry, connection }: Configuration): Promise<TokenCredential | undefined> {
  const { azureBlob } = registry;
  if (azureBlob?.accountUrl === undefined || azureBlob.sas !== undefined) return undefined;
  return entraCredential(connection?.clientId);
}

/** Metrics of this process for Prometheus; they have to be there before whatever measures is made. */
export async function metricsText(): Promise<() => Promise<string>> {
  const { prometheusMetrics } = await import('../retraining/telemetry/prometheus-metrics.ts');
  return prometheusMetrics();
}
