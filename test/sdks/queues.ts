import { parseQueueDescription } from '../../src/topology/index.ts';
import type { QueueDescription, QueueDescriptionInput } from '../../src/topology/index.ts';

type Kind = Omit<QueueDescriptionInput, 'name'>;

/** The kinds of queue that a program finds, by the name that README.md documents. What they forward to is a kind, too, and stands before them. */
const KINDS: Readonly<Record<string, Kind>> = {
  plain: {},
  session: { requiresSession: true },
  'short-lock': { lockDuration: 'PT5S', maxDeliveryCount: 3 },
  'short-session': { lockDuration: 'PT5S', maxDeliveryCount: 3, requiresSession: true },
  duplicates: { requiresDuplicateDetection: true },
  expiring: { defaultMessageTimeToLive: 'PT2S', deadLetteringOnMessageExpiration: true },
  dropping: { defaultMessageTimeToLive: 'PT2S' },
  small: { maxMessageSizeInKilobytes: 16 },
  large: { maxMessageSizeInKilobytes: 20 * 1024 },
  forwarded: {},
  forwarding: { forwardTo: 'forwarded' },
  'dead-forwarding': { forwardDeadLetteredMessagesTo: 'forwarded' },
  'hop-6': {},
  'hop-5': { forwardTo: 'hop-6' },
  'hop-4': { forwardTo: 'hop-5' },
  'hop-3': { forwardTo: 'hop-4' },
  'hop-2': { forwardTo: 'hop-3' },
  'hop-1': { forwardTo: 'hop-2' },
  partitioned: { enablePartitioning: true },
  full: { maxSizeInMegabytes: 1 },
  disabled: { status: 'Disabled' },
  'send-disabled': { status: 'SendDisabled' },
  'receive-disabled': { status: 'ReceiveDisabled' },
};

/** Every kind exists this often, numbered, so that a case can have a queue to itself; the languages must have room in one namespace together. */
const COPIES = 30;
const MORE_COPIES: Readonly<Record<string, number>> = { plain: 150, session: 100 };

/** All queues of one language: `<prefix><kind>-1` and so on. */
export function queuesOf(prefix: string): QueueDescription[] {
  const most = Math.max(COPIES, ...Object.values(MORE_COPIES));
  const numbers = Array.from({ length: most }, (_, index) => index + 1);
  return numbers.flatMap((number) => {
    const named = (kind: string): string => `${prefix}${kind}-${number}`;
    const kinds = Object.entries(KINDS).filter(([kind]) => number <= (MORE_COPIES[kind] ?? COPIES));
    return kinds.map(([kind, { forwardTo, forwardDeadLetteredMessagesTo, ...settings }]) =>
      parseQueueDescription({
        ...settings,
        name: named(kind),
        ...(forwardTo !== undefined && { forwardTo: named(forwardTo) }),
        ...(forwardDeadLetteredMessagesTo !== undefined && {
          forwardDeadLetteredMessagesTo: named(forwardDeadLetteredMessagesTo),
        }),
      }),
    );
  });
}
