import { Command } from 'commander';
import { modelsFetchCommand } from './models-fetch.ts';
import { modelsListCommand } from './models-list.ts';
import { modelsRollbackCommand } from './models-rollback.ts';
import { modelsShowCommand } from './models-show.ts';

export function modelsCommand(): Command {
  return new Command('models')
    .description('Lists and shows what the registry has of each model, and makes an earlier champion champion again.')
    .addCommand(modelsListCommand())
    .addCommand(modelsShowCommand())
    .addCommand(modelsFetchCommand())
    .addCommand(modelsRollbackCommand())
    .addHelpText(
      'after',
      `
Examples:
  retrain models list
  retrain models show births
  retrain models fetch births ./model
  retrain models rollback births --reason "worse on Sundays"`,
    );
}
