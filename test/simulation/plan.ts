import { parseQueueDescription, type QueueDescription } from '../../src/topology/index.ts';
import type { BrokerSettings, Death } from './broker-process.ts';
import type { SeededRandom } from './seeded-random.ts';

/** How a process comes to its end, and how many timers fire before. */
export interface PlannedEnd {
  readonly afterSteps: number;
  readonly death: Death;
  readonly downMs: number;
  /** What happens to the machine's wall clock meanwhile. */
  readonly wallStepMs: number;
}

/** What a seed decides before a run begins. */
export interface Plan {
  readonly broker: BrokerSettings;
  readonly queues: readonly PlannedQueue[];
  readonly ends: readonly PlannedEnd[];
  readonly maxBodyBytes: number;
}

export interface PlannedQueue {
  readonly description: QueueDescription;
  readonly sessionIds: readonly string[];
  readonly senders: number;
  readonly receivers: number;
  /** Somebody also receives from its dead-letter queue. */
  readonly deadLetterReceiver: boolean;
  /** Receivers delete what they receive, some of the time. */
  readonly deleting: boolean;
  readonly messagesPerSender: number;
}

const KIB = 1024;
/** Nothing that an old process sent is on its way any more when a new one begins to answer. */
const MIN_DOWN_MS = 5;
/** A batch takes half a segment at most, and has up to eight messages with what is recorded of them. */
const SHARE_OF_BODY = 20;

export function planRun(random: SeededRandom, options: { syncLies: boolean }): Plan {
  const small = random.chance(0.25);
  const segmentBytes = small ? 8 * KIB : random.pick([8, 16, 32]) * KIB;
  const reserveBytes = random.pick([8, 16]) * KIB;
  const capacityBytes = small ? reserveBytes + random.between(2, 4) * segmentBytes : 64 * 1024 * KIB;
  const queues = planQueues(random, small ? 2.5 : 1);
  return {
    queues,
    broker: {
      queues: queues.map(({ description }) => description),
      segmentBytes,
      reserveBytes,
      capacityBytes,
      syncLies: options.syncLies,
    },
    ends: planEnds(random),
    maxBodyBytes: Math.floor(Math.min(segmentBytes, reserveBytes) / SHARE_OF_BODY),
  };
}

function planQueues(random: SeededRandom, much: number): PlannedQueue[] {
  const kinds = random.pick([
    ['sessions'],
    ['sessions'],
    ['plain'],
    ['deleting'],
    ['sessions', 'plain'],
    ['sessions', 'deleting'],
  ]);
  return kinds.map((kind) => planQueue(random, kind, kinds.length / much));
}

/** `share`: in how many parts the messages of a run are divided. */
function planQueue(random: SeededRandom, kind: string, share: number): PlannedQueue {
  const sessions = kind === 'sessions';
  const senders = random.between(1, 2);
  return {
    description: parseQueueDescription({
      name: `${kind}-queue`,
      requiresSession: sessions,
      requiresDuplicateDetection: random.chance(0.7),
      duplicateDetectionHistoryTimeWindow: random.pick(['PT20S', 'PT1M', 'PT10M']),
      lockDuration: 'PT5S',
      maxDeliveryCount: random.pick([2, 4, 10]),
    }),
    sessionIds: sessions ? ['red', 'green', 'blue', ''].slice(0, random.between(1, 4)) : [],
    senders,
    receivers: random.between(1, 3),
    deadLetterReceiver: random.chance(0.4),
    deleting: kind === 'deleting',
    messagesPerSender: Math.floor(random.between(20, 90) / share / senders) + 4,
  };
}

function planEnds(random: SeededRandom): PlannedEnd[] {
  const ends: PlannedEnd[] = [];
  for (let count = random.between(1, 6); count > 0; count--) {
    const dice = random.fraction();
    ends.push({
      // A few hundred steps make a start; a thousand, some dozens of messages.
      afterSteps: random.between(1, random.pick([80, 400, 1200])),
      death: dice < 0.7 ? 'power-cut' : dice < 0.87 ? 'kill' : dice < 0.95 ? 'disk-failure' : 'shutdown',
      downMs: MIN_DOWN_MS + random.delayMs(20),
      wallStepMs: random.chance(0.1) ? random.between(-3000, 3000) : 0,
    });
  }
  return ends;
}
