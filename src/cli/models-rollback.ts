import { hostname, userInfo } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { RetrainError } from '../errors.ts';
import type { Champion, Registry } from '../retraining/registries/registry.ts';
import { REASON_MAX_LENGTH } from '../retraining/registries/registry.ts';
import { rollbackTarget } from '../retraining/registries/rollback-target.ts';
import { confirmed } from './confirmation.ts';
import { addRegistryOptions, registryOf } from './models-registry.ts';
import type { RegistryFlags } from './models-registry.ts';
import { metricsText } from './models-text.ts';

interface RollbackFlags extends RegistryFlags {
  readonly to?: string;
  readonly reason?: string;
  readonly yes?: true;
  readonly json?: true;
}

export function modelsRollbackCommand(): Command {
  return addRegistryOptions(new Command('rollback'))
    .description('Makes an earlier champion of a model champion again.')
    .argument('<model>', "the model's name")
    .option('--to <run>', 'the run to go back to (default: the champion before the present one was promoted)')
    .option('--reason <text>', 'why, for the history', reasonText)
    .option('--yes', 'do not ask')
    .option('--json', 'print the change as a line of JSON')
    .addHelpText(
      'after',
      `
It asks on the terminal, unless --yes is given. A run that is under way and has compared with the present champion is not promoted: its
requests run again.

Examples:
  retrain models rollback births --reason "worse on Sundays"
  retrain models rollback births --to 7-1f2e3d4c5b6a --yes`,
    )
    .action(runRollback);
}

async function runRollback(model: string, flags: RollbackFlags): Promise<void> {
  const registry = await registryOf(flags);
  const { epoch: expectedEpoch, champion } = await registry.read(model);
  if (!champion) throw new RetrainError('ARGUMENT_INVALID', `${model} has no champion: see retrain models list`);
  if (!flags.yes) await ask(registry, { model, champion, to: flags.to });
  const { to, reason } = flags;
  const change = await registry.rollback(model, { to, expectedEpoch, by: whoAmI(), reason });
  console.log(
    flags.json
      ? JSON.stringify({ model, ...change })
      : `${model}: run ${change.runId} is champion again, epoch ${change.epoch}; it was run ${champion.runId}`,
  );
}

async function ask(
  registry: Registry,
  { model, champion, to }: { model: string; champion: Champion; to: string | undefined },
): Promise<void> {
  const target = rollbackTarget({ model, history: await registry.history(model) }, to);
  const now = `run ${champion.runId} (${metricsText(champion.metrics.challenger)})`;
  const then = `run ${target.runId} (${metricsText(target.metrics.challenger)}, promoted ${target.promotedAt})`;
  await confirmed(`Roll ${model} back from ${now} to ${then}?`);
}

function whoAmI(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A container may run under an id that nobody has.
    return hostname();
  }
}

function reasonText(value: string): string {
  if (value.trim() !== '' && value.length <= REASON_MAX_LENGTH) return value;
  throw new InvalidArgumentError(`use 1 to ${REASON_MAX_LENGTH} characters`);
}
