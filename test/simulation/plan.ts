import type { BrokerSettings, Death } from './broker-process.ts';
import { planQueues, type PlannedQueue } from './plan-queues.ts';
import { planTopic, type PlannedTopic } from './topic-plan.ts';
import type { SeededRandom } from './seeded-random.ts';

/** How a process comes to its end, and how many timers fire before. */
export interface PlannedEnd {
  readonly afterSteps: number;
  /** So long after the next commit, deletion or change is asked for; undefined: whatever goes on. */
  readonly delicateMs: number | undefined;
  readonly death: Death;
  readonly downMs: number;
  /** What happens to the machine's wall clock meanwhile. */
  readonly wallStepMs: number;
}

/** What a seed decides before a run begins. */
export interface Plan {
  readonly broker: BrokerSettings;
  readonly queues: readonly PlannedQueue[];
  readonly topic: PlannedTopic | undefined;
  readonly ends: readonly PlannedEnd[];
  readonly maxBodyBytes: number;
  /** How many clients make transactions, and how many each. */
  readonly transactors: number;
  readonly transactionsEach: number;
}

const KIB = 1024;
/** Nothing that an old process sent is on its way any more when a new one begins to answer. */
const MIN_DOWN_MS = 5;
/** In that time a request has come and is on its way to disk, or has been answered. */
const MAX_DELICATE_MS = 1.5;
/** A batch takes half a segment at most, and has up to eight messages with what is recorded of them. */
const SHARE_OF_BODY = 20;

export function planRun(random: SeededRandom, options: { syncLies: boolean }): Plan {
  const small = random.chance(0.25);
  const transactors = random.chance(0.55) ? random.between(1, 2) : 0;
  // A transaction must fit the log as one batch.
  const unit = transactors > 0 ? 2 * KIB : KIB;
  const segmentBytes = (small ? 8 : random.pick([8, 16, 32])) * unit;
  const reserveBytes = random.pick([8, 16]) * unit;
  const capacityBytes = small ? reserveBytes + random.between(2, 4) * segmentBytes : 64 * 1024 * KIB;
  const queues = planQueues(random, small ? 2.5 : 1);
  const ends = planEnds(random);
  const transactionsEach = random.between(4, 16);
  return {
    queues,
    topic: planTopic(random),
    broker: {
      queues: queues.map(({ description }) => description),
      changing: queues.some(({ changes, forwardsTo, forwardsDeadTo }) => changes > 0 || forwardsTo || forwardsDeadTo),
      segmentBytes,
      reserveBytes,
      capacityBytes,
      syncLies: options.syncLies,
    },
    ends,
    maxBodyBytes: Math.floor(Math.min(segmentBytes, reserveBytes) / SHARE_OF_BODY),
    transactors,
    transactionsEach,
  };
}

function planEnds(random: SeededRandom): PlannedEnd[] {
  const ends: PlannedEnd[] = [];
  for (let count = random.between(1, 6); count > 0; count--) {
    const dice = random.fraction();
    ends.push({
      // A few hundred steps make a start; a thousand, some dozens of messages.
      afterSteps: random.between(1, random.pick([80, 400, 1200])),
      delicateMs: random.chance(0.5) ? random.between(0, MAX_DELICATE_MS * 1024) / 1024 : undefined,
      death: dice < 0.7 ? 'power-cut' : dice < 0.87 ? 'kill' : dice < 0.95 ? 'disk-failure' : 'shutdown',
      downMs: MIN_DOWN_MS + random.delayMs(20),
      wallStepMs: random.chance(0.1) ? random.between(-3000, 3000) : 0,
    });
  }
  return ends;
}
