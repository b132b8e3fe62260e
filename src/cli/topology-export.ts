import { Command } from 'commander';
import { files } from '../runtime/files.ts';
import { namespaceText } from '../topology/file/index.ts';
import { withAdmin } from './admin-client.ts';
import { AdminNamespace } from './admin-namespace.ts';
import { addConnectionOption, connectionOf } from './connection.ts';

interface ExportOptions {
  readonly connection?: string;
  readonly output?: string;
  readonly json?: true;
  readonly all?: true;
}

export function topologyExportCommand(): Command {
  return addConnectionOption(new Command('export'))
    .description('Writes what a namespace holds as YAML, in a fixed order: equal namespaces give equal files.')
    .option('-o, --output <file>', 'file instead of stdout')
    .option('--json', 'write JSON')
    .option('--all', 'write also what is as it would be without being said')
    .addHelpText(
      'after',
      `
Messages, keys and access rules are not written. The key of the connection string needs the right to manage.

Examples:
  retrain topology export > namespace.yaml
  diff <(retrain topology export) <(retrain topology export --connection "$AZURE")`,
    )
    .action(runExport);
}

async function runExport({ output, json, all, ...options }: ExportOptions): Promise<void> {
  const namespace = await withAdmin(connectionOf(options), (admin) => new AdminNamespace(admin).read());
  const text = await namespaceText(namespace, { notation: json ? 'json' : 'yaml', all: all ?? false });
  if (output === undefined) process.stdout.write(text);
  else await files.writeAtomic(output, text);
}
