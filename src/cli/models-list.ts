import { Command } from 'commander';
import type { ModelState } from '../retraining/registries/registry.ts';
import { addRegistryOptions, registryOf } from './models-registry.ts';
import type { RegistryFlags } from './models-registry.ts';
import { metricsText } from './models-text.ts';
import { table, Terminal } from './terminal.ts';

interface ListFlags extends RegistryFlags {
  readonly json?: true;
}

export function modelsListCommand(): Command {
  return addRegistryOptions(new Command('list'))
    .description('Lists every model with a champion or a challenger.')
    .option('--json', 'print every model as a line of JSON')
    .addHelpText(
      'after',
      `
Examples:
  retrain models list
  retrain models list --json | jq -r .champion.artifact`,
    )
    .action(runList);
}

async function runList(flags: ListFlags): Promise<void> {
  const models = await (await registryOf(flags)).list();
  if (flags.json) {
    for (const model of models) console.log(JSON.stringify(model));
    return;
  }
  const terminal = new Terminal(process.stdout);
  if (models.length === 0) return terminal.line('the registry has no models yet');
  const [head = '', ...lines] = table(
    [' Epoch', 'Model', 'Champion', 'Since', 'Metrics', 'Challenger'],
    models.map(row),
  );
  terminal.line(terminal.paint('bold', head));
  for (const line of lines) terminal.line(line);
}

function row({ model, epoch, champion, challenger }: ModelState): string[] {
  const metrics = champion ? metricsText(champion.metrics.challenger) : '';
  return [String(epoch), model, champion?.runId ?? '-', champion?.promotedAt ?? '', metrics, challenger?.runId ?? ''];
}
