import { Command } from 'commander';
import { namespaceSchema } from '../topology/file/index.ts';
import { topologyExportCommand } from './topology-export.ts';
import { topologyImportCommand } from './topology-import.ts';

export function topologyCommand(): Command {
  return new Command('topology')
    .description(
      'Writes the queues, topics, subscriptions and rules of a namespace as a file, and makes them from one.',
    )
    .addCommand(topologyExportCommand())
    .addCommand(topologyImportCommand())
    .addCommand(
      new Command('schema')
        .description('Prints the JSON Schema of such a file, for editors.')
        .action(() => console.log(JSON.stringify(namespaceSchema(), undefined, 2))),
    )
    .addHelpText(
      'after',
      `
Examples:
  retrain topology export -o namespace.yaml
  retrain topology import namespace.yaml --dry-run
  retrain topology import Config.json`,
    );
}
