import { resolve } from 'node:path';
import type { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { FileRegistry } from '../retraining/registries/file-registry.ts';
import type { Registry } from '../retraining/registries/registry.ts';
import { CONFIGURATION_FILE } from './configuration-file.ts';
import { readConfiguration } from './configured.ts';
import { DEFAULT_STATE_FOLDER, stateFolders } from './state-folder.ts';

export interface RegistryFlags {
  readonly config?: string;
  readonly state?: string;
}

export function addRegistryOptions(command: Command): Command {
  return command
    .option('--config <file>', `configuration that names the registry (default: ${CONFIGURATION_FILE}, if it is here)`)
    .option('--state <dir>', `state folder of a worker without a configuration (default: ${DEFAULT_STATE_FOLDER})`);
}

/** The registry of the configuration; without one, the folder that a worker keeps its own in. */
export async function registryOf({ config, state }: RegistryFlags): Promise<Registry> {
  if (config !== undefined && state !== undefined)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      'give --config or --state, not both: the configuration names its folder',
    );
  const configuration = state === undefined ? await readConfiguration(config) : undefined;
  if (configuration) return (await import('./configured-parts.ts')).configuredRegistry(configuration);
  return new FileRegistry({ folder: stateFolders(resolve(state ?? DEFAULT_STATE_FOLDER)).registry });
}
