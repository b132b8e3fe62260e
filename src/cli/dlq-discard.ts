import type { ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { confirmed } from './confirmation.ts';
import { answered, withOpenClient } from './connection.ts';
import type { Place } from './connection.ts';
import { drain } from './dead-letter-drain.ts';
import type { Handled } from './dead-letter-drain.ts';
import { addFilterOptions } from './dead-letter-filter.ts';
import { DeadLetterReport, deadLettersText } from './dead-letter-report.ts';
import {
  addDeadLetterOptions,
  deadLetterPlace,
  openDeadLetters,
  refuseUnknownRequest,
  select,
} from './dead-letter-selection.ts';
import type { DeadLetterFlags } from './dead-letter-selection.ts';
import { ENTITY_ARGUMENT } from './entity-address.ts';
import { Interrupt } from './interrupt.ts';

interface DiscardFlags extends DeadLetterFlags {
  readonly yes?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

export function dlqDiscardCommand(): Command {
  return addFilterOptions(addDeadLetterOptions(new Command('discard')))
    .description('Removes dead letters for good.')
    .argument('<entity>', ENTITY_ARGUMENT)
    .option('--yes', 'do not ask')
    .option('--dry-run', 'show what would be removed, and do nothing')
    .option('--json', 'print a line of JSON for every dead letter, and one at the end')
    .addHelpText(
      'after',
      `
It asks on the terminal, unless --yes is given. Those are removed that are there when it begins.

Examples:
  retrain dlq discard orders --reason TTLExpiredException --enqueued-before 2026-01-01
  retrain dlq discard events/audit --yes`,
    )
    .action(runDiscard);
}

async function runDiscard(entity: string, flags: DiscardFlags): Promise<void> {
  const given = deadLetterPlace(entity, flags);
  await withOpenClient(given.place, async (client) => {
    const { from, place, receiver } = await openDeadLetters(client, given);
    const report = new DeadLetterReport({ from, json: flags.json === true });
    const onSelected = (message: ServiceBusReceivedMessage): void => {
      if (flags.dryRun) report.planned(message);
    };
    const selection = await select(receiver, flags, { place, onSelected });
    const { wanted, more } = selection;
    refuseUnknownRequest(flags, wanted.size, from);
    if (flags.dryRun) {
      report.endPlan(`${deadLettersText(wanted.size, more)} would be removed; nothing was done`);
      return;
    }
    if (wanted.size > 0 && !flags.yes)
      await confirmed(`Remove ${deadLettersText(wanted.size, false)} of ${from} for good?`);
    using interrupt = new Interrupt(() => report.stopping());
    report.begin(wanted.size);
    try {
      const { missing } = await drain(receiver, selection, {
        place,
        signal: interrupt.signal,
        handle: (messages) => discard(receiver, messages, { place, report }),
      });
      report.missing = interrupt.signal.aborted ? 0 : missing;
    } finally {
      report.end('removed', { more, limited: flags.limit !== undefined });
    }
    report.raise(interrupt.signal.aborted);
  });
}

async function discard(
  receiver: ServiceBusReceiver,
  messages: readonly ServiceBusReceivedMessage[],
  { place, report }: { place: Place; report: DeadLetterReport },
): Promise<Handled[]> {
  const results = await Promise.allSettled(
    messages.map(async (message): Promise<Handled> => {
      try {
        await answered(receiver.completeMessage(message), place);
      } catch (error) {
        if (error instanceof RetrainError && error.code === 'LOCK_LOST') return 'again';
        throw error;
      }
      report.discarded(message);
      return 'finished';
    }),
  );
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
