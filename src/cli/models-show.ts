import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import type { Challenger, Champion, ChampionChange } from '../retraining/registries/registry.ts';
import { addRegistryOptions, registryOf } from './models-registry.ts';
import type { RegistryFlags } from './models-registry.ts';
import { metricsText } from './models-text.ts';
import { onOneLine } from './printable.ts';
import { table, Terminal } from './terminal.ts';

interface ShowFlags extends RegistryFlags {
  readonly json?: true;
}

export function modelsShowCommand(): Command {
  return addRegistryOptions(new Command('show'))
    .description('Shows champion and challenger of a model, and who was champion before.')
    .argument('<model>', "the model's name")
    .option('--json', 'print everything as a line of JSON')
    .addHelpText('after', '\nExample:\n  retrain models show births')
    .action(runShow);
}

async function runShow(model: string, flags: ShowFlags): Promise<void> {
  const registry = await registryOf(flags);
  const state = await registry.read(model);
  const history = await registry.history(model);
  if (!state.champion && !state.challenger)
    throw new RetrainError('ARGUMENT_INVALID', `the registry has nothing of ${model}: see retrain models list`);
  if (flags.json) {
    console.log(JSON.stringify({ model, ...state, history }));
    return;
  }
  const terminal = new Terminal(process.stdout);
  const { champion, challenger } = state;
  if (champion) show(terminal, 'Champion', { ...champion, since: champion.promotedAt });
  else terminal.line(`${terminal.paint('bold', 'Champion')}  none`);
  if (challenger) show(terminal, 'Challenger', { ...challenger, since: challenger.keptAt });
  if (history.length === 0) return;
  const [head = '', ...lines] = table([' Epoch', 'When', 'Run', 'How', 'Metrics', 'By', 'Reason'], history.map(row));
  terminal.line();
  terminal.line(terminal.paint('bold', head));
  for (const line of lines) terminal.line(line);
}

function show(terminal: Terminal, title: string, one: (Champion | Challenger) & { readonly since: string }): void {
  const { runId, epoch, since, artifact, digest, metrics } = one;
  terminal.line(`${terminal.paint('bold', title)}  run ${runId}, epoch ${epoch}, since ${since}`);
  terminal.line(`  artifact  ${onOneLine(artifact)}`);
  terminal.line(`  digest    ${digest}`);
  terminal.line(`  metrics   ${metricsText(metrics.challenger)}`);
}

function row({ epoch, promotedAt, runId, how, metrics, by = '', reason = '' }: ChampionChange): string[] {
  return [String(epoch), promotedAt, runId, how, metricsText(metrics.challenger), onOneLine(by), onOneLine(reason)];
}
