import type { ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { RetrainError } from '../errors.ts';

/** What becomes of a message that was received. With `delete` it is gone when it leaves the broker. */
export type Settlement =
  | { readonly kind: 'complete' | 'abandon' | 'defer' | 'delete' }
  | { readonly kind: 'dead-letter'; readonly reason: string; readonly description: string | undefined };

export interface SettlementFlags {
  readonly complete?: true;
  readonly abandon?: true;
  readonly defer?: true;
  readonly delete?: true;
  readonly deadLetter?: string;
  readonly description?: string;
}

const KINDS = ['complete', 'abandon', 'defer', 'delete'] as const;

/**
 * The one that the flags choose. There is no default: whoever only wants to look does not take messages away by leaving out a
 * flag.
 *
 * @throws RetrainError `ARGUMENT_INVALID`
 */
export function chosenSettlement(flags: SettlementFlags): Settlement {
  const kinds = KINDS.filter((kind) => flags[kind]);
  const given = [...kinds.map((kind) => `--${kind}`), ...(flags.deadLetter === undefined ? [] : ['--dead-letter'])];
  if (given.length === 0)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      'say what becomes of the messages: --complete, --delete, --abandon, --defer or --dead-letter REASON; retrain peek only looks',
    );
  if (given.length > 1)
    throw new RetrainError('ARGUMENT_INVALID', `${given.join(' and ')} exclude each other: leave out all but one`);
  if (flags.description !== undefined && flags.deadLetter === undefined)
    throw new RetrainError('ARGUMENT_INVALID', '--description goes with --dead-letter REASON: add it, or leave it out');
  const [kind] = kinds;
  if (kind !== undefined) return { kind };
  return { kind: 'dead-letter', reason: flags.deadLetter ?? '', description: flags.description };
}

export async function settle(
  receiver: ServiceBusReceiver,
  message: ServiceBusReceivedMessage,
  settlement: Settlement,
): Promise<void> {
  switch (settlement.kind) {
    case 'complete':
      return receiver.completeMessage(message);
    case 'abandon':
      return receiver.abandonMessage(message);
    case 'defer':
      return receiver.deferMessage(message);
    case 'dead-letter': {
      const { reason, description } = settlement;
      const options = { deadLetterReason: reason, deadLetterErrorDescription: description ?? '' };
      return receiver.deadLetterMessage(message, options);
    }
    case 'delete':
      return;
  }
}

/** For people: what became of a message. */
export const SETTLED: Readonly<Record<Settlement['kind'], string>> = {
  complete: 'completed',
  abandon: 'given back',
  defer: 'deferred',
  'dead-letter': 'dead-lettered',
  delete: 'deleted',
};
