import { Command } from 'commander';
import { configurationJsonSchema } from '../retraining/configuration/configuration-schema.ts';
import { CONFIGURATION_FILE } from './configuration-file.ts';
import { requireConfiguration } from './configured.ts';
import { configurationSummary } from './configuration-summary.ts';
import { counted } from './counted.ts';

interface CheckFlags {
  readonly json?: true;
}

export function configCommand(): Command {
  return new Command('config')
    .description('Checks the configuration, or prints the schema of such a file.')
    .addCommand(
      new Command('check')
        .description(
          'Reads the configuration and says what is wrong in it, with line and column; nothing is connected to.',
        )
        .argument('[file]', `the configuration (default: ${CONFIGURATION_FILE})`)
        .option('--json', 'print what was read as JSON')
        .addHelpText(
          'after',
          `
Variables, \${NAME}, are taken from the environment. Exit code 0: it can be used; 2: it has to be corrected.

Examples:
  retrain config check
  retrain config check deploy/retrain.yaml`,
        )
        .action(checkConfiguration),
    )
    .addCommand(
      new Command('schema')
        .description('Prints the JSON Schema of such a file, for editors.')
        .action(() => console.log(JSON.stringify(configurationJsonSchema(), undefined, 2))),
    );
}

async function checkConfiguration(file: string | undefined, { json }: CheckFlags): Promise<void> {
  const configuration = await requireConfiguration(file);
  const summary = configurationSummary(configuration);
  if (json) console.log(JSON.stringify(summary));
  else {
    const { models, monitors, intakeRules, notifyRules } = summary;
    const counts = [
      counted(models.length, 'model'),
      counted(monitors, 'monitor'),
      counted(intakeRules, 'intake rule'),
      counted(notifyRules, 'notify rule'),
    ];
    console.log(`${configuration.file} can be used: ${counts.join(', ')}; broker: ${summary.broker}`);
  }
}
