import { Command } from 'commander';
import { entitiesCountsCommand } from './entities-counts.ts';
import { entitiesCreateCommand } from './entities-create.ts';
import { entitiesDeleteCommand } from './entities-delete.ts';
import { entitiesListCommand } from './entities-list.ts';
import { entitiesShowCommand } from './entities-show.ts';
import { entitiesUpdateCommand } from './entities-update.ts';

export function entitiesCommand(): Command {
  return new Command('entities')
    .description('Lists, shows, makes, changes, deletes and counts queues, topics and subscriptions.')
    .addCommand(entitiesListCommand())
    .addCommand(entitiesShowCommand())
    .addCommand(entitiesCountsCommand())
    .addCommand(entitiesCreateCommand())
    .addCommand(entitiesUpdateCommand())
    .addCommand(entitiesDeleteCommand())
    .addHelpText(
      'after',
      `
Examples:
  retrain entities list
  retrain entities create orders --lock-duration 30s
  retrain entities counts --watch`,
    );
}
