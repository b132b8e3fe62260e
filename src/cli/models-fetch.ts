import { resolve } from 'node:path';
import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import type { ArtifactRef, Registry } from '../retraining/registries/registry.ts';
import { addRegistryOptions, registryOf } from './models-registry.ts';
import type { RegistryFlags } from './models-registry.ts';

interface FetchFlags extends RegistryFlags {
  readonly run?: string;
  readonly json?: true;
}

export function modelsFetchCommand(): Command {
  return addRegistryOptions(new Command('fetch'))
    .description("Copies a model's artifact from the registry into a folder, and checks its digest.")
    .argument('<model>', "the model's name")
    .argument('<folder>', 'where to; made when missing')
    .option('--run <id>', 'the challenger or an earlier champion, by its run (default: the champion)')
    .option('--json', 'print run, digest and path as a line of JSON')
    .addHelpText(
      'after',
      `
Examples:
  retrain models fetch births ./serving
  retrain models fetch births ./compare --run 7-1f2e3d4c5b6a`,
    )
    .action(runFetch);
}

async function runFetch(model: string, folder: string, flags: FetchFlags): Promise<void> {
  const registry = await registryOf(flags);
  const found = await artifactOf(registry, model, flags.run);
  const path = await registry.fetch(model, found, resolve(folder));
  const { runId, digest } = found;
  console.log(flags.json ? JSON.stringify({ model, runId, digest, path }) : path);
}

async function artifactOf(registry: Registry, model: string, runId: string | undefined): Promise<ArtifactRef> {
  const { champion, challenger } = await registry.read(model);
  const known = [champion, challenger, ...(runId === undefined ? [] : await registry.history(model))];
  const found = runId === undefined ? champion : known.find((one) => one?.runId === runId);
  if (found) return found;
  const what = runId === undefined ? 'no champion' : `no run ${runId}`;
  throw new RetrainError('ARGUMENT_INVALID', `the registry has ${what} of ${model}: see retrain models show ${model}`);
}
