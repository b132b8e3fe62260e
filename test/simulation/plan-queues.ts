import { parseQueueDescription, type QueueDescription } from '../../src/topology/index.ts';
import type { SeededRandom } from './seeded-random.ts';

export interface PlannedQueue {
  readonly description: QueueDescription;
  /** Messages for it have one of these session ids. */
  readonly sessionIds: readonly string[];
  readonly senders: number;
  readonly receivers: number;
  /** Somebody also receives from its dead-letter queue. */
  readonly deadLetterReceiver: boolean;
  /** Receivers delete what they receive, some of the time. */
  readonly deleting: boolean;
  readonly messagesPerSender: number;
  /** Messages in it may expire. */
  readonly mortal: boolean;
  /** How often somebody deletes the oldest messages. */
  readonly sweeps: number;
  /** How often somebody changes its description. */
  readonly changes: number;
  /** Where its messages, and its dead letters, are forwarded to, at times or always. */
  readonly forwardsTo: string | undefined;
  readonly forwardsDeadTo: string | undefined;
}

type Kind = 'sessions' | 'plain' | 'deleting';

/** One queue of a shape. */
interface Part {
  readonly kind: Kind;
  readonly senders?: boolean;
  readonly receivers?: boolean;
  /** Which of the shape's queues, by index, it forwards to. */
  readonly forwardsTo?: number;
  readonly forwardsDeadTo?: number;
}

/** Forwardings in a row: one more than a message may go through. */
const MAX_CHAIN = 5;
export const TTLS = ['PT1S', 'PT3S', 'PT1H', 'P10675199DT2H48M5.4775807S'] as const;
export const DELIVERY_COUNTS = [2, 4, 10] as const;

/** The queues of a run; each stands behind those that forward to it. `much`: by how much more is sent than usual. */
export function planQueues(random: SeededRandom, much: number): PlannedQueue[] {
  const parts = planShape(random);
  const mortal = random.chance(0.25);
  const forwarding = parts.some(({ forwardsTo, forwardsDeadTo }) => forwardsTo ?? forwardsDeadTo);
  const names = parts.map(({ kind }, i) => `${'abcdef'[i]}-${kind}`);
  const sessionIds = ['red', 'green', 'blue', ''].slice(0, random.between(1, 4));
  const sending = parts.filter(({ senders = true }) => senders).length;
  return parts.map((part, i) => {
    const to = part.forwardsTo === undefined ? undefined : names[part.forwardsTo];
    const deadTo = part.forwardsDeadTo === undefined ? undefined : names[part.forwardsDeadTo];
    const description = describe(random, { name: names[i] as string, part, mortal, to, deadTo });
    const senders = part.senders === false ? 0 : random.between(1, 2);
    // What is forwarded to a queue with sessions needs a session.
    const inSessions =
      part.kind === 'sessions' || (part.forwardsTo !== undefined && parts[part.forwardsTo]?.kind === 'sessions');
    return {
      description,
      sessionIds: inSessions ? sessionIds : [],
      senders,
      receivers: part.receivers === false ? 0 : random.between(1, 3),
      deadLetterReceiver: random.chance(0.4),
      deleting: part.kind === 'deleting',
      messagesPerSender: Math.floor((random.between(20, 90) * much) / sending / Math.max(1, senders)) + 4,
      mortal,
      sweeps: random.chance(0.12) ? random.between(1, 4) : 0,
      changes: random.chance(forwarding ? 0.5 : 0.25) ? random.between(1, 5) : 0,
      forwardsTo: to,
      forwardsDeadTo: deadTo,
    };
  });
}

function planShape(random: SeededRandom): Part[] {
  const dice = random.fraction();
  if (dice < 0.14) return forwardingPair(random);
  if (dice < 0.26) return deadLetterPair(random);
  if (dice < 0.32) return chain(random.between(2, MAX_CHAIN));
  const kinds = random.pick<Kind[]>([
    ['sessions'],
    ['sessions'],
    ['plain'],
    ['deleting'],
    ['sessions', 'plain'],
    ['sessions', 'deleting'],
  ]);
  return kinds.map((kind) => ({ kind }));
}

/** A session's lock may have begun before its message came, so only without other receivers the order of deliveries is known. */
function forwardingPair(random: SeededRandom): Part[] {
  const kind = random.pick<Kind>(['sessions', 'plain', 'plain', 'deleting']);
  const receivers = kind !== 'sessions' && random.chance(0.5);
  return [
    { kind: 'plain', forwardsTo: 1, receivers },
    { kind, senders: random.chance(0.5) },
  ];
}

function deadLetterPair(random: SeededRandom): Part[] {
  return [
    { kind: random.pick<Kind>(['sessions', 'plain']), forwardsDeadTo: 1 },
    { kind: random.pick<Kind>(['plain', 'deleting']), senders: random.chance(0.3) },
  ];
}

function chain(forwardings: number): Part[] {
  const links = Array.from({ length: forwardings }, (_, i): Part => {
    return { kind: 'plain', forwardsTo: i + 1, senders: i === 0, receivers: false };
  });
  return [...links, { kind: 'plain', senders: false }];
}

function describe(
  random: SeededRandom,
  queue: { name: string; part: Part; mortal: boolean; to: string | undefined; deadTo: string | undefined },
): QueueDescription {
  const { name, part, mortal, to, deadTo } = queue;
  return parseQueueDescription({
    name,
    requiresSession: part.kind === 'sessions',
    requiresDuplicateDetection: random.chance(0.7),
    duplicateDetectionHistoryTimeWindow: random.pick(['PT20S', 'PT1M', 'PT10M']),
    lockDuration: 'PT5S',
    maxDeliveryCount: random.pick(DELIVERY_COUNTS),
    ...(mortal
      ? { defaultMessageTimeToLive: random.pick(TTLS), deadLetteringOnMessageExpiration: random.chance(0.5) }
      : {}),
    ...(to === undefined || random.chance(0.2) ? {} : { forwardTo: to }),
    ...(deadTo === undefined || random.chance(0.2) ? {} : { forwardDeadLetteredMessagesTo: deadTo }),
  });
}
