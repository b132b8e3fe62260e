import { Command } from 'commander';
import { dlqDiscardCommand } from './dlq-discard.ts';
import { dlqListCommand } from './dlq-list.ts';
import { dlqReplayCommand } from './dlq-replay.ts';
import { dlqShowCommand } from './dlq-show.ts';

export function dlqCommand(): Command {
  return new Command('dlq')
    .description('Lists, shows, replays and discards dead letters.')
    .addCommand(dlqListCommand())
    .addCommand(dlqShowCommand())
    .addCommand(dlqReplayCommand())
    .addCommand(dlqDiscardCommand())
    .addHelpText(
      'after',
      `
Examples:
  retrain dlq list orders
  retrain dlq show orders --reason MaxDeliveryCountExceeded
  retrain dlq replay orders --dry-run
  retrain dlq discard orders --enqueued-before 2026-01-01`,
    );
}
